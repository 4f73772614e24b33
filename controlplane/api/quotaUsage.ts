/**
 * What an object uses of a quota: amounts by the names that quotas have for them. Pure. Units: canonical quantity texts.
 * Source: the quota evaluators of Kubernetes 1.36.
 */
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { ResourceQuota } from '#api/kinds/core/quota.ts';
import type { Service } from '#api/kinds/core/service.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { podTotal, type ResourceList } from '#api/podResources.ts';
import { qosClassOf } from '#api/qos.ts';

export interface Counted {
  readonly group: string;
  readonly plural: string;
  readonly object: KubeObject;
}

/** Kinds that were counted under their own name before count/... was there. */
const PLAIN = new Set(['/configmaps', '/secrets', '/replicationcontrollers', '/resourcequotas']);

/** Which writes can use more of a quota: what is made, services and claims that change, pods that are resized. */
export function isCounted({
  operation,
  group,
  plural,
  subresource,
}: {
  readonly operation: string;
  readonly group: string;
  readonly plural: string;
  readonly subresource: string;
}): boolean {
  const what = `${group}/${plural}`;
  if (subresource !== '') return what === '/pods' && subresource === 'resize' && operation === 'UPDATE';
  return operation === 'CREATE' || (operation === 'UPDATE' && (what === '/services' || what === '/persistentvolumeclaims'));
}

/** Whether a name in a quota limits objects of this kind. */
export function isFor(key: string, { group, plural }: Counted): boolean {
  if (key === countName(group, plural)) return true;
  switch (`${group}/${plural}`) {
    case '/pods':
      return key === 'pods' || /^(cpu|memory|ephemeral-storage)$|^hugepages-|^limits\.|^requests\.(?!storage$)/.test(key);
    case '/services':
      return key === 'services' || key === 'services.nodeports' || key === 'services.loadbalancers';
    case '/persistentvolumeclaims':
      return key === 'persistentvolumeclaims' || key === 'requests.storage' || key.includes('.storageclass.storage.k8s.io/');
    default:
      return key === plural && PLAIN.has(`${group}/${plural}`);
  }
}

const countName = (group: string, plural: string): string => (group === '' ? `count/${plural}` : `count/${plural}.${group}`);

/** One container's, or the whole pod's where spec.resources says it. */
export function containerUsage(resources: { readonly requests?: ResourceList; readonly limits?: ResourceList } | undefined): ResourceList {
  return computeUsage(resources?.requests ?? {}, resources?.limits ?? {});
}

const COMPUTE = ['cpu', 'memory', 'ephemeral-storage'];

function computeUsage(requests: ResourceList, limits: ResourceList): ResourceList {
  const out: Record<string, string> = {};
  for (const [name, amount] of Object.entries(requests)) {
    out[`requests.${name}`] = amount;
    if (COMPUTE.includes(name) || name.startsWith('hugepages-')) out[name] = amount;
  }
  for (const [name, amount] of Object.entries(limits)) if (COMPUTE.includes(name)) out[`limits.${name}`] = amount;
  return out;
}

export function usageOf({ group, plural, object }: Counted): ResourceList {
  const counted: Record<string, string> = { [countName(group, plural)]: '1' };
  switch (`${group}/${plural}`) {
    case '/pods':
      return { ...counted, ...podUsage(object as Pod) };
    case '/services':
      return { ...counted, ...serviceUsage(object as Service) };
    case '/persistentvolumeclaims':
      return { ...counted, ...claimUsage(object as PersistentVolumeClaim) };
    default:
      return PLAIN.has(`${group}/${plural}`) ? { ...counted, [plural]: '1' } : counted;
  }
}

/** A pod that has ended uses nothing but its place in the list of objects. */
const hasEnded = ({ status }: Pod): boolean => status?.phase === 'Succeeded' || status?.phase === 'Failed';

function podUsage(pod: Pod): ResourceList {
  if (hasEnded(pod)) return {};
  return { pods: '1', ...computeUsage(podTotal(pod.spec, 'requests'), podTotal(pod.spec, 'limits')) };
}

function serviceUsage({ spec }: Service): ResourceList {
  const ports = String((spec.ports ?? []).length);
  const nodePorts = String((spec.ports ?? []).filter((port) => (port.nodePort ?? 0) !== 0).length);
  const out: Record<string, string> = { services: '1' };
  if (spec.type === 'NodePort') out['services.nodeports'] = ports;
  if (spec.type === 'LoadBalancer') {
    out['services.loadbalancers'] = '1';
    out['services.nodeports'] = spec.allocateLoadBalancerNodePorts === false ? nodePorts : ports;
  }
  return out;
}

function claimUsage({ spec, metadata }: PersistentVolumeClaim): ResourceList {
  const size = spec?.resources?.requests?.['storage'] ?? '0';
  const storageClass = spec?.storageClassName ?? metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? '';
  const out: Record<string, string> = { persistentvolumeclaims: '1', 'requests.storage': size };
  if (storageClass !== '') {
    out[`${storageClass}.storageclass.storage.k8s.io/persistentvolumeclaims`] = '1';
    out[`${storageClass}.storageclass.storage.k8s.io/requests.storage`] = size;
  }
  return out;
}

/** Whether a quota with scopes is about this object at all. */
export function inScope({ spec }: ResourceQuota, { group, plural, object }: Counted): boolean {
  const scopes = (spec.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists', values: [] as readonly string[] }));
  const selected = (spec.scopeSelector?.matchExpressions ?? []).map(({ scopeName, operator, values = [] }) => ({
    scopeName,
    operator: operator as string,
    values,
  }));
  const all = [...scopes, ...selected];
  if (all.length === 0) return true;
  switch (`${group}/${plural}`) {
    case '/pods':
      return all.every((scope) => podMatches(object as Pod, scope));
    case '/persistentvolumeclaims':
      return all.every((scope) => claimMatches(object as PersistentVolumeClaim, scope));
    default:
      return false;
  }
}

interface Scope {
  readonly scopeName: string;
  readonly operator: string;
  readonly values: readonly string[];
}

function podMatches(pod: Pod, { scopeName, operator, values }: Scope): boolean {
  const { spec } = pod;
  switch (scopeName) {
    case 'Terminating':
      return (spec.activeDeadlineSeconds ?? -1) >= 0;
    case 'NotTerminating':
      return (spec.activeDeadlineSeconds ?? -1) < 0;
    case 'BestEffort':
      return qosClassOf(spec) === 'BestEffort';
    case 'NotBestEffort':
      return qosClassOf(spec) !== 'BestEffort';
    case 'PriorityClass':
      return valueMatches(spec.priorityClassName ?? '', operator, values);
    case 'CrossNamespacePodAffinity':
      return usesOtherNamespaces(spec);
    default:
      return false;
  }
}

function claimMatches({ spec }: PersistentVolumeClaim, { scopeName, operator, values }: Scope): boolean {
  return scopeName === 'VolumeAttributesClass' && valueMatches(spec?.volumeAttributesClassName ?? '', operator, values);
}

function valueMatches(value: string, operator: string, values: readonly string[]): boolean {
  switch (operator) {
    case 'In':
      return values.includes(value);
    case 'NotIn':
      return !values.includes(value);
    case 'DoesNotExist':
      return value === '';
    default:
      return value !== '';
  }
}

function usesOtherNamespaces({ affinity }: Pod['spec']): boolean {
  const terms = [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((side) => [
    ...(side?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(side?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm }) => podAffinityTerm),
  ]);
  return terms.some((term) => (term.namespaces ?? []).length > 0 || term.namespaceSelector !== undefined);
}
