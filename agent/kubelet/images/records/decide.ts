/**
 * Whether a pod may use an image that is on the node: when the kubelet pulled it with a secret, only pods that have that secret may, and
 * others have to show the registry theirs. Pure.
 *
 * Source: "Ensure image pull credential verification" in the Kubernetes docs; kinds ImagePulledRecord and ImagePullIntent of
 * kubelet.config.k8s.io/v1beta1 in Kubernetes 1.36.
 * Differs: an image that was there under another name before its first pull stays everybody's under that name, as loaded images are;
 * upstream then asks for credentials for it. A secret without UID (a manifest's) is known by its content alone.
 */
import { createHash } from 'node:crypto';
import type { Credentials } from '../credentials.ts';
import { parseImageName } from '../name.ts';

export const VERIFICATION_POLICIES = ['NeverVerify', 'NeverVerifyPreloadedImages', 'NeverVerifyAllowlistedImages', 'AlwaysVerify'] as const;
export type VerificationPolicy = (typeof VERIFICATION_POLICIES)[number];

export interface Verification {
  readonly policy: VerificationPolicy;
  /** Of NeverVerifyAllowlistedImages: repositories, or prefixes of them that end in "/*". */
  readonly allowlist: readonly string[];
}

export interface PullSecret {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly credentialHash: string;
}

/** What one repository's pulls of an image were made with. */
export interface PullCredentials {
  readonly nodePodsAccessible?: boolean;
  readonly kubernetesSecrets?: readonly PullSecret[];
  /** Of credential providers, which another kubelet may have used here. */
  readonly kubernetesServiceAccounts?: readonly object[];
}

/** Repository -> credentials. None: pulled, and nobody knows with what. */
export type CredentialMapping = Readonly<Record<string, PullCredentials>>;

/** A record is not written for every secret that there may be. */
const MOST_SECRETS = 100;

/** "docker.io/library/nginx" of "nginx:1.29"; undefined: it is no name of an image. */
export function repositoryOf(image: string): string | undefined {
  const name = parseImageName(image);
  return typeof name === 'string' ? undefined : `${name.host}/${name.repository}`;
}

/** pulled: the kubelet pulled it, or tried to. */
export function mustVerify({ policy, allowlist }: Verification, repository: string, pulled: boolean): boolean {
  switch (policy) {
    case 'NeverVerify':
      return false;
    case 'NeverVerifyPreloadedImages':
      return pulled;
    case 'NeverVerifyAllowlistedImages':
      return !allowlist.some((entry) => (entry.endsWith('/*') ? repository.startsWith(entry.slice(0, -1)) : repository === entry));
    case 'AlwaysVerify':
      return true;
    default:
      return policy satisfies never;
  }
}

/** What a pod may show for itself. */
export function secretsOf(credentials: readonly Credentials[]): PullSecret[] {
  return credentials.flatMap((c) => (c.secret === undefined ? [] : [{ ...c.secret, credentialHash: hashOf(c) }]));
}

/** Of what a pull was made with; undefined: nobody had to show anything. */
export function usedFor(credentials: Credentials | undefined): PullCredentials {
  return credentials?.secret === undefined ? { nodePodsAccessible: true } : { kubernetesSecrets: secretsOf([credentials]) };
}

function hashOf({ username, password }: Credentials): string {
  return createHash('sha256').update(JSON.stringify({ username, password })).digest('hex');
}

/** The secret that opens it; undefined: none does. A secret that opened it once may have got another password meanwhile. */
export function opens(known: PullCredentials, secrets: readonly PullSecret[]): PullSecret | undefined {
  return secrets.find((s) =>
    known.kubernetesSecrets?.some((k) => (k.credentialHash !== '' && k.credentialHash === s.credentialHash) || isSame(k, s)),
  );
}

function isSame(a: PullSecret, b: PullSecret): boolean {
  return a.uid !== '' && a.uid === b.uid && a.namespace === b.namespace && a.name === b.name;
}

/** With what is new; the same object when nothing is. */
export function learn(mapping: CredentialMapping, repository: string, found: PullCredentials): CredentialMapping {
  const known = Object.hasOwn(mapping, repository) ? mapping[repository] : undefined;
  if (known?.nodePodsAccessible === true) return mapping;
  if (found.nodePodsAccessible === true || known === undefined) return { ...mapping, [repository]: found };
  const before = known.kubernetesSecrets ?? [];
  const news = (found.kubernetesSecrets ?? []).filter(
    (s) =>
      !before.some((k) => k.uid === s.uid && k.namespace === s.namespace && k.name === s.name && k.credentialHash === s.credentialHash),
  );
  if (news.length === 0 || before.length >= MOST_SECRETS) return mapping;
  const others = before.filter((k) => !news.some((s) => k.uid === s.uid && k.namespace === s.namespace && k.name === s.name));
  const key = (s: PullSecret): string => `${s.namespace}/${s.name}/${s.uid}`;
  const kubernetesSecrets = [...others, ...news].toSorted((a, b) => (key(a) < key(b) ? -1 : 1));
  return { ...mapping, [repository]: { ...known, kubernetesSecrets } };
}

/** What is wrong with an entry of the allow list. */
export function allowlistProblem(entry: string): string | undefined {
  if (entry.endsWith('/*') && entry.length > 2 && entry.trim() === entry && !entry.slice(0, -1).includes('*')) return undefined;
  return repositoryOf(entry) === entry ? undefined : 'want a repository with its registry, such as r.example/team/app, or r.example/team/*';
}
