/** Puts the HTTP API on its ports. What it needs for TLS is loaded here, at once only when it is switched on. */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Settings } from '../config/settings.ts';
import type { ApiDeps } from './api.ts';

export interface ServerOptions {
  readonly api: ApiDeps;
  readonly settings: Settings;
  readonly nodeName: string;
  readonly addresses: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

/** Resolves when it listens. Throws what secure.ts and pki.ts throw. */
export async function startServer({ api, settings, nodeName, addresses, clock, log }: ServerOptions, signal: AbortSignal): Promise<void> {
  const { server, certDir } = settings;
  if (!server.enabled) return;
  const [{ serveSecure }, { loadKeyPair }, { Auth }] = await Promise.all([import('./secure.ts'), import('./pki.ts'), import('./auth.ts')]);
  const { kubeconfig } = settings;
  const reviewer =
    kubeconfig === undefined ? undefined : await (await import('./reviewer.ts')).openReviewer(kubeconfig, { clock, log }, signal);
  const auth = new Auth({ settings: server, nodeName, clock, reviewer });
  const keyPair = await loadKeyPair({ files: server.tls.files, certDir, nodeName, addresses, nowMs: clock.nowMs(), log }, signal);
  await serveSecure({ api, auth, settings: server, keyPair, log }, signal);
}
