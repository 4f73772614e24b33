/** A certificate for a server that was given none, kept so that it is the same after a restart. Source: upstream's --cert-dir, apiserver.crt and apiserver.key. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { replaceFile } from '#base/replaceFile.ts';

const YEAR_MS = 365 * 86_400_000;

export interface SelfSignedOptions {
  readonly dir: string;
  readonly names: readonly string[];
  readonly clock: Clock;
  readonly log: Logger;
}

export async function ensureSelfSigned({ dir, names, clock, log }: SelfSignedOptions): Promise<{ certificate: string; key: string }> {
  const files = { certificate: join(dir, 'apiserver.crt'), key: join(dir, 'apiserver.key') };
  if (existsSync(files.certificate) && existsSync(files.key)) return files;
  const { makePki } = await import('../dev/pki.ts');
  const { ca, server } = await makePki({ names, nowMs: clock.nowMs(), validMs: YEAR_MS });
  await replaceFile(files.key, server.key, { mode: 0o600, dirMode: 0o700 });
  await replaceFile(files.certificate, `${server.certificate}\n${ca}`, { mode: 0o600 });
  log.warn('Made a self-signed certificate, because --tls-cert-file was not given', { file: files.certificate });
  return files;
}
