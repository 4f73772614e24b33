import {
  always,
  atomicList,
  boolean,
  field,
  int32,
  int64,
  map,
  mapList,
  object,
  oneOf,
  quantity,
  required,
  string,
  type Static,
} from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { defaultPod } from '#api/podDefaults.ts';
import { ResourceRequirements } from '#api/kinds/core/compute.ts';
import { Container, EphemeralContainer } from '#api/kinds/core/container.ts';
import { PodStatus } from '#api/kinds/core/podStatus.ts';
import { LocalObjectReference, ObjectReference } from '#api/kinds/core/references.ts';
import {
  Affinity,
  PodReadinessGate,
  PodSchedulingGate,
  PodSchedulingGroup,
  PreemptionPolicy,
  Toleration,
  TopologySpreadConstraint,
} from '#api/kinds/core/scheduling.ts';
import { PodSecurityContext } from '#api/kinds/core/security.ts';
import { Volume } from '#api/kinds/core/volumes.ts';
import { ObjectMeta, kind } from '#api/kinds/meta/objectMeta.ts';

export const RestartPolicy = oneOf(['Always', 'OnFailure', 'Never']);
export type RestartPolicy = Static<typeof RestartPolicy>;

export const DNSPolicy = oneOf(['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None']);
export type DNSPolicy = Static<typeof DNSPolicy>;

export const PodDNSConfigOption = object('io.k8s.api.core.v1.PodDNSConfigOption', {
  name: string(),
  value: string(),
});
export interface PodDNSConfigOption extends Static<typeof PodDNSConfigOption> {}

export const PodDNSConfig = object('io.k8s.api.core.v1.PodDNSConfig', {
  nameservers: atomicList(string()),
  searches: atomicList(string()),
  options: atomicList(PodDNSConfigOption),
});
export interface PodDNSConfig extends Static<typeof PodDNSConfig> {}

export const HostAlias = object('io.k8s.api.core.v1.HostAlias', {
  ip: required(string()),
  hostnames: atomicList(string()),
});
export interface HostAlias extends Static<typeof HostAlias> {}

export const OSName = oneOf(['linux', 'windows']);
export type OSName = Static<typeof OSName>;

export const PodOS = object('io.k8s.api.core.v1.PodOS', {
  name: required(OSName),
});
export interface PodOS extends Static<typeof PodOS> {}

export const PodResourceClaim = object('io.k8s.api.core.v1.PodResourceClaim', {
  name: required(string()),
  resourceClaimName: string(),
  resourceClaimTemplateName: string(),
});
export interface PodResourceClaim extends Static<typeof PodResourceClaim> {}

export const PodSpec = object('io.k8s.api.core.v1.PodSpec', {
  volumes: mapList(Volume, ['name'], undefined, { patchStrategy: 'merge,retainKeys' }),
  initContainers: mapList(Container, ['name']),
  containers: required(mapList(Container, ['name'])),
  ephemeralContainers: mapList(EphemeralContainer, ['name']),
  restartPolicy: field(RestartPolicy, undefined, { default: 'Always' }),
  terminationGracePeriodSeconds: int64(undefined, { default: 30 }),
  activeDeadlineSeconds: int64(),
  dnsPolicy: field(DNSPolicy, undefined, { default: 'ClusterFirst' }),
  nodeSelector: map(string(), undefined, { mapType: 'atomic' }),
  serviceAccountName: string(),
  serviceAccount: string(),
  automountServiceAccountToken: boolean(),
  nodeName: string(),
  hostNetwork: boolean(),
  hostPID: boolean(),
  hostIPC: boolean(),
  shareProcessNamespace: boolean(),
  securityContext: field(PodSecurityContext, undefined, { default: {} }),
  imagePullSecrets: mapList(LocalObjectReference, ['name']),
  hostname: string(),
  subdomain: string(),
  affinity: Affinity,
  schedulerName: string(undefined, { default: 'default-scheduler' }),
  tolerations: atomicList(Toleration),
  hostAliases: mapList(HostAlias, ['ip']),
  priorityClassName: string(),
  priority: int32(),
  dnsConfig: PodDNSConfig,
  readinessGates: atomicList(PodReadinessGate),
  runtimeClassName: string(),
  enableServiceLinks: boolean(),
  preemptionPolicy: PreemptionPolicy,
  overhead: map(quantity()),
  topologySpreadConstraints: mapList(TopologySpreadConstraint, ['topologyKey', 'whenUnsatisfiable']),
  setHostnameAsFQDN: boolean(),
  os: PodOS,
  hostUsers: boolean(),
  schedulingGates: mapList(PodSchedulingGate, ['name']),
  resourceClaims: mapList(PodResourceClaim, ['name'], undefined, { patchStrategy: 'merge,retainKeys' }),
  resources: field(ResourceRequirements, undefined, { gate: 'PodLevelResources' }),
  hostnameOverride: string(undefined, { gate: 'HostnameOverride' }),
  schedulingGroup: field(PodSchedulingGroup, undefined, { gate: 'GenericWorkload' }),
});
export interface PodSpec extends Static<typeof PodSpec> {}

export const Pod = kind('io.k8s.api.core.v1.Pod', {
  spec: always(PodSpec),
  status: PodStatus,
});
export interface Pod extends Static<typeof Pod> {}

export const PodTemplateSpec = object('io.k8s.api.core.v1.PodTemplateSpec', {
  metadata: always(ObjectMeta),
  spec: always(PodSpec),
});
export interface PodTemplateSpec extends Static<typeof PodTemplateSpec> {}

export const PodTemplate = kind('io.k8s.api.core.v1.PodTemplate', {
  template: always(PodTemplateSpec),
});
export interface PodTemplate extends Static<typeof PodTemplate> {}

export const Binding = kind('io.k8s.api.core.v1.Binding', {
  target: required(ObjectReference),
});
export interface Binding extends Static<typeof Binding> {}

computeDefaults(Pod, ({ spec }) => defaultPod(spec));
