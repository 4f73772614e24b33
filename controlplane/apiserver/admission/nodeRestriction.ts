/** A node writes its own Node, its own pods and its own leases, and cannot make itself more attractive. Source: NodeRestriction of Kubernetes 1.36, and its texts. */
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { isKubeletLabel } from '#api/nodeLabels.ts';
import { nodeNameOf } from '../authz/node.ts';
import { allRefsOf, MIRROR } from '../authz/podRefs.ts';
import { deepEqual } from '../registry/deepEqual.ts';
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts';
import { checkNodeToken } from './nodeTokens.ts';
import { refuse } from './refuse.ts';
import type { PluginParts } from './plugins.ts';

export function nodeRestriction(parts: PluginParts): AdmissionPlugin {
  const nodes = parts.registry.get('v1', 'nodes').cache;
  return {
    name: 'NodeRestriction',
    handles: ({ user, operation }) => operation !== 'CONNECT' && user.groups.includes('system:nodes'),
    validate(request) {
      const node = nodeNameOf(request.user);
      if (node === undefined) return;
      if (node === '') throw refuse(request, `could not determine node from user ${JSON.stringify(request.user.name)}`);
      switch (`${request.resource.group}/${request.resource.about.resource}`) {
        case '/pods':
          return checkPod(request, node, () => nodes.get(node)?.decode().metadata.uid);
        case '/nodes':
          return checkNode(request, node);
        case '/persistentvolumeclaims':
          return checkClaim(request, node);
        case '/serviceaccounts':
          return checkNodeToken(request, node, parts);
        case 'coordination.k8s.io/leases':
          return checkLease(request, node);
        case 'storage.k8s.io/csinodes':
          if (request.name !== node) throw refuse(request, 'can only access CSINode with the same name as the requesting node');
          return;
        case 'resource.k8s.io/resourceslices':
          return checkSlice(request, node);
        default:
      }
    },
  };
}

const nodeOf = (object: unknown): string => (object as { readonly spec?: { readonly nodeName?: string } }).spec?.nodeName ?? '';

function checkPod(request: AdmissionRequest, node: string, nodeUid: () => string | undefined): void {
  const { operation, subresource, old } = request;
  const quoted = JSON.stringify(node);
  switch (subresource) {
    case '':
      if (operation === 'CREATE') return checkMirrorPod(request, node, nodeUid);
      if (operation !== 'DELETE')
        throw refuse(request, `unexpected operation ${JSON.stringify(operation)}, node ${quoted} can only create and delete mirror pods`);
      if (nodeOf(old) !== node) throw refuse(request, `node ${quoted} can only delete pods with spec.nodeName set to itself`);
      return;
    case 'status':
      return checkPodStatus(request, node);
    case 'eviction':
      if (nodeOf(old) !== node) throw refuse(request, `node ${node} can only evict pods with spec.nodeName set to itself`);
      return;
    default:
      throw refuse(request, `unexpected pod subresource ${JSON.stringify(subresource)}, only 'status' and 'eviction' are allowed`);
  }
}

function checkPodStatus(request: AdmissionRequest, node: string): void {
  const [next, was] = [request.object, request.old].map((pod) => pod as unknown as Pod);
  if (nodeOf(was) !== node)
    throw refuse(request, `node ${JSON.stringify(node)} can only update pod status for pods with spec.nodeName set to itself`);
  if (!deepEqual(next?.metadata.labels ?? {}, was?.metadata.labels ?? {}))
    throw refuse(request, `node ${JSON.stringify(node)} cannot update labels through pod status`);
  if (!deepEqual(next?.status?.resourceClaimStatuses ?? [], was?.status?.resourceClaimStatuses ?? []))
    throw refuse(request, `node ${JSON.stringify(node)} cannot update resource claim statues`);
}

const REFERENCES: readonly (readonly [kind: string, text: string])[] = [
  ['serviceaccounts', 'a service account'],
  ['secrets', 'secrets'],
  ['configmaps', 'configmaps'],
  ['persistentvolumeclaims', 'persistentvolumeclaims'],
  ['resourceclaims', 'resourceclaims'],
];

function checkMirrorPod(request: AdmissionRequest, node: string, nodeUid: () => string | undefined): void {
  const pod = request.object as unknown as Pod;
  const quoted = JSON.stringify(node);
  if (pod.metadata.annotations?.[MIRROR] === undefined)
    throw refuse(request, `pod does not have ${JSON.stringify(MIRROR)} annotation, node ${quoted} can only create mirror pods`);
  if (nodeOf(pod) !== node) throw refuse(request, `node ${quoted} can only create pods with spec.nodeName set to itself`);
  checkOwner(request, node, nodeUid);
  const refs = [...allRefsOf(pod)];
  for (const [kind, text] of REFERENCES) {
    if (refs.some((ref) => ref.startsWith(`${kind}/`))) throw refuse(request, `node ${quoted} can not create pods that reference ${text}`);
  }
  const sources = (pod.spec.volumes ?? []).flatMap(({ projected }) => projected?.sources ?? []);
  if (sources.some((source) => source.clusterTrustBundle !== undefined))
    throw refuse(request, `node ${quoted} can not create pods that reference clustertrustbundles`);
}

