/** Opens the store that the flags ask for, and waits for one that does not answer yet. Throws: see errors.ts, and AppError ETCD_FILE. */
import { readFile } from 'node:fs/promises';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { StoreSettings } from '../config/settings.ts';
import type { Store } from './store.ts';

export interface OpenOptions {
  readonly settings: StoreSettings;
  /** How long an etcd that does not answer is waited for. */
  readonly withinMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY_MS = 1_000;

export async function openStore({ settings, withinMs, clock, log }: OpenOptions, signal: AbortSignal): Promise<Store> {
  if (settings.kind === 'embedded') {
    const { EmbeddedStore } = await import('./embedded.ts');
    return EmbeddedStore.open({ dir: settings.dir, clock, log, history: { keepMs: settings.historyMs } });
  }
  const { endpoints, ca, certificate, key } = settings;
  const read = (file: string | undefined, flag: string): Promise<Buffer> | undefined =>
    file === undefined
      ? undefined
      : readFile(file).catch((err: unknown) => {
          throw new AppError(
            'ETCD_FILE',
            `Cannot read ${file} (${flag}): check that it exists and that this user may read it`,
            { file },
            err,
          );
        });
  const [caPem, cert, keyPem] = await Promise.all([
    read(ca, '--etcd-cafile'),
    read(certificate, '--etcd-certfile'),
    read(key, '--etcd-keyfile'),
  ]);
  const tls = caPem === undefined ? undefined : { ca: caPem, ...(cert === undefined || keyPem === undefined ? {} : { cert, key: keyPem }) };
  if (tls === undefined && cert !== undefined) {
    throw new AppError('ETCD_FILE', 'Cannot use --etcd-certfile without --etcd-cafile: name the CA that signed the certificate of etcd');
  }
  const { EtcdStore } = await import('./etcd.ts');
  const untilMs = clock.monotonicMs() + withinMs;
  for (;;) {
    try {
      return await EtcdStore.open({ endpoints, clock, log, ...(tls === undefined ? {} : { tls }) });
    } catch (err) {
      if (signal.aborted || codeOf(err) !== 'STORE_UNAVAILABLE' || clock.monotonicMs() >= untilMs) throw err;
      log.warn('The store does not answer yet', { endpoints: endpoints.join(','), retryInMs: RETRY_MS, err });
    }
    await clock.sleep(RETRY_MS, signal);
  }
}
