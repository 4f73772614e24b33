/**
 * VolumeBinding: volumes that are bound have to be reachable from the node; for claims that wait for their first pod a volume is chosen, or
 * one is made that the node reaches, before the pod is bound.
 * Units: milliseconds. Source: "Volume Binding Mode" in the Kubernetes docs; upstream's texts, annotations and 600 s.
 */
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { StorageClass } from '#api/kinds/storage/v1.ts';
import type { NodeInfo } from '../core/nodeInfo.ts';
import type { Filter, Plugin, Refusal, Verdict } from '../core/plugin.ts';
import type { PodInfo } from '../core/podInfo.ts';
import { isBound, type PluginHandle } from '../core/storage.ts';
import { bestVolume, reaches } from './volumeMatch.ts';

const fixed = (reason: string): Verdict => ({ reasons: [reason], helpedByPreemption: false });
const NOT_REACHED = fixed("node(s) didn't match PersistentVolume's node affinity");
const NOT_FOUND = fixed("node(s) didn't find available persistent volumes to bind");
const LOST = fixed('node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)');
const SELECTED_NODE = 'volume.kubernetes.io/selected-node';
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';
const TIMEOUT_MS = 600_000;

interface Chosen {
  readonly give: readonly { readonly claim: PersistentVolumeClaim; readonly volume: PersistentVolume }[];
  readonly provision: readonly PersistentVolumeClaim[];
}

export function volumeBinding({ bindTimeoutSeconds }: { readonly bindTimeoutSeconds?: number }, { storage, writer }: PluginHandle): Plugin {
  /** Volume -> key of the claim it is promised to, until the API server says so too. */
  const promised = new Map<string, string>();
  const chosenFor = new Map<string, Chosen>();
  const timeoutMs = bindTimeoutSeconds === undefined ? TIMEOUT_MS : bindTimeoutSeconds * 1_000;

  const choose = (waiting: readonly PersistentVolumeClaim[], node: NodeInfo): Chosen | undefined => {
    const give: { claim: PersistentVolumeClaim; volume: PersistentVolume }[] = [];
    const provision: PersistentVolumeClaim[] = [];
    // The largest first would waste less; upstream takes the smallest first, and so do we.
    for (const claim of waiting) {
      const selected = claim.metadata.annotations?.[SELECTED_NODE];
      if (selected !== undefined && selected !== node.name) return undefined;
      const volume =
        selected === undefined
          ? bestVolume(claim, storage.volumes(), {
              node,
              isTaken: (v) => (promised.get(v.metadata.name ?? '') ?? keyOf(claim)) !== keyOf(claim) || give.some((g) => g.volume === v),
            })
          : undefined;
      if (volume !== undefined) give.push({ claim, volume });
      else if (canBeMade(storage.storageClass(claim.spec?.storageClassName ?? ''), node)) provision.push(claim);
      else return undefined;
    }
    return { give, provision };
  };

  return {
    name: 'VolumeBinding',
    filter: (pod): Filter | Refusal | undefined => {
      if (pod.claims.length === 0) return undefined;
      const bound: PersistentVolumeClaim[] = [];
      const waiting: PersistentVolumeClaim[] = [];
      for (const key of pod.claims) {
        const claim = storage.claim(key);
        const refused = claimProblem(pod, key, claim);
        if (refused !== undefined) return { refused };
        if (claim === undefined) continue;
        if (isBound(claim)) bound.push(claim);
        else if ((claim.spec?.volumeName ?? '') === '' && waits(storage.storageClass(claim.spec?.storageClassName ?? '')))
          waiting.push(claim);
        else return { refused: 'pod has unbound immediate PersistentVolumeClaims' };
      }
      const volumes = bound.map((claim) => storage.volume(claim.spec?.volumeName ?? ''));
      return {
        check: (node) => {
          for (const volume of volumes) {
            if (volume === undefined) return LOST;
            if (!reaches(volume, node)) return NOT_REACHED;
          }
          return waiting.length === 0 || choose(waiting, node) !== undefined ? undefined : NOT_FOUND;
        },
      };
    },
    helps: (event) =>
      event.kind === 'storage' ||
      event.kind === 'nodeAdded' ||
      event.kind === 'self' ||
      (event.kind === 'nodeChanged' && event.what.labels),
    reserve: (pod, node) => {
      const waiting = pod.claims.flatMap((key) => storage.claim(key) ?? []).filter((claim) => !isBound(claim));
      if (waiting.length === 0) return;
      const chosen = choose(waiting, node);
      if (chosen === undefined) throw new RangeError('the volumes were given to another pod meanwhile');
      for (const { claim, volume } of chosen.give) promised.set(volume.metadata.name ?? '', keyOf(claim));
      chosenFor.set(pod.key, chosen);
    },
    unreserve: (pod) => {
      for (const { volume } of chosenFor.get(pod.key)?.give ?? []) promised.delete(volume.metadata.name ?? '');
      chosenFor.delete(pod.key);
    },
    preBind: (pod, node, signal) => {
      const chosen = chosenFor.get(pod.key);
      return chosen === undefined ? undefined : bindVolumes(pod, node, chosen, signal);
    },
  };

  async function bindVolumes(pod: PodInfo, node: NodeInfo, chosen: Chosen, signal: AbortSignal): Promise<void> {
    for (const { claim, volume } of chosen.give) await writer.giveVolume(volume, claim, signal);
    for (const claim of chosen.provision) await writer.provisionFor(claim, node.name, signal);
    const keys = [...chosen.give.map(({ claim }) => keyOf(claim)), ...chosen.provision.map(keyOf)];
    await writer.until(() => keys.every((key) => isThere(storage.claim(key), key)), timeoutMs, signal);
    for (const { volume } of chosen.give) promised.delete(volume.metadata.name ?? '');
    chosenFor.delete(pod.key);
  }
}

