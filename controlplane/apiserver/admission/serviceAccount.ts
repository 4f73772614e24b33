/** Every pod runs as a service account, and gets its token. Source: the ServiceAccount plugin of Kubernetes 1.36 and its texts. */
import type { ServiceAccount } from '#api/kinds/core/config.ts';
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Draft } from '#api/schema.ts';
import { MIRROR, allRefsOf } from '../authz/podRefs.ts';
import type { CachedObject } from '../cache/object.ts';
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts';
import { isPodCreate, podOf } from './pods.ts';
import { refuse } from './refuse.ts';
import type { PluginParts } from './plugins.ts';

const MOUNT_PATH = '/var/run/secrets/kubernetes.io/serviceaccount';
/** An hour, and seven seconds by which such volumes are told from those of users. */
const TOKEN_SECONDS = 3_607;
const PREFIX = 'kube-api-access-';
const MOUNTABLE_ONLY = 'kubernetes.io/enforce-mountable-secrets';
/** A new namespace gets its default account a moment later: it is waited for. Source: upstream looks ten times, 100 to 200 ms apart. */
const DEFAULT = 'default';
const LOOKS = 10;
const LOOK_AGAIN_MS = 150;

export function serviceAccount(parts: PluginParts): AdmissionPlugin {
  const { randomText } = parts;
  return {
    name: 'ServiceAccount',
    handles: (request) => isPodCreate(request) || isDebug(request),
    async mutate(request) {
      if (isDebug(request)) return;
      const pod = podOf(request);
      if (pod.metadata.annotations?.[MIRROR] !== undefined) return;
      const name = (pod.spec.serviceAccountName ?? '') === '' ? DEFAULT : (pod.spec.serviceAccountName ?? '');
      pod.spec.serviceAccountName = name;
      pod.spec.serviceAccount = name;
      const account = await find(request, name, parts);
      const mounts = pod.spec.automountServiceAccountToken ?? account.automountServiceAccountToken ?? true;
      if (mounts) mountToken(pod, PREFIX + randomText(5));
      if ((pod.spec.imagePullSecrets ?? []).length === 0 && (account.imagePullSecrets ?? []).length > 0) {
        pod.spec.imagePullSecrets = (account.imagePullSecrets ?? []).map((secret) => ({ ...secret }));
      }
    },
    async validate(request) {
      const pod = podOf(request) as unknown as Pod;
      if (pod.metadata.annotations?.[MIRROR] !== undefined) return isDebug(request) ? undefined : checkMirror(request, pod);
      const account = await find(request, pod.spec.serviceAccountName ?? DEFAULT, parts);
      if (account.metadata.annotations?.[MOUNTABLE_ONLY]?.toLowerCase() === 'true') checkSecrets(request, pod, account);
    },
  };
}

const isDebug = ({ resource, subresource, operation }: AdmissionRequest): boolean =>
  resource.definition.kind === 'Pod' && subresource === 'ephemeralcontainers' && operation === 'UPDATE';

async function find(request: AdmissionRequest, name: string, { registry, cache, clock }: PluginParts): Promise<ServiceAccount> {
  const accounts = registry.get('v1', 'serviceaccounts').cache;
  const key = `${request.namespace}/${name}`;
  let found: CachedObject | undefined = accounts.get(key);
  for (let looks = 0; found === undefined && looks < (name === DEFAULT ? LOOKS : 1); looks++) {
    if (looks > 0) await clock.sleep(LOOK_AGAIN_MS, NEVER);
    await cache.fresh();
    found = accounts.get(key);
  }
  if (found !== undefined) return found.known;
  throw refuse(request, `error looking up service account ${key}: serviceaccount ${JSON.stringify(name)} not found`);
}

const NEVER = new AbortController().signal;

/** A mirror of a static pod cannot refer to the API: it runs without. */
function checkMirror(request: AdmissionRequest, pod: Pod): void {
  if ((pod.spec.serviceAccountName ?? '') !== '') throw refuse(request, 'a mirror pod may not reference service accounts');
  if ([...allRefsOf(pod)].some((ref) => ref.startsWith('secrets/'))) throw refuse(request, 'a mirror pod may not reference secrets');
  const sources = (pod.spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  if (sources.some((source) => source.serviceAccountToken !== undefined))
    throw refuse(request, 'a mirror pod may not use ServiceAccountToken volume projections');
}

/** An account may say that its pods mount only the secrets it lists. */
function checkSecrets(request: AdmissionRequest, pod: Pod, account: ServiceAccount): void {
  const why = `because service account ${account.metadata.name} does not reference that secret`;
  const known = new Set((account.secrets ?? []).map(({ name }) => name));
  for (const { secret } of pod.spec.volumes ?? []) {
    const name = secret?.secretName;
    if (name !== undefined && !known.has(name)) throw refuse(request, `volume with secret.secretName="${name}" is not allowed ${why}`);
  }
  const lists = [
    ['init container', pod.spec.initContainers],
    ['container', pod.spec.containers],
    ['ephemeral container', pod.spec.ephemeralContainers],
  ] as const;
  for (const [kind, list] of lists) {
    for (const container of list ?? []) {
      for (const [what, name] of secretsOf(container)) {
        if (!known.has(name)) throw refuse(request, `${kind} ${container.name} with ${what}.secretName="${name}" is not allowed ${why}`);
      }
    }
  }
  const pulls = new Set((account.imagePullSecrets ?? []).map(({ name }) => name));
  for (const [i, { name }] of (pod.spec.imagePullSecrets ?? []).entries()) {
    if (!pulls.has(name))
      throw refuse(
        request,
        `imagePullSecrets[${i}].name="${name}" is not allowed because service account ${account.metadata.name} does not reference that imagePullSecret`,
      );
  }
}

function* secretsOf({ env, envFrom }: Pick<Container, 'env' | 'envFrom'>): Iterable<readonly [what: string, name: string]> {
  for (const { name, valueFrom } of env ?? []) {
    const secret = valueFrom?.secretKeyRef?.name;
    if (secret !== undefined) yield [`envVar ${name} referencing secret`, secret];
  }
  for (const { secretRef } of envFrom ?? []) if (secretRef?.name !== undefined) yield ['envFrom referencing secret', secretRef.name];
}

function mountToken(pod: Draft<Pod>, volume: string): void {
  const sources = (pod.spec.volumes ?? []).filter(({ name }) => name.startsWith(PREFIX));
  const name = sources[0]?.name ?? volume;
  let isUsed = false;
  for (const list of [pod.spec.initContainers, pod.spec.containers]) {
    for (const container of list ?? []) {
      if ((container.volumeMounts ?? []).some(({ mountPath }) => mountPath === MOUNT_PATH)) continue;
      (container.volumeMounts ??= []).push({ name, readOnly: true, mountPath: MOUNT_PATH });
      isUsed = true;
    }
  }
  if (!isUsed || sources.length > 0) return;
  (pod.spec.volumes ??= []).push({
    name,
    projected: {
      defaultMode: 0o644,
      sources: [
        { serviceAccountToken: { expirationSeconds: TOKEN_SECONDS, path: 'token' } },
        { configMap: { name: 'kube-root-ca.crt', items: [{ key: 'ca.crt', path: 'ca.crt' }] } },
        { downwardAPI: { items: [{ path: 'namespace', fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.namespace' } }] } },
      ],
    },
  });
}
