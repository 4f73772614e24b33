/** The TLS side of the secure port. HTTP/1.1 only, see server.ts. */
import { readFile } from 'node:fs/promises';
import type { TlsOptions } from 'node:tls';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';

/** PEM texts. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: string;
  /** CAs whose certificates identify clients. Absent: clients are not asked for certificates. */
  readonly clientCa?: string | undefined;
  /** Default: TLSv1.2. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
}

export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa?: string | undefined;
}

/** Upstream looks as often where the kernel does not tell it of changes. */
const LOOK_EVERY_MS = 60_000;

export async function readTlsFiles(files: TlsFiles): Promise<TlsMaterial> {
  const [certificate, key, clientCa] = await Promise.all([
    readPem(files.certificate, '--tls-cert-file'),
    readPem(files.key, '--tls-private-key-file'),
    files.clientCa === undefined ? undefined : readPem(files.clientCa, '--client-ca-file'),
  ]);
  return { certificate, key, clientCa };
}

export async function readPem(file: string, flag: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((err: unknown) => {
    throw new AppError('TLS_FILE', `Cannot read ${file} (${flag}): check that it exists and that this user may read it`, { file }, err);
  });
  if (!text.includes('-----BEGIN ')) {
    throw new AppError('TLS_FILE', `Cannot use ${file} (${flag}): it holds no PEM block`, { file });
  }
  return text;
}

export interface FollowOptions {
  readonly files: TlsFiles;
  readonly now: TlsMaterial;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onChange: (material: TlsMaterial) => void;
}

/** Certificates are renewed while the server runs: reads the files again now and then, until the signal aborts. */
export async function followTlsFiles({ files, now, clock, log, onChange }: FollowOptions, signal: AbortSignal): Promise<void> {
  let last = now;
  while (!signal.aborted) {
    await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const found = await readTlsFiles(files);
      if (found.certificate === last.certificate && found.key === last.key && found.clientCa === last.clientCa) continue;
      // Halfway through a renewal the key does not fit the certificate: then the old pair stays until the next look.
      onChange({ ...found, ...(now.minVersion === undefined ? {} : { minVersion: now.minVersion }) });
      last = found;
      log.info('Certificates have changed and are in use', { file: files.certificate });
    } catch (err) {
      log.warn('Cannot use changed certificates, the old ones stay', { retryInMs: LOOK_EVERY_MS, err });
    }
  }
}

export function tlsOptions({ certificate, key, clientCa, minVersion = 'TLSv1.2' }: TlsMaterial): TlsOptions {
  return {
    cert: certificate,
    key,
    minVersion,
    ALPNProtocols: ['http/1.1'],
    // A client without a good certificate may still have a token, so authentication decides and not the handshake.
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
  };
}
