/**
 * Asks the API server who a token belongs to (TokenReview) and what somebody may do (SubjectAccessReview), for servers of ours that leave
 * both to it. What was said is kept for a while by answers.ts.
 * Throws: what the client throws; WEBHOOK_FAILED.
 */
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { ClientConfig } from './config.ts';
import { connect } from './connect.ts';
import type { Client } from './rest.ts';

export interface User {
  readonly name: string;
  readonly uid?: string;
  readonly groups: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export type Wanted =
  | {
      readonly resource: {
        readonly verb: string;
        readonly group: string;
        readonly version: string;
        readonly resource: string;
        readonly subresource: string;
        readonly name: string;
      };
    }
  | { readonly path: string; readonly verb: string };

/** Both throw when there is no answer. */
export interface Reviewer {
  /** undefined: no good token. */
  token(token: string, signal: AbortSignal): Promise<User | undefined>;
  access(user: User, wanted: Wanted, signal: AbortSignal): Promise<{ readonly allowed: boolean; readonly reason?: string }>;
}

/** Whoever waits for an answer of ours waits for this. */
const TIMEOUT_MS = 10_000;

export function openReviewer(
  config: ClientConfig,
  { clock, log, userAgent }: { readonly clock: Clock; readonly log: Logger; readonly userAgent: string },
  signal: AbortSignal,
): Reviewer {
  // No limit of its own: answers are cached, and a request that waits for its turn here is one that is refused.
  const client = connect({ config, clock, log, userAgent, qps: -1, timeoutMs: TIMEOUT_MS });
  signal.addEventListener('abort', () => client.close(), { once: true });
  return reviewerOf(client);
}

export function reviewerOf(client: Client): Reviewer {
  return {
    async token(token, signal) {
      const answer = await review(client, 'authentication.k8s.io/v1', 'TokenReview', { token }, signal);
      if (answer['authenticated'] !== true) return undefined;
      return userOf(answer['user']);
    },
    async access(user, wanted, signal) {
      const spec = {
        user: user.name,
        groups: user.groups,
        ...(user.uid === undefined ? {} : { uid: user.uid }),
        ...(user.extra === undefined ? {} : { extra: user.extra }),
        ...('resource' in wanted ? { resourceAttributes: wanted.resource } : { nonResourceAttributes: wanted }),
      };
      const answer = await review(client, 'authorization.k8s.io/v1', 'SubjectAccessReview', spec, signal);
      const reason = answer['reason'];
      return { allowed: answer['allowed'] === true && answer['denied'] !== true, ...(typeof reason === 'string' ? { reason } : {}) };
    },
  };
}

async function review(
  client: Client,
  apiVersion: string,
  kind: string,
  spec: object,
  signal: AbortSignal,
): Promise<Readonly<Record<string, unknown>>> {
  const path = `/apis/${apiVersion}/${kind.toLowerCase()}s`;
  const answer = (await client.json('POST', path, { body: { apiVersion, kind, metadata: {}, spec }, signal })) as {
    status?: unknown;
  } | null;
  if (typeof answer?.status !== 'object' || answer.status === null)
    throw new AppError('WEBHOOK_FAILED', `The API server answered a ${kind} without a status`);
  return answer.status as Readonly<Record<string, unknown>>;
}

function userOf(user: unknown): User {
  const { username, uid, groups, extra } = (user ?? {}) as Readonly<Record<string, unknown>>;
  if (typeof username !== 'string' || username === '')
    throw new AppError('WEBHOOK_FAILED', 'The API server took a token and named no user');
  const texts = (value: unknown): string[] => (Array.isArray(value) ? value.filter((v) => typeof v === 'string') : []);
  return {
    name: username,
    groups: texts(groups),
    ...(typeof uid === 'string' && uid !== '' ? { uid } : {}),
    ...(typeof extra === 'object' && extra !== null
      ? { extra: Object.fromEntries(Object.entries(extra).map(([k, v]) => [k, texts(v)])) }
      : {}),
  };
}
