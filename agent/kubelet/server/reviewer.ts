/**
 * Asks the API server of --kubeconfig who a token belongs to (TokenReview) and what a user may do with this node (SubjectAccessReview).
 * Throws: what #client throws; KUBECONFIG_*.
 */
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import type { ClientConfig } from '#client/config.ts';
import type { Client } from '#client/rest.ts';
import type { Reviewer, User } from './auth.ts';

/** Whoever waits for an answer of ours waits for this. */
const TIMEOUT_MS = 10_000;

export function openReviewer(
  config: ClientConfig,
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  signal: AbortSignal,
): Reviewer {
  // No limit of its own: answers are cached, and a request that waits for its turn here is one that is refused.
  const client = connect({ config, clock, log, userAgent: 'kubelet', qps: -1, timeoutMs: TIMEOUT_MS });
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
    async access(user, { verb, subresource, node }, signal) {
      const spec = {
        user: user.name,
        groups: user.groups,
        ...(user.uid === undefined ? {} : { uid: user.uid }),
        ...(user.extra === undefined ? {} : { extra: user.extra }),
        resourceAttributes: { verb, group: '', version: 'v1', resource: 'nodes', subresource, name: node },
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
