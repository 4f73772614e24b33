/**
 * The certificate a daemon serves with: the one it was given, or a self-signed one, in memory or kept in --cert-dir.
 * Throws: AppError TLS_FILE.
 */
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { replaceFile } from '#base/replaceFile.ts';
import { Authority, type KeyPairPem } from '../../pki/issue.ts';
import type { ServingSettings } from '../settings.ts';

const YEAR_MS = 365 * 86_400_000;
/** Clocks of machines differ. */
const BEFORE_MS = 3_600_000;

export interface KeyPairOptions {
  readonly program: string;
  readonly settings: Pick<ServingSettings, 'certificate' | 'key' | 'certDir' | 'host'>;
  readonly nowMs: number;
  readonly log: Logger;
}

export async function keyPairOf({ program, settings, nowMs, log }: KeyPairOptions): Promise<KeyPairPem> {
  const { certificate, key, certDir, host } = settings;
  if (certificate !== undefined && key !== undefined) {
    return { certificate: await readPem(certificate, '--tls-cert-file'), key: await readPem(key, '--tls-private-key-file') };
  }
  const files = certDir === undefined ? undefined : { certificate: join(certDir, `${program}.crt`), key: join(certDir, `${program}.key`) };
  const kept =
    files === undefined
      ? undefined
      : await Promise.all([readFile(files.certificate, 'utf8'), readFile(files.key, 'utf8')]).catch(() => undefined);
  if (kept !== undefined) return { certificate: kept[0], key: kept[1] };
  const dates = { notBefore: new Date(nowMs - BEFORE_MS), notAfter: new Date(nowMs + YEAR_MS) };
  const authority = await Authority.make(`${program}-ca`, dates);
  const names = [...new Set([hostname(), 'localhost', '127.0.0.1', ...(/^(0\.0\.0\.0|::)$/.test(host) ? [] : [host])])];
  const made = await authority.issue({ ...dates, subject: `CN=${program}`, usages: ['server'], names });
  const pair = { certificate: `${made.certificate}\n${authority.pem.certificate}`, key: made.key };
  if (files !== undefined && certDir !== undefined) {
    await replaceFile(files.key, pair.key, { mode: 0o600, dirMode: 0o700 });
    await replaceFile(files.certificate, pair.certificate, { mode: 0o600 });
    log.info('Made a self-signed certificate', { file: files.certificate });
  }
  return pair;
}

export async function readPem(file: string, flag: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch((err: unknown) => {
    throw new AppError('TLS_FILE', `Cannot read ${file} (${flag}): check that it exists and that this user may read it`, { file }, err);
  });
  if (!text.includes('-----BEGIN ')) throw new AppError('TLS_FILE', `Cannot use ${file} (${flag}): it holds no PEM block`, { file });
  return text;
}
