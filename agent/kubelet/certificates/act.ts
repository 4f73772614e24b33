/**
 * The files of certificates that were asked for: NAME-DATE.pem with certificate and key, and a link NAME-current.pem that names the one in
 * use, as upstream lays them out. For root alone, and never half a file.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readdir, readFile, readlink, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { codeOf } from '#base/errors.ts';
import { replaceFile } from '#base/replaceFile.ts';
import { run } from '../../linux/exec.ts';

const GENERATOR = new URL('generate.ts', import.meta.url).pathname;

export interface Request {
  /** PEM texts. */
  readonly key: string;
  readonly request: string;
}

export interface Life {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Subject {
  readonly commonName: string;
  readonly organization: string;
  readonly names: readonly string[];
}

export async function makeRequest({ commonName, organization, names }: Subject, signal: AbortSignal): Promise<Request> {
  const argv = [process.execPath, '--disable-warning=ExperimentalWarning', GENERATOR, commonName, organization, ...names] as const;
  const { stdout } = await run(argv, { signal });
  return JSON.parse(stdout) as Request;
}

export const currentFile = (dir: string, name: string): string => join(dir, `${name}-current.pem`);

/** Certificate and key in one text; undefined: there is none. */
export async function readCurrent(dir: string, name: string): Promise<string | undefined> {
  return readText(currentFile(dir, name));
}

export async function writeCurrent(dir: string, name: string, pem: string, nowMs: number): Promise<void> {
  const stamp = new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[T:]/g, '-');
  const file = `${name}-${stamp}.pem`;
  await replaceFile(join(dir, file), pem, { mode: 0o600, dirMode: 0o700 });
  const link = currentFile(dir, name);
  const before = await readlink(link).catch(() => undefined);
  await rm(`${link}.new`, { force: true });
  await symlink(file, `${link}.new`);
  await rename(`${link}.new`, link);
  // The one before stays for whoever has it open; older ones go.
  const old = (await readdir(dir)).filter((f) => /^kubelet-(client|server)-\d[\d-]*\.pem$/.test(f) && f.startsWith(`${name}-`));
  for (const f of old) if (f !== file && f !== before) await rm(join(dir, f), { force: true });
}

/** Throws on what is no certificate. */
export function lifeOf(pem: string): Life {
  const certificate = new X509Certificate(pem);
  return { fromMs: certificate.validFromDate.getTime(), toMs: certificate.validToDate.getTime() };
}

export async function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch((err: unknown) => {
    if (codeOf(err) === 'ENOENT') return undefined;
    throw err;
  });
}

/** When a certificate ends; undefined: there is none, or it cannot be read now. */
export function endOf(source: CertificateSource | undefined): number | undefined {
  try {
    return source === undefined ? undefined : lifeOf(textOf(source)).toMs;
  } catch {
    return undefined;
  }
}

type CertificateSource = { readonly kind: 'text'; readonly text: string } | { readonly kind: 'file'; readonly path: string };
const textOf = (source: CertificateSource): string => (source.kind === 'text' ? source.text : readFileSync(source.path, 'utf8'));

/** What is wrong with a certificate by its dates; undefined: nothing, or it cannot be read now. */
export function datesProblem(source: CertificateSource | undefined, nowMs: number): string | undefined {
  if (source === undefined) return undefined;
  try {
    const { fromMs, toMs } = lifeOf(textOf(source));
    const date = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
    if (toMs <= nowMs)
      return `our client certificate ended on ${date(toMs)}: renew it (kijabi certs renew, or --bootstrap-kubeconfig), or set the clock`;
    return fromMs > nowMs ? `our client certificate begins on ${date(fromMs)}: is the clock right?` : undefined;
  } catch {
    return undefined;
  }
}
