/**
 * How a node that has a token and a hash comes to believe a cluster: cluster-info is signed with the token, and its authority is the one that
 * was hashed. Pure. Either alone would not do: a token may have been given to other nodes, which could sign too.
 * Throws: AppError DISCOVERY_REFUSED with what to do.
 * Source: "Authenticating with Bootstrap Tokens" in the Kubernetes documentation (detached JWS, HS256); RFC 7515; RFC 7469 for the hash.
 */
import { createHash, createHmac, timingSafeEqual, X509Certificate } from 'node:crypto';
import { parse } from 'yaml';
import { AppError } from '#base/errors.ts';
import type { BootstrapToken } from './bootstrapToken.ts';

/** "sha256:" and the hash of the public key of an authority, in hex. */
export function pinOf(certificatePem: string): string {
  const key = new X509Certificate(certificatePem).publicKey.export({ type: 'spki', format: 'der' });
  return `sha256:${createHash('sha256').update(key).digest('hex')}`;
}

/** Throws AppError USAGE. */
export function parsePins(texts: readonly string[]): readonly string[] {
  return texts
    .flatMap((text) => text.split(','))
    .map((text) => {
      const pin = text.trim().toLowerCase();
      if (!/^sha256:[0-9a-f]{64}$/.test(pin))
        throw new AppError('USAGE', `--discovery-token-ca-cert-hash: want sha256: and 64 hexadecimal digits, got ${JSON.stringify(text)}`);
      return pin;
    });
}

export interface Discovered {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
}

/** data: of the ConfigMap kube-public/cluster-info. pins: none of them, then any authority is believed that the token signed. */
export function believe(data: Readonly<Record<string, string>>, token: BootstrapToken, pins: readonly string[]): Discovered {
  const { kubeconfig } = data;
  if (kubeconfig === undefined)
    throw refused('cluster-info has no kubeconfig', 'is this an API server of a cluster that kijabi init or kubeadm made?');
  const signature = data[`jws-kubeconfig-${token.id}`];
  if (signature === undefined)
    throw refused(
      'cluster-info is not signed with this token',
      'it may have ended, or be another cluster’s: kijabi token create makes a new one',
    );
  if (!isSigned(kubeconfig, signature, token))
    throw refused('the signature of cluster-info is not by this token', 'check the token, and the address');
  const { server, ca } = clusterOf(kubeconfig);
  const certificates = ca.match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g) ?? [];
  if (pins.length > 0 && !certificates.some((pem) => pins.includes(pinOf(pem))))
    throw refused(
      `the authority of this cluster is ${certificates.map(pinOf).join(', ')}, which is none of --discovery-token-ca-cert-hash`,
      'kijabi token create --print-join-command says the right one, on a control plane that you trust',
    );
  return { server, ca };
}

interface Kubeconfig {
  readonly clusters?: readonly { readonly cluster?: { readonly server?: unknown; readonly 'certificate-authority-data'?: unknown } }[];
}

/** It has one cluster without a name, and nobody who would ask it: no kubeconfig that could be used as such. */
function clusterOf(text: string): Discovered {
  let cluster: NonNullable<Kubeconfig['clusters']>[number]['cluster'];
  try {
    cluster = (parse(text) as Kubeconfig | null)?.clusters?.[0]?.cluster;
  } catch {
    throw refused('the kubeconfig in cluster-info is no YAML', 'make kube-public/cluster-info again');
  }
  const { server, 'certificate-authority-data': data } = cluster ?? {};
  if (typeof server !== 'string' || !server.startsWith('https://') || typeof data !== 'string')
    throw refused('cluster-info names no server and no authority', 'make kube-public/cluster-info again');
  return { server, ca: Buffer.from(data, 'base64').toString() };
}

/** The payload is left out of it, as RFC 7515 appendix F has it. */
function isSigned(payload: string, jws: string, { id, secret }: BootstrapToken): boolean {
  const [header = '', middle, signature = ''] = jws.split('.');
  if (middle !== '' || !isHeader(header, id)) return false;
  const wanted = createHmac('sha256', secret)
    .update(`${header}.${Buffer.from(payload).toString('base64url')}`)
    .digest();
  const found = Buffer.from(signature, 'base64url');
  return found.length === wanted.length && timingSafeEqual(found, wanted);
}

function isHeader(part: string, id: string): boolean {
  try {
    const { alg, kid } = JSON.parse(Buffer.from(part, 'base64url').toString()) as { readonly alg?: unknown; readonly kid?: unknown };
    return alg === 'HS256' && kid === id;
  } catch {
    return false;
  }
}

const refused = (what: string, next: string): AppError => new AppError('DISCOVERY_REFUSED', `Cannot join: ${what}. Next: ${next}`);
