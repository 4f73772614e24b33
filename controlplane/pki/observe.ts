/**
 * The PKI as it lies on the disk. A file that is there and cannot be read or understood throws: it is never taken for missing.
 * Throws AppError PKI_UNREADABLE.
 */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseIp } from '#api/ip.ts';
import { AppError, codeOf } from '#base/errors.ts';
import type { TextSource } from '#client/config.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import { AUTHORITIES, KUBECONFIG_FILES, LEAVES, SIGNING_KEY, type AuthorityName } from './layout.ts';
import type { SeenCertificate, SeenKubeconfig, SeenPair, SeenPki } from './plan.ts';

export interface PkiPlaces {
  /** /etc/kubernetes: the kubeconfig files. */
  readonly kubernetesDir: string;
  /** /etc/kubernetes/pki */
  readonly certDir: string;
}

/** What is there of the files that a PKI may have. */
export async function seenFiles({ kubernetesDir, certDir }: PkiPlaces): Promise<SeenPki> {
  const pairs = new Map<string, SeenPair>();
  const authorities = new Map<AuthorityName, X509Certificate>();
  for (const name of Object.keys(AUTHORITIES) as AuthorityName[]) {
    const certificate = await readCertificate(join(certDir, `${name}.crt`));
    if (certificate !== undefined) authorities.set(name, certificate);
    pairs.set(name, await pairOf(join(certDir, name), certificate));
  }
  for (const [name, { authority }] of Object.entries(LEAVES)) {
    pairs.set(name, await pairOf(join(certDir, name), authorities.get(authority)));
  }
  const kubeconfigs = new Map<string, SeenKubeconfig>();
  for (const file of KUBECONFIG_FILES) {
    const seen = await kubeconfigOf(join(kubernetesDir, file), authorities.get('ca'));
    if (seen !== undefined) kubeconfigs.set(file, seen);
  }
  const isThere = async (ending: string): Promise<boolean> => (await read(join(certDir, `${SIGNING_KEY}.${ending}`))) !== undefined;
  return { pairs, kubeconfigs, signingKey: { private: await isThere('key'), public: await isThere('pub') } };
}

/** path: without its ending. */
async function pairOf(path: string, authority: X509Certificate | undefined): Promise<SeenPair> {
  const certificate = await readCertificate(`${path}.crt`);
  const key = await read(`${path}.key`);
  return {
    certificate: certificate === undefined ? undefined : seenCertificate(certificate, authority),
    key: key === undefined ? 'missing' : fits(certificate, key, `${path}.key`),
  };
}

async function kubeconfigOf(file: string, authority: X509Certificate | undefined): Promise<SeenKubeconfig | undefined> {
  const text = await read(file);
  if (text === undefined) return undefined;
  try {
    const config = parseKubeconfig(text, { file });
    const [trusted, own, key] = [await contentOf(config.ca), await contentOf(config.certificate), await contentOf(config.key)];
    const certificate = own === undefined ? undefined : new X509Certificate(own);
    return {
      server: config.server,
      isInline: config.certificate?.kind !== 'file',
      holdsAuthority: authority !== undefined && trusted !== undefined && new X509Certificate(trusted).raw.equals(authority.raw),
      client: {
        certificate: certificate === undefined ? undefined : seenCertificate(certificate, authority),
        key: key === undefined ? 'missing' : fits(certificate, key, file),
      },
    };
  } catch (err) {
    throw unreadable(file, err);
  }
}

export function seenCertificate(certificate: X509Certificate, authority: X509Certificate | undefined): SeenCertificate {
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    names: (certificate.subjectAltName ?? '')
      .split(', ')
      .filter((name) => name !== '')
      .map((name) => canonical(name.replace(/^(DNS|IP Address):/, ''))),
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
    isSignedRight: authority !== undefined && certificate.checkIssued(authority) && certificate.verify(authority.publicKey),
  };
}

async function contentOf(source: TextSource | undefined): Promise<string | undefined> {
  return source === undefined || source.kind === 'text' ? source?.text : read(source.path);
}

async function readCertificate(path: string): Promise<X509Certificate | undefined> {
  const text = await read(path);
  if (text === undefined) return undefined;
  try {
    return new X509Certificate(text);
  } catch (err) {
    throw unreadable(path, err);
  }
}

function fits(certificate: X509Certificate | undefined, key: string, path: string): 'right' | 'foreign' {
  try {
    return certificate?.checkPrivateKey(createPrivateKey(key)) === true ? 'right' : 'foreign';
  } catch (err) {
    throw unreadable(path, err);
  }
}

async function read(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (err) {
    if (codeOf(err) === 'ENOENT') return undefined;
    throw unreadable(path, err);
  }
}

/** Addresses in a certificate are printed in full: 0:0:0:0:0:0:0:1. */
const canonical = (name: string): string => (name.includes(':') ? (parseIp(name)?.canonical ?? name) : name);

function unreadable(file: string, cause: unknown): AppError {
  return new AppError(
    'PKI_UNREADABLE',
    `Cannot use ${file}; nothing was changed. Mend it, or move it away to get a new one`,
    { file },
    cause,
  );
}
