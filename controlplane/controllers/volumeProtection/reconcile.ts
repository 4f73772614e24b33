/** Lets claims go when no pod uses them any more, and volumes when they are not bound: until then their finalizers hold them. */
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { claimsOf } from '#api/podClaims.ts';
import { isNotFound } from '#client/errors.ts';
import type { ResourceClient } from '#client/rest.ts';
import { loopController, source, type Controller, type ControllerDeps } from '../controller.ts';
import { PODS, VOLUME_CLAIMS, VOLUMES } from '../../component/kinds.ts';
import { Expectations } from '../workloads/expectations.ts';

const CLAIM = 'kubernetes.io/pvc-protection';
const VOLUME = 'kubernetes.io/pv-protection';

interface Action {
  readonly kind: 'protect' | 'letGo';
}

/** Claims of a pod that a kubelet may have seen: one that waits for a node will not be started with a claim that goes. Pure. */
export const claimsUsedBy = (pod: Pod): readonly string[] => ((pod.spec.nodeName ?? '') === '' ? [] : claimsOf(pod));

/** undefined: nothing is to be done. Pure. */
export function verdict({ metadata }: KubeObject, finalizer: string, isUsed: boolean): Action['kind'] | undefined {
  const has = metadata.finalizers?.includes(finalizer) ?? false;
  if (metadata.deletionTimestamp === undefined) return has ? undefined : 'protect';
  return has && !isUsed ? 'letGo' : undefined;
}

async function write<T extends KubeObject>(
  resource: ResourceClient<T>,
  { metadata }: T,
  { kind, finalizer, signal }: Action & { readonly finalizer: string; readonly signal: AbortSignal },
): Promise<T | undefined> {
  const { namespace, name = '', resourceVersion, finalizers = [] } = metadata;
  // With update alone: these accounts may not patch.
  const now = await resource.get({ namespace, name }, { signal }).catch((err: unknown) => {
    if (isNotFound(err)) return undefined;
    throw err;
  });
  if (now === undefined || now.metadata.resourceVersion !== resourceVersion) return undefined;
  const next = kind === 'protect' ? [...finalizers, finalizer] : finalizers.filter((f) => f !== finalizer);
  return resource.update({ ...now, metadata: { ...now.metadata, finalizers: next } }, { signal });
}

export function claimProtectionController(deps: ControllerDeps): Controller {
  const claims = deps.informers.for(VOLUME_CLAIMS);
  const pods = deps.informers.for(PODS, { indexes: { usedClaim: claimsUsedBy } });
  const client = deps.clientAs('pvc-protection-controller');
  const expectations = new Expectations(deps.clock, [claims]);
  return loopController<PersistentVolumeClaim, Action>({
    name: 'persistentvolumeclaim-protection-controller',
    deps,
    expectations,
    sources: [source(claims, (key) => [key]), source(pods, (_, pod) => (pod === undefined ? [] : claimsUsedBy(pod)))],
    desired: (key) => claims.get(key),
    plan: (claim, key) => {
      const kind = claim === undefined ? undefined : verdict(claim, CLAIM, pods.by('usedClaim', key).length > 0);
      return { actions: kind === undefined ? [] : [{ kind }] };
    },
    act: async ({ kind }, key, signal) => {
      const claim = claims.get(key);
      if (claim === undefined) return;
      // A pod may have come that we have not seen: the server is asked before data goes.
      const { namespace } = claim.metadata;
      if (kind === 'letGo')
        for await (const { items } of client.resource(PODS).pages({ namespace }, { signal }))
          if (items.some((pod) => claimsUsedBy(pod).includes(key))) return;
      const answer = await write(client.resource(VOLUME_CLAIMS), claim, { kind, finalizer: CLAIM, signal });
      if (answer !== undefined && kind === 'protect') expectations.written(key, claims, answer);
    },
  });
}

export function volumeProtectionController(deps: ControllerDeps): Controller {
  const volumes = deps.informers.for(VOLUMES);
  const client = deps.clientAs('pv-protection-controller').resource(VOLUMES);
  const expectations = new Expectations(deps.clock, [volumes]);
  return loopController<PersistentVolume, Action>({
    name: 'persistentvolume-protection-controller',
    deps,
    expectations,
    sources: [source(volumes, (key) => [key])],
    desired: (key) => volumes.get(key),
    plan: (volume) => {
      const kind = volume === undefined ? undefined : verdict(volume, VOLUME, volume.status?.phase === 'Bound');
      return { actions: kind === undefined ? [] : [{ kind }] };
    },
    act: async ({ kind }, key, signal) => {
      const volume = volumes.get(key);
      const answer = volume === undefined ? undefined : await write(client, volume, { kind, finalizer: VOLUME, signal });
      if (answer !== undefined && kind === 'protect') expectations.written(key, volumes, answer);
    },
  });
}
