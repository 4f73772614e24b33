/** The kinds that the scheduler follows, without the rules of validation: the server has applied them. */
import { Namespace } from '#api/kinds/core/namespace.ts';
import { Node } from '#api/kinds/core/node.ts';
import { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import { Pod } from '#api/kinds/core/pod.ts';
import { PodDisruptionBudget } from '#api/kinds/policy/v1.ts';
import { CSINode, StorageClass } from '#api/kinds/storage/v1.ts';
import type { ResourceType } from '#client/query.ts';

export const PODS: ResourceType<Pod> = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true, schema: Pod };
export const NODES: ResourceType<Node> = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false, schema: Node };
export const NAMESPACES: ResourceType<Namespace> = {
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
  schema: Namespace,
};
export const CLAIMS: ResourceType<PersistentVolumeClaim> = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  namespaced: true,
  schema: PersistentVolumeClaim,
};
export const VOLUMES: ResourceType<PersistentVolume> = {
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  namespaced: false,
  schema: PersistentVolume,
};
export const STORAGE_CLASSES: ResourceType<StorageClass> = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  namespaced: false,
  schema: StorageClass,
};
export const CSI_NODES: ResourceType<CSINode> = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSINode',
  plural: 'csinodes',
  namespaced: false,
  schema: CSINode,
};
export const BUDGETS: ResourceType<PodDisruptionBudget> = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  namespaced: true,
  schema: PodDisruptionBudget,
};

/** Pods that are over take no room, and need none. */
export const LIVING_PODS = { fieldSelector: 'status.phase!=Succeeded,status.phase!=Failed' };
