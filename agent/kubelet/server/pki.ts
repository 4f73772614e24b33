/**
 * The certificate the kubelet serves with: the one of the configuration, or a self-signed one that is made once, kept in --cert-dir
 * (readable by root alone) and made anew when it ends soon or is for other names.
 * Throws: AppError TLS_FILE (a file cannot be read or is no PEM), TLS_SELF_SIGN (it cannot be made).
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { replaceFile } from '#base/replaceFile.ts';
import { makeSelfSigned } from './selfSigned.ts';

export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

export interface PkiOptions {
  readonly files: { readonly certificate: string; readonly key: string } | undefined;
  readonly certDir: string;
  readonly nodeName: string;
  readonly addresses: readonly string[];
  readonly nowMs: number;
  readonly log: Logger;
}

/** A self-signed one is made anew this long before its end. */
const RENEW_MS = 30 * 24 * 3_600_000;

export async function loadKeyPair(options: PkiOptions, signal: AbortSignal): Promise<KeyPair> {
  const { files } = options;
  if (files === undefined) return selfSigned(options, signal);
  const [certificate, key] = await Promise.all([readPem(files.certificate, 'tlsCertFile'), readPem(files.key, 'tlsPrivateKeyFile')]);
  const problem = pairProblem({ certificate, key });
  if (problem !== undefined) throw new AppError('TLS_FILE', `Cannot use ${files.certificate} with ${files.key}: ${problem}`);
  return { certificate, key };
}

export async function readPem(file: string, field: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((err: unknown) => {
    throw new AppError('TLS_FILE', `Cannot read ${file} (${field}): check that it is there`, { file }, err);
  });
  if (!text.includes('-----BEGIN ')) throw new AppError('TLS_FILE', `Cannot use ${file} (${field}): it holds no PEM block`, { file });
  return text;
}

/** undefined: the two belong together. */
export function pairProblem({ certificate, key }: KeyPair): string | undefined {
  try {
    return new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key)) ? undefined : 'the key is not the certificate’s';
  } catch (err) {
    return err instanceof Error ? err.message : String(err);
  }
}

/** Why a kept self-signed certificate will not do; undefined: it does. */
export function staleBecause(
  pair: KeyPair,
  { nodeName, addresses, nowMs }: Pick<PkiOptions, 'nodeName' | 'addresses' | 'nowMs'>,
): string | undefined {
  const problem = pairProblem(pair);
  if (problem !== undefined) return problem;
  const certificate = new X509Certificate(pair.certificate);
  if (certificate.validToDate.getTime() < nowMs + RENEW_MS) return `it ends ${certificate.validTo}`;
  if (certificate.checkHost(nodeName) === undefined) return `it is not for ${nodeName}`;
  const missing = addresses.find((address) => certificate.checkIP(address) === undefined);
  return missing === undefined ? undefined : `it is not for ${missing}`;
}

async function selfSigned(options: PkiOptions, signal: AbortSignal): Promise<KeyPair> {
  const { certDir, nodeName, addresses, nowMs, log } = options;
  const certificate = join(certDir, 'kubelet.crt');
  const key = join(certDir, 'kubelet.key');
  const kept = await Promise.all([readFile(certificate, 'utf8'), readFile(key, 'utf8')]).catch(() => undefined);
  const names = [...new Set([...addresses, '127.0.0.1', '::1'])];
  if (kept !== undefined) {
    const pair = { certificate: kept[0], key: kept[1] };
    const stale = staleBecause(pair, { nodeName, addresses: names, nowMs });
    if (stale === undefined) return pair;
    log.info('Making a new self-signed certificate', { file: certificate, why: stale });
  }
  try {
    const pair = makeSelfSigned(nodeName, [...names, 'localhost'], nowMs);
    await replaceFile(key, pair.key, { mode: 0o600, dirMode: 0o700 });
    await replaceFile(certificate, pair.certificate, { mode: 0o600 });
    return pair;
  } catch (err) {
    signal.throwIfAborted();
    throw new AppError(
      'TLS_SELF_SIGN',
      `Cannot make a self-signed certificate in ${certDir}: make it writable, or give tlsCertFile and tlsPrivateKeyFile`,
      {},
      err,
    );
  }
}
