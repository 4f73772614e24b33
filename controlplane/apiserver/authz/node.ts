/**
 * What nodes may do: themselves, the pods that are bound to them, and what those pods lead to:
 *
 *   node <- pod <- secret, configmap, service account, resource claim, claim <- volume <- secret
 *   node <- volume attachment, resource slice
 *
 * The graph is walked from the node outwards, in the caches as they are: a node has few pods, and nothing has to be kept up to date
 * for nodes that do not ask. Everything else that a kubelet needs is listed in the role system:node.
 * Source: the Node authorizer of Kubernetes 1.36 and its reasons.
 */
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { UserInfo } from '../call.ts';
import { EVERYTHING } from '../cache/filter.ts';
import type { CachedObject } from '../cache/object.ts';
import type { ResourceCache } from '../cache/resourceCache.ts';
import { CLUSTER_ROLES } from './bootstrap/clusterRoles.ts';
import { NO_OPINION, type Attributes, type Authorizer, type Opinion, type RulesFound } from './authorizer.ts';
import { refsOf, refTo, secretRefsOfVolume, type RefKind } from './podRefs.ts';
import { compileRule, covers } from './rules.ts';

export interface NodeCaches {
  readonly pods: ResourceCache;
  readonly persistentVolumes: ResourceCache;
  readonly persistentVolumeClaims: ResourceCache;
  readonly volumeAttachments: ResourceCache;
  readonly resourceSlices: ResourceCache;
}

const ALLOW: Opinion = { decision: 'allow', reason: '' };
const LEASES = 'kube-node-lease';
const RULES = (CLUSTER_ROLES.find(({ name }) => name === 'system:node')?.rules ?? []).map(compileRule);
const OWN_VERBS = new Set(['get', 'create', 'update', 'patch', 'delete']);

/** The node's name; "": a node, but nobody knows which; undefined: it is no node. */
export function nodeNameOf({ name, groups }: UserInfo): string | undefined {
  return name.startsWith('system:node:') && groups.includes('system:nodes') ? name.slice('system:node:'.length) : undefined;
}

const refuse = (reason: string): Opinion => ({ decision: 'noOpinion', reason });

export class NodeAuthorizer implements Authorizer {
  readonly #caches: NodeCaches;
  readonly #refs = new WeakMap<CachedObject, ReadonlySet<string>>();

  constructor(caches: NodeCaches) {
    this.#caches = caches;
  }

  authorize(attributes: Attributes): Opinion {
    const node = nodeNameOf(attributes.user);
    if (node === undefined) return NO_OPINION;
    if (node === '') return refuse(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
    if (attributes.isResource) {
      const special = this.#special(node, attributes);
      if (special !== undefined) return special;
    }
    return RULES.some((rule) => covers(rule, attributes)) ? ALLOW : NO_OPINION;
  }

  /** What a node may do hangs on its pods: no list of rules tells it. */
  rulesFor(user: UserInfo): RulesFound {
    return nodeNameOf(user) === undefined
      ? { rules: [], incomplete: false }
      : { rules: [], incomplete: true, problem: 'node authorizer does not support user rule resolution' };
  }

  /** undefined: the rules of the role decide. */
  #special(node: string, attributes: Attributes): Opinion | undefined {
    switch (`${attributes.group}/${attributes.resource}`) {
      case '/secrets':
      case '/configmaps':
        return this.#read(node, attributes);
      case '/persistentvolumeclaims':
        return attributes.subresource === 'status' ? this.#writeClaimStatus(node, attributes) : this.#getRelated(node, attributes);
      case '/persistentvolumes':
      case 'resource.k8s.io/resourceclaims':
      case 'storage.k8s.io/volumeattachments':
        return this.#getRelated(node, attributes);
      case '/serviceaccounts':
        return this.#serviceAccount(node, attributes);
      case 'coordination.k8s.io/leases':
        return ownLease(node, attributes);
      case 'storage.k8s.io/csinodes':
        return ownCsiNode(node, attributes);
      case 'resource.k8s.io/resourceslices':
        return this.#slice(node, attributes);
      case '/nodes':
        return ownNode(node, attributes);
      case '/pods':
        return this.#pod(node, attributes);
      default:
        return undefined;
    }
  }

