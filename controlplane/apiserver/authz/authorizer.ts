/** May this user do this? The first authorizer with an opinion decides; without any the answer is no. Pure types and the union of authorizers. */
import type { ApiCall, UserInfo } from '../call.ts';
import { parseFieldSelector, type FieldSelector } from '../cache/fieldSelector.ts';

export interface Attributes {
  readonly user: UserInfo;
  readonly verb: string;
  readonly isResource: boolean;
  readonly group: string;
  readonly version: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** For requests that are about no resource. */
  readonly path: string;
  /** What a list or watch is limited to, read when somebody asks; what cannot be read limits nothing. */
  readonly fields?: () => FieldSelector;
}

export type Decision = 'allow' | 'deny' | 'noOpinion';

export interface Opinion {
  readonly decision: Decision;
  readonly reason: string;
}

/** One rule of what a user may do, in the form in which reviews tell it. */
export interface RuleView {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

export interface Authorizer {
  authorize(attributes: Attributes): Opinion;
  /** Everything the user may do in a namespace, as far as rules tell. */
  rulesFor(user: UserInfo, namespace: string): RulesFound;
}

export interface RulesFound {
  readonly rules: readonly RuleView[];
  readonly incomplete: boolean;
  /** Why it is incomplete. */
  readonly problem?: string;
}

export const NO_OPINION: Opinion = { decision: 'noOpinion', reason: '' };

export function attributesOf(call: ApiCall): Attributes {
  const { info, user } = call;
  if (info.kind === 'path') {
    return {
      user,
      verb: info.verb,
      isResource: false,
      group: '',
      version: '',
      resource: '',
      subresource: '',
      namespace: '',
      name: '',
      path: info.path,
    };
  }
  const { verb, group, version, resource, subresource, namespace, name } = info;
  const selector = SELECTING.has(verb) ? (call.query.get('fieldSelector') ?? '') : '';
  return {
    user,
    verb,
    isResource: true,
    group,
    version,
    resource,
    subresource,
    namespace,
    name,
    path: call.path,
    ...(selector === '' ? {} : { fields: () => readSelector(selector) }),
  };
}

const SELECTING = new Set(['list', 'watch', 'deletecollection']);

function readSelector(text: string): FieldSelector {
  try {
    return parseFieldSelector(text);
  } catch {
    return [];
  }
}

export class UnionAuthorizer implements Authorizer {
  readonly #members: readonly Authorizer[];

  constructor(members: readonly Authorizer[]) {
    this.#members = members;
  }

  authorize(attributes: Attributes): Opinion {
    const reasons: string[] = [];
    for (const member of this.#members) {
      const opinion = member.authorize(attributes);
      if (opinion.decision !== 'noOpinion') return opinion;
      if (opinion.reason !== '') reasons.push(opinion.reason);
    }
    return reasons.length === 0 ? NO_OPINION : { decision: 'noOpinion', reason: reasons.join('\n') };
  }

  rulesFor(user: UserInfo, namespace: string): RulesFound {
    const all = this.#members.map((member) => member.rulesFor(user, namespace));
    const problems = all.flatMap(({ problem }) => (problem === undefined ? [] : [problem]));
    return {
      rules: all.flatMap((found) => found.rules),
      incomplete: all.some((found) => found.incomplete),
      ...(problems.length === 0 ? {} : { problem: problems.join('; ') }),
    };
  }
}

const EVERYTHING: readonly RuleView[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export const MASTERS = 'system:masters';

/** The group that may do anything, so that no mistake in the rules can lock everybody out. */
export const mastersAuthorizer: Authorizer = {
  authorize: ({ user }) => (user.groups.includes(MASTERS) ? { decision: 'allow', reason: '' } : NO_OPINION),
  rulesFor: ({ groups }) => ({ rules: groups.includes(MASTERS) ? EVERYTHING : [], incomplete: false }),
};

/** --authorization-mode=AlwaysAllow */
export const alwaysAllow: Authorizer = {
  authorize: () => ({ decision: 'allow', reason: '' }),
  rulesFor: () => ({ rules: EVERYTHING, incomplete: false }),
};
