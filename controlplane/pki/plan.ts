/**
 * What has to be made so that a PKI is whole: what is there and right stays, what is missing is made, what is there and wrong is named and
 * left alone. Pure.
 */
import {
  AUTHORITIES,
  SIGNING_KEY,
  kubeconfigs,
  leaves,
  type AuthorityName,
  type ClusterFacts,
  type KubeconfigSpec,
  type LeafSpec,
} from './layout.ts';

/** A certificate as it lies there. */
export interface SeenCertificate {
  readonly subject: string;
  readonly names: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Signed by the authority that belongs to it, as it lies there now. An authority signs itself. */
  readonly isSignedRight: boolean;
}

export interface SeenPair {
  readonly certificate: SeenCertificate | undefined;
  /** foreign: it does not belong to the certificate. */
  readonly key: 'right' | 'foreign' | 'missing';
}

export interface SeenKubeconfig {
  /** The certificate stands in it; otherwise it names a file, which the kubelet rotates by itself. */
  readonly isInline: boolean;
  readonly server: string;
  readonly holdsAuthority: boolean;
  readonly client: SeenPair;
}

/** By name. Files that cannot be read are no part of it: reading them throws. */
export interface SeenPki {
  readonly pairs: ReadonlyMap<string, SeenPair>;
  readonly kubeconfigs: ReadonlyMap<string, SeenKubeconfig>;
  readonly signingKey: { readonly private: boolean; readonly public: boolean };
}

export type PkiStep =
  | { readonly kind: 'makeAuthority'; readonly name: AuthorityName }
  | { readonly kind: 'issue'; readonly leaf: LeafSpec }
  | { readonly kind: 'makeSigningKey' }
  | { readonly kind: 'publishSigningKey' }
  | { readonly kind: 'writeKubeconfig'; readonly spec: KubeconfigSpec }
  | { readonly kind: 'keep'; readonly file: string };

export interface PkiPlan {
  readonly steps: readonly PkiStep[];
  /** What only a person can decide, each with its next step. With a problem nothing is made. */
  readonly problems: readonly string[];
}

const NOTHING: SeenPair = { certificate: undefined, key: 'missing' };

export function planPki(facts: ClusterFacts, seen: SeenPki, nowMs: number): PkiPlan {
  const steps: PkiStep[] = [];
  const problems: string[] = [];
  const add = (outcome: PkiStep | string): void => void (typeof outcome === 'string' ? problems.push(outcome) : steps.push(outcome));
  const canSign = new Map<AuthorityName, boolean>();
  for (const name of Object.keys(AUTHORITIES) as AuthorityName[]) {
    const pair = seen.pairs.get(name) ?? NOTHING;
    canSign.set(name, pair.certificate === undefined || pair.key === 'right');
    add(authority(name, pair, nowMs));
  }
  for (const leaf of leaves(facts)) {
    add(leafStep(leaf, { pair: seen.pairs.get(leaf.name) ?? NOTHING, canSign: canSign.get(leaf.authority) === true, nowMs }));
  }
  add(signingKey(seen.signingKey));
  for (const spec of kubeconfigs(facts)) {
    add(kubeconfigStep(spec, { found: seen.kubeconfigs.get(spec.file), canSign: canSign.get('ca') === true, nowMs }));
  }
  return { steps, problems };
}

/** An authority without its key is one whose key is kept elsewhere: all it would sign has to be there. */
function authority(name: AuthorityName, { certificate, key }: SeenPair, nowMs: number): PkiStep | string {
  // A key alone is what a run leaves that was stopped half-way: its certificate is made.
  if (certificate === undefined) return { kind: 'makeAuthority', name };
  if (key === 'foreign') return `${name}.key is not the key of ${name}.crt: put the right one back`;
  const why = wrongDates(certificate, nowMs);
  if (why !== undefined) return `${name}.crt ${why}: an authority is replaced by hand, because everything it signed goes with it`;
  return { kind: 'keep', file: `${name}.crt` };
}

/** A key alone, as an authority's, gets its certificate. */
function leafStep(
  leaf: LeafSpec,
  { pair: { certificate, key }, canSign, nowMs }: { readonly pair: SeenPair; readonly canSign: boolean; readonly nowMs: number },
): PkiStep | string {
  const { name } = leaf;
  if (certificate === undefined) {
    return canSign
      ? { kind: 'issue', leaf }
      : `${name}.crt is missing and ${leaf.authority}.key, which would sign it, is not here: bring one of the two`;
  }
  if (key !== 'right')
    return `${name}.crt is there ${key === 'missing' ? 'without its key' : 'with the key of another'}: move both away to get a new pair`;
  const why =
    (certificate.isSignedRight ? undefined : `is not signed by ${leaf.authority}.crt`) ??
    wrongDates(certificate, nowMs) ??
    missingNames(leaf.names, certificate.names);
  return why === undefined ? { kind: 'keep', file: `${name}.crt` } : `${name}.crt ${why}: kijabi certs renew ${certificateName(name)}`;
}

function signingKey(seen: SeenPki['signingKey']): PkiStep | string {
  if (seen.private) return seen.public ? { kind: 'keep', file: `${SIGNING_KEY}.key` } : { kind: 'publishSigningKey' };
  // A public key alone means that tokens out there were signed with one that is lost or kept elsewhere.
  return seen.public
    ? `${SIGNING_KEY}.pub is there without ${SIGNING_KEY}.key: put the key back, or move both away; tokens then end`
    : { kind: 'makeSigningKey' };
}

function kubeconfigStep(
  spec: KubeconfigSpec,
  { found, canSign, nowMs }: { readonly found: SeenKubeconfig | undefined; readonly canSign: boolean; readonly nowMs: number },
): PkiStep | string {
  const { file } = spec;
  if (found === undefined) {
    return canSign
      ? { kind: 'writeKubeconfig', spec }
      : `${file} is missing and ca.key, which would sign its certificate, is not here: bring one of the two`;
  }
  const { certificate, key } = found.client;
  const why =
    (found.holdsAuthority ? undefined : 'trusts another authority than ca.crt') ??
    (found.server === spec.server ? undefined : `is for ${found.server}, not for ${spec.server}`) ??
    (certificate === undefined ? 'holds no client certificate' : undefined) ??
    (key === 'right' ? undefined : 'holds a key that does not belong to its certificate') ??
    (certificate?.isSignedRight === true ? undefined : 'holds a certificate that ca.crt did not sign');
  if (why !== undefined) return `${file} ${why}: move it away to get a new one`;
  const dates = certificate === undefined ? undefined : wrongDates(certificate, nowMs);
  return dates === undefined ? { kind: 'keep', file } : `the certificate in ${file} ${dates}: kijabi certs renew ${file}`;
}

function wrongDates({ notBefore, notAfter }: SeenCertificate, nowMs: number): string | undefined {
  if (notAfter.getTime() <= nowMs) return `expired on ${notAfter.toISOString()}`;
  if (notBefore.getTime() > nowMs) return `is valid only from ${notBefore.toISOString()} (is the clock right?)`;
  return undefined;
}

function missingNames(wanted: readonly string[], names: readonly string[]): string | undefined {
  const missing = wanted.filter((name) => !names.includes(name));
  return missing.length === 0 ? undefined : `lacks ${missing.join(', ')}`;
}

/** As `certs renew` takes it: etcd/server is etcd-server. */
export const certificateName = (name: string): string => name.replace('/', '-');