function isThere(claim: PersistentVolumeClaim | undefined, key: string): boolean {
  if (claim === undefined) throw new RangeError(`persistentvolumeclaim ${JSON.stringify(key)} is gone`);
  return isBound(claim);
}

const keyOf = ({ metadata: { namespace = '', name = '' } }: PersistentVolumeClaim): string => `${namespace}/${name}`;
const waits = (kind: StorageClass | undefined): boolean => kind?.volumeBindingMode === 'WaitForFirstConsumer';

function canBeMade(kind: StorageClass | undefined, node: NodeInfo): boolean {
  if (kind === undefined || kind.provisioner === '' || kind.provisioner === NO_PROVISIONER) return false;
  const { allowedTopologies = [] } = kind;
  return (
    allowedTopologies.length === 0 ||
    allowedTopologies.some(({ matchLabelExpressions = [] }) =>
      matchLabelExpressions.every(({ key, values }) => values.includes(node.labels[key] ?? '')),
    )
  );
}

/** Why a claim cannot be used at all. */
function claimProblem(pod: PodInfo, key: string, claim: PersistentVolumeClaim | undefined): string | undefined {
  const name = JSON.stringify(key.slice(pod.namespace.length + 1));
  const isOwn = pod.pod.spec.volumes?.some((v) => v.ephemeral !== undefined && `${pod.namespace}/${pod.name}-${v.name}` === key) === true;
  if (claim === undefined)
    return isOwn
      ? `waiting for ephemeral volume controller to create the persistentvolumeclaim ${name}`
      : `persistentvolumeclaim ${name} not found`;
  if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim ${name} is being deleted`;
  if (claim.status?.phase === 'Lost')
    return `persistentvolumeclaim ${name} bound to non-existent persistentvolume ${JSON.stringify(claim.spec?.volumeName ?? '')}`;
  if (isOwn && claim.metadata.ownerReferences?.some((o) => o.uid === pod.uid) !== true)
    return `PVC ${JSON.stringify(key)} was not created for pod ${JSON.stringify(pod.key)} (pod is not owner)`;
  return undefined;
}
