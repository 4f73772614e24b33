/**
 * What every request goes through before its handler: who is it, as whom does it act, are we full, may it do this; then audit and route.
 */
import type { Answer, ApiCall, UserInfo } from './call.ts';
import type { Audit } from './audit.ts';
import type { Authenticator } from './authn/authenticator.ts';
import { impersonate } from './authn/impersonation.ts';
import { attributesOf, type Attributes, type Authorizer } from './authz/authorizer.ts';
import { forbiddenText } from './authz/messages.ts';
import { answerOfError } from './failures.ts';
import { forbidden } from './status.ts';

/** A call whose user is being found out. */
export interface PendingCall extends ApiCall {
  user: UserInfo;
  impersonator: UserInfo | undefined;
}

export interface PipelineOptions {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly audit: Audit;
  /** Throws TooManyRequests; returns how to leave. */
  readonly enter: (call: ApiCall) => () => void;
  readonly route: (call: ApiCall) => Promise<Answer>;
}

export function makePipeline({ authenticator, authorizer, audit, enter, route }: PipelineOptions): (call: PendingCall) => Promise<Answer> {
  return async (call) => {
    const found = authenticator.authenticate(call);
    call.user = found instanceof Promise ? await found : found;
    const actsAs = impersonate(call, authorizer);
    if (actsAs !== undefined) {
      call.impersonator = call.user;
      call.user = actsAs;
    }
    const record = audit.begin(call);
    const leave = enter(call);
    try {
      const attributes = attributesOf(call);
      const { decision, reason } = authorizer.authorize(attributes);
      record?.decided(decision, reason);
      if (decision !== 'allow') throw forbidden(attributes, attributes.name, forbiddenText(attributes, reason));
      if (isEntrance(attributes)) requireCreate(attributes, authorizer);
      const answer = await route(call);
      record?.answered(answer);
      return answer;
    } catch (err) {
      record?.answered(answerOfError(err));
      throw err;
    } finally {
      leave();
    }
  };
}

const ENTRANCES = new Set(['exec', 'attach', 'portforward']);

/** A WebSocket begins with a GET, but whoever gets into a pod does more than read. Source: upstream asks for create since Kubernetes 1.35. */
function isEntrance({ verb, group, resource, subresource }: Attributes): boolean {
  return verb === 'get' && group === '' && resource === 'pods' && ENTRANCES.has(subresource);
}

function requireCreate(attributes: Attributes, authorizer: Authorizer): void {
  const asked = { ...attributes, verb: 'create' };
  const { decision, reason } = authorizer.authorize(asked);
  if (decision !== 'allow') throw forbidden(asked, asked.name, forbiddenText(asked, reason));
}
