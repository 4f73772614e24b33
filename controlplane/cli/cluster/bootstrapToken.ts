/**
 * Bootstrap tokens: what a node that is to join is given, and the Secret that the cluster knows it by. Pure. Units: milliseconds.
 * Source: "Authenticating with Bootstrap Tokens" in the Kubernetes documentation; usages, groups and the day of life as kubeadm has them.
 */
import type { Secret } from '#api/kinds/core/config.ts';
import { AppError } from '#base/errors.ts';

export const JOINERS = 'system:bootstrappers:kubeadm:default-node-token';
export const DEFAULT_TTL_MS = 24 * 3_600_000;
export const USAGES = ['signing', 'authentication'] as const;

export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

/** Throws AppError TOKEN_INVALID; the message does not repeat a secret. */
export function parseToken(text: string): BootstrapToken {
  const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(text) ?? [];
  if (id === undefined || secret === undefined)
    throw new AppError('TOKEN_INVALID', 'The token is none: want six letters or digits, a dot and sixteen more, in lower case');
  return { id, secret };
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyz0123456789';

/** randomInt: 0 <= x < most, hard to guess. */
export function newToken(randomInt: (most: number) => number): BootstrapToken {
  const word = (length: number): string => Array.from({ length }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  return { id: word(6), secret: word(16) };
}

export interface TokenOptions {
  /** 0: it never ends. */
  readonly ttlMs: number;
  readonly usages: readonly string[];
  readonly groups: readonly string[];
  readonly description: string | undefined;
  readonly nowMs: number;
}

export const secretName = (id: string): string => `bootstrap-token-${id}`;

export function tokenSecret({ id, secret }: BootstrapToken, { ttlMs, usages, groups, description, nowMs }: TokenOptions): Secret {
  const data = {
    'token-id': id,
    'token-secret': secret,
    ...(ttlMs === 0 ? {} : { expiration: new Date(nowMs + ttlMs).toISOString().replace(/\.\d+Z$/, 'Z') }),
    ...Object.fromEntries(usages.map((usage) => [`usage-bootstrap-${usage}`, 'true'])),
    ...(groups.length === 0 ? {} : { 'auth-extra-groups': groups.join(',') }),
    ...(description === undefined ? {} : { description }),
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: secretName(id), namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: data,
  };
}

export interface TokenRow {
  readonly token: string;
  readonly expires: string;
  readonly usages: string;
  readonly groups: string;
  readonly description: string;
}

/** For `token list`; undefined: it is no bootstrap token. */
export function rowOf({ data = {} }: Pick<Secret, 'data'>, nowMs: number): TokenRow | undefined {
  const text = (name: string): string => Buffer.from(data[name] ?? '', 'base64').toString();
  const token = `${text('token-id')}.${text('token-secret')}`;
  if (!/^[a-z0-9]{6}\.[a-z0-9]{16}$/.test(token)) return undefined;
  const expiration = text('expiration');
  const usages = USAGES.filter((usage) => text(`usage-bootstrap-${usage}`) === 'true');
  return {
    token,
    expires: expiration === '' ? '<forever>' : Date.parse(expiration) > nowMs ? expiration : '<invalid>',
    usages: usages.toSorted().join(','),
    groups: text('auth-extra-groups') || '<none>',
    description: text('description') || '<none>',
  };
}
