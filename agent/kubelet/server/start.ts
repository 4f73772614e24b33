/** Puts the HTTP API on its ports. What it needs for TLS is loaded here, at once only when it is switched on. */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Settings } from '../config/settings.ts';
import { lifeOf } from '../certificates/act.ts';
import type { Join } from '../cluster/join.ts';
import type { ApiDeps } from './api.ts';
import type { KeyPair } from './pki.ts';

export interface ServerOptions {
  readonly api: ApiDeps;
  readonly settings: Settings;
  readonly nodeName: string;
  readonly addresses: readonly string[];
  readonly joined: Join | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Resolves when it listens. Throws what secure.ts and pki.ts throw. */
export async function startServer(
  { api, settings, nodeName, addresses, joined, clock, log }: ServerOptions,
  signal: AbortSignal,
): Promise<void> {
  const { server, certDir } = settings;
  if (!server.enabled) return;
  const [{ serveSecure }, { loadKeyPair }, { Auth }] = await Promise.all([import('./secure.ts'), import('./pki.ts'), import('./auth.ts')]);
  const reviewer =
    joined === undefined
      ? undefined
      : (await import('#client/reviews.ts')).openReviewer(joined.config, { clock, log, userAgent: 'kubelet' }, signal);
  const auth = new Auth({ settings: server, nodeName, clock, reviewer });
  const keyPair = await loadKeyPair({ files: server.tls.files, certDir, nodeName, addresses, nowMs: clock.nowMs(), log }, signal);
  const serves = ({ certificate }: KeyPair): void => api.metrics.certificates.inUse('serving', lifeOf(certificate).toMs);
  serves(keyPair);
  // Differs: until the cluster has given its certificate the self-signed one serves; upstream serves nobody until then.
  const onKeyPair = (use: (pair: KeyPair) => void): void =>
    joined?.onServed((pem) => {
      const pair = { certificate: pem, key: pem };
      serves(pair);
      use(pair);
    });
  await serveSecure({ api, auth, settings: server, keyPair, onKeyPair, log }, signal);
}
