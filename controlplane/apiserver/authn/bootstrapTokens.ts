/**
 * The tokens with which new nodes join: Secrets of type bootstrap.kubernetes.io/token in kube-system.
 * Source: the bootstrap token authentication of Kubernetes 1.36 (names of keys, groups and users).
 */
import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '#base/clock.ts';
import type { Secret } from '#api/kinds/core/config.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import type { TokenAuthenticator } from './authenticator.ts';
import { digest } from './secretTable.ts';

const TOKEN = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const GROUP = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;
const TYPE = 'bootstrap.kubernetes.io/token';

export function bootstrapTokens(secrets: ResourceCache, clock: Clock): TokenAuthenticator {
  return {
    name: 'bootstrap token',
    authenticate(token) {
      const [, id, secret] = TOKEN.exec(token) ?? [];
      if (id === undefined || secret === undefined) return undefined;
      const found = secrets.get(`kube-system/bootstrap-token-${id}`);
      if (found === undefined) return undefined;
      const stored = found.decode() as Secret;
      if (stored.type !== TYPE || stored.metadata.deletionTimestamp !== undefined) return undefined;
      const data = (name: string): string => Buffer.from(stored.data?.[name] ?? '', 'base64').toString();
      if (data('token-id') !== id || !sameSecret(data('token-secret'), secret)) return undefined;
      const expires = data('expiration');
      if (expires !== '' && !(Date.parse(expires) > clock.nowMs())) return undefined;
      if (data('usage-bootstrap-authentication') !== 'true') return undefined;
      const extra = data('auth-extra-groups')
        .split(',')
        .filter((group) => group !== '');
      if (!extra.every((group) => GROUP.test(group))) return undefined;
      return { user: { name: `system:bootstrap:${id}`, groups: ['system:bootstrappers', ...extra] } };
    },
  };
}

function sameSecret(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(digest(a)), Buffer.from(digest(b)));
}