  #read(node: string, attributes: Attributes): Opinion {
    const { verb, subresource, namespace } = attributes;
    if (verb !== 'get' && verb !== 'list' && verb !== 'watch') return refuse('can only read resources of this type');
    if (subresource !== '') return refuse('cannot read subresource');
    if (namespace === '') return refuse('can only read namespaced object of this type');
    return this.#ifRelated(node, attributes);
  }

  #getRelated(node: string, attributes: Attributes): Opinion {
    if (attributes.verb !== 'get') return refuse('can only get individual resources of this type');
    if (attributes.subresource !== '') return refuse('cannot get subresource');
    return this.#ifRelated(node, attributes);
  }

  #writeClaimStatus(node: string, attributes: Attributes): Opinion {
    if (attributes.verb !== 'update' && attributes.verb !== 'patch') return refuse('can only get/update/patch this type');
    return this.#ifRelated(node, attributes);
  }

  #serviceAccount(node: string, attributes: Attributes): Opinion {
    const { verb, subresource, name } = attributes;
    if (verb === 'get' && subresource === '') return this.#ifRelated(node, attributes);
    if (verb !== 'create' || name === '') return refuse('can only create tokens for individual service accounts');
    if (subresource !== 'token') return refuse('can only create token subresource of serviceaccount');
    return this.#ifRelated(node, attributes);
  }

  #slice(node: string, attributes: Attributes): Opinion {
    const { verb, subresource } = attributes;
    if (subresource !== '') return refuse('cannot authorize ResourceSlice subresources');
    switch (verb) {
      // Whose it will be stands in its body; admission looks at that.
      case 'create':
        return ALLOW;
      case 'get':
      case 'update':
      case 'patch':
      case 'delete':
        return this.#ifRelated(node, attributes);
      case 'watch':
      case 'list':
      case 'deletecollection':
        return selects(attributes, node)
          ? ALLOW
          : refuse('can only list/watch/deletecollection resourceslices with spec.nodeName field selector');
      default:
        return refuse(
          'only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection',
        );
    }
  }

  #pod(node: string, attributes: Attributes): Opinion {
    switch (`${attributes.verb} ${attributes.subresource}`) {
      case 'get ':
        return this.#ifRelated(node, attributes);
      case 'list ':
      case 'watch ':
        if (selects(attributes, node)) return ALLOW;
        return attributes.name === ''
          ? refuse('can only list/watch pods with spec.nodeName field selector')
          : this.#ifRelated(node, attributes);
      // Admission limits these to mirror pods and pods of its own.
      case 'create ':
      case 'delete ':
      case 'update status':
      case 'patch status':
      case 'create eviction':
        return ALLOW;
      default:
        return NO_OPINION;
    }
  }

  #ifRelated(node: string, { resource, namespace, name }: Attributes): Opinion {
    if (name === '') return refuse('No Object name found');
    return this.#isRelated(node, { resource, namespace, name })
      ? ALLOW
      : refuse(`no relationship found between node '${node}' and this object`);
  }

  #isRelated(
    node: string,
    { resource, namespace, name }: { readonly resource: string; readonly namespace: string; readonly name: string },
  ): boolean {
    const { pods, persistentVolumes, volumeAttachments, resourceSlices } = this.#caches;
    switch (resource) {
      case 'pods':
        return pods.get(`${namespace}/${name}`)?.field('spec.nodeName') === node;
      case 'resourceslices':
        return resourceSlices.get(name)?.field('spec.nodeName') === node;
      case 'volumeattachments':
        return nodeOfAttachment(volumeAttachments.get(name)) === node;
      case 'persistentvolumes':
        return this.#leadsTo(node, persistentVolumes.get(name)?.decode() as PersistentVolume | undefined);
      case 'secrets':
        return this.#refersTo(node, refTo('secrets', namespace, name)) || this.#volumesLeadTo(node, refTo('secrets', namespace, name));
      default:
        return this.#refersTo(node, refTo(resource as RefKind, namespace, name));
    }
  }

  #refersTo(node: string, ref: string): boolean {
    return this.#podsOn(node).some((pod) => this.#refsIn(pod).has(ref));
  }

  /** A claim may name any volume; only a volume that names the claim belongs to it. */
  #leadsTo(node: string, volume: PersistentVolume | undefined): boolean {
    const claim = volume?.spec?.claimRef;
    return claim !== undefined && this.#refersTo(node, refTo('persistentvolumeclaims', claim.namespace ?? '', claim.name ?? ''));
  }

  #volumesLeadTo(node: string, ref: string): boolean {
    const { persistentVolumeClaims, persistentVolumes } = this.#caches;
    if (persistentVolumes.size === 0) return false;
    const kind = 'persistentvolumeclaims/';
    for (const pod of this.#podsOn(node)) {
      for (const claim of this.#refsIn(pod)) {
        if (!claim.startsWith(kind)) continue;
        const found = persistentVolumeClaims.get(claim.slice(kind.length))?.decode() as PersistentVolumeClaim | undefined;
        const volume = persistentVolumes.get(found?.spec?.volumeName ?? '')?.decode() as PersistentVolume | undefined;
        if (volume !== undefined && secretRefsOfVolume(volume).has(ref) && this.#leadsTo(node, volume)) return true;
      }
    }
    return false;
  }

  #podsOn(node: string): readonly CachedObject[] {
    return this.#caches.pods.list({ ...EVERYTHING, fields: [{ field: 'spec.nodeName', value: node, equal: true }] });
  }

  #refsIn(pod: CachedObject): ReadonlySet<string> {
    let refs = this.#refs.get(pod);
    if (refs === undefined) this.#refs.set(pod, (refs = refsOf(pod.decode() as Pod)));
    return refs;
  }
}

