/** The TLS side of the secure port. HTTP/1.1 only, see server.ts. */
import { readFile } from 'node:fs/promises';
import type { TlsOptions } from 'node:tls';
import { AppError } from '#base/errors.ts';

/** PEM texts. */
export interface TlsMaterial {
  readonly certificate: string;
  readonly key: string;
  /** CAs whose certificates identify clients. Absent: clients are not asked for certificates. */
  readonly clientCa?: string | undefined;
}

export interface TlsFiles {
  readonly certificate: string;
  readonly key: string;
  readonly clientCa?: string | undefined;
}

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

export function tlsOptions({ certificate, key, clientCa }: TlsMaterial): TlsOptions {
  return {
    cert: certificate,
    key,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    // A client without a good certificate may still have a token, so authentication decides and not the handshake.
    ...(clientCa === undefined ? {} : { ca: clientCa, requestCert: true, rejectUnauthorized: false }),
  };
}