function checkOwner(request: AdmissionRequest, node: string, nodeUid: () => string | undefined): void {
  const owners = (request.object as unknown as Pod).metadata.ownerReferences ?? [];
  const quoted = JSON.stringify(node);
  const [owner] = owners;
  if (owners.length > 1) throw refuse(request, `node ${quoted} can only create pods with a single owner reference set to itself`);
  if (owner === undefined || owner.apiVersion !== 'v1' || owner.kind !== 'Node' || owner.name !== node)
    throw refuse(request, `node ${quoted} can only create pods with an owner reference set to itself`);
  if (owner.controller !== true)
    throw refuse(request, `node ${quoted} can only create pods with a controller owner reference set to itself`);
  if (owner.blockOwnerDeletion === true) throw refuse(request, `node ${quoted} must not set blockOwnerDeletion on an owner reference`);
  const uid = nodeUid();
  if (owner.uid !== uid) throw refuse(request, `node ${node} UID mismatch: expected ${owner.uid} got ${uid ?? ''}`);
}

function checkNode(request: AdmissionRequest, node: string): void {
  const { operation, object, old, name } = request;
  const quoted = JSON.stringify(node);
  if (name !== node) throw refuse(request, `node ${quoted} is not allowed to modify node ${JSON.stringify(name)}`);
  if (operation === 'DELETE') return;
  const next = object as unknown as Node;
  const was = old as unknown as Node | undefined;
  const labels = restrictedChanges(next.metadata.labels, was?.metadata.labels);
  if (was === undefined) {
    if (next.spec?.configSource !== undefined)
      throw refuse(request, `node ${quoted} is not allowed to create pods with a non-nil configSource`);
    if (labels.length > 0) throw refuse(request, `node ${quoted} is not allowed to set the following labels: ${labels.join(', ')}`);
    return;
  }
  if (next.spec?.configSource !== undefined && !deepEqual(next.spec.configSource, was.spec?.configSource))
    throw refuse(request, `node ${quoted} is not allowed to update configSource to a new non-nil configSource`);
  if (!deepEqual(next.spec?.taints ?? [], was.spec?.taints ?? [])) throw refuse(request, `node ${quoted} is not allowed to modify taints`);
  if (!deepEqual(next.metadata.ownerReferences ?? [], was.metadata.ownerReferences ?? []))
    throw refuse(request, `node ${quoted} is not allowed to modify ownerReferences`);
  if (labels.length > 0) throw refuse(request, `is not allowed to modify labels: ${labels.join(', ')}`);
}

type Labels = Readonly<Record<string, string>> | undefined;

function restrictedChanges(now: Labels = {}, before: Labels = {}): readonly string[] {
  const keys = new Set([...Object.keys(now), ...Object.keys(before)]);
  return [...keys].filter((key) => now[key] !== before[key] && !isKubeletLabel(key)).toSorted();
}

/** What a kubelet learns when it makes a volume larger. */
const GROWING = ['capacity', 'conditions', 'allocatedResources', 'allocatedResourceStatuses'];

function checkClaim(request: AdmissionRequest, node: string): void {
  if (request.subresource !== 'status') throw refuse(request, 'may only update PVC status');
  const rest = (object: unknown): unknown => {
    const { metadata, status, ...other } = object as PersistentVolumeClaim;
    const { resourceVersion: _, managedFields: __, ...meta } = metadata;
    return { ...other, meta, status: Object.fromEntries(Object.entries(status ?? {}).filter(([name]) => !GROWING.includes(name))) };
  };
  if (!deepEqual(rest(request.object), rest(request.old)))
    throw refuse(
      request,
      `node ${JSON.stringify(node)} is not allowed to update fields other than status.capacity, status.conditions, status.allocatedResources and status.allocatedResourceStatuses`,
    );
}

function checkLease(request: AdmissionRequest, node: string): void {
  if (request.namespace !== 'kube-node-lease') throw refuse(request, 'can only access leases in the "kube-node-lease" system namespace');
  if (request.name !== node) throw refuse(request, 'can only access node lease with the same name as the requesting node');
}

function checkSlice(request: AdmissionRequest, node: string): void {
  const { operation, object, old } = request;
  if (operation === 'CREATE' && nodeOf(object) !== node)
    throw refuse(request, 'can only create ResourceSlice with the same NodeName as the requesting node');
  if (operation === 'DELETE' && nodeOf(old) !== node)
    throw refuse(request, 'can only delete ResourceSlice with the same NodeName as the requesting node');
}