function selects({ fields }: Attributes, node: string): boolean {
  return (fields?.() ?? []).some((term) => term.field === 'spec.nodeName' && term.equal && term.value === node);
}

function nodeOfAttachment(attachment: CachedObject | undefined): string | undefined {
  return (attachment?.decode() as { readonly spec?: { readonly nodeName?: string } } | undefined)?.spec?.nodeName;
}

function ownLease(node: string, { verb, namespace, name }: Attributes): Opinion {
  if (!OWN_VERBS.has(verb)) return refuse('can only get, create, update, patch, or delete a node lease');
  if (namespace !== LEASES) return refuse(`can only access leases in the ${JSON.stringify(LEASES)} system namespace`);
  // The name of what is created stands in its body; admission looks at that.
  return verb === 'create' || name === node ? ALLOW : refuse('can only access node lease with the same name as the requesting node');
}

function ownCsiNode(node: string, { verb, subresource, name }: Attributes): Opinion {
  if (!OWN_VERBS.has(verb)) return refuse('can only get, create, update, patch, or delete a CSINode');
  if (subresource !== '') return refuse('cannot authorize CSINode subresources');
  return verb === 'create' || name === node ? ALLOW : refuse('can only access CSINode with the same name as the requesting node');
}

function ownNode(node: string, { verb, subresource, name }: Attributes): Opinion {
  switch (`${verb} ${subresource}`) {
    case 'create ':
    case 'update ':
    case 'patch ':
    case 'update status':
    case 'patch status':
      return ALLOW;
    case 'get ':
    case 'list ':
    case 'watch ':
      if (name === node) return ALLOW;
      return refuse(
        name === ''
          ? `node '${node}' cannot read all nodes, only its own Node object`
          : `node '${node}' cannot read '${name}', only its own Node object`,
      );
    default:
      return NO_OPINION;
  }
}
