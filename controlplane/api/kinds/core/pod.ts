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
  name: string('Name of a resolver option'),
  value: string('Its value'),
});
export interface PodDNSConfigOption extends Static<typeof PodDNSConfigOption> {}

export const PodDNSConfig = object('io.k8s.api.core.v1.PodDNSConfig', {
  nameservers: atomicList(string(), 'Addresses of DNS servers'),
  searches: atomicList(string(), 'Domains to search'),
  options: atomicList(PodDNSConfigOption, 'Options of the resolver'),
});
export interface PodDNSConfig extends Static<typeof PodDNSConfig> {}

export const HostAlias = object('io.k8s.api.core.v1.HostAlias', {
  ip: required(string('Address')),
  hostnames: atomicList(string(), 'Names for it in /etc/hosts'),
});
export interface HostAlias extends Static<typeof HostAlias> {}

export const OSName = oneOf(['linux', 'windows']);
export type OSName = Static<typeof OSName>;

export const PodOS = object('io.k8s.api.core.v1.PodOS', {
  name: required(field(OSName, 'linux or windows')),
});
export interface PodOS extends Static<typeof PodOS> {}

export const PodResourceClaim = object('io.k8s.api.core.v1.PodResourceClaim', {
  name: required(string('Name, unique in the pod')),
  resourceClaimName: string('Claim to use'),
  resourceClaimTemplateName: string('Template to make a claim from'),
});
export interface PodResourceClaim extends Static<typeof PodResourceClaim> {}

export const PodSpec = object(
  'io.k8s.api.core.v1.PodSpec',
  {
    volumes: mapList(Volume, ['name'], 'Places for files that containers can mount', { patchStrategy: 'merge,retainKeys' }),
    initContainers: mapList(Container, ['name'], 'Run one by one before the others; sidecars go on'),
    containers: required(mapList(Container, ['name'], 'What the pod is for')),
    ephemeralContainers: mapList(EphemeralContainer, ['name'], 'Put in later, to look at a running pod'),
    restartPolicy: field(RestartPolicy, 'What happens when a container ends', { default: 'Always' }),
    terminationGracePeriodSeconds: int64('How long it may take to end', { default: 30 }),
    activeDeadlineSeconds: int64('Longest time it may run'),
    dnsPolicy: field(DNSPolicy, 'Where names are resolved', { default: 'ClusterFirst' }),
    nodeSelector: map(string(), 'Labels the node must have', { mapType: 'atomic' }),
    serviceAccountName: string('Identity at the API server'),
    serviceAccount: string('Old name of serviceAccountName'),
    automountServiceAccountToken: boolean('Whether a token is put into the containers'),
    nodeName: string('Node it runs on'),
    hostNetwork: boolean('Use the network of the node'),
    hostPID: boolean('See the processes of the node'),
    hostIPC: boolean('Share IPC with the node'),
    shareProcessNamespace: boolean("Containers see each other's processes"),
    securityContext: field(PodSecurityContext, 'What the containers may do, unless they say otherwise', { default: {} }),
    imagePullSecrets: mapList(LocalObjectReference, ['name'], 'Secrets for pulling images'),
    hostname: string('Name of the host in the pod'),
    subdomain: string('Second part of its DNS name; a headless service makes it work'),
    affinity: field(Affinity, 'Near and far from what'),
    schedulerName: string('Who chooses the node', { default: 'default-scheduler' }),
    tolerations: atomicList(Toleration, 'Taints that are accepted'),
    hostAliases: mapList(HostAlias, ['ip'], 'Lines for /etc/hosts'),
    priorityClassName: string('Class that says how important it is'),
    priority: int32('How important it is'),
    dnsConfig: field(PodDNSConfig, 'More settings of the resolver'),
    readinessGates: atomicList(PodReadinessGate, 'Conditions that must be True for the pod to be ready'),
    runtimeClassName: string('How containers are run, such as in a VM'),
    enableServiceLinks: boolean('Whether services become environment variables'),
    preemptionPolicy: field(PreemptionPolicy, 'Whether it may push others away'),
    overhead: map(quantity(), 'What running it costs beside its containers'),
    topologySpreadConstraints: mapList(TopologySpreadConstraint, ['topologyKey', 'whenUnsatisfiable'], 'Spread over parts of the cluster'),
    setHostnameAsFQDN: boolean('Whether the host name is the full DNS name'),
    os: field(PodOS, 'Operating system it needs'),
    hostUsers: boolean('false gives it users of its own'),
    schedulingGates: mapList(PodSchedulingGate, ['name'], 'Must all be gone before it is scheduled'),
    resourceClaims: mapList(PodResourceClaim, ['name'], 'Claims of devices', { patchStrategy: 'merge,retainKeys' }),
    resources: field(ResourceRequirements, 'What all containers together need and may use', { gate: 'PodLevelResources' }),
    hostnameOverride: string('Host name, whatever else is said', { gate: 'HostnameOverride' }),
    schedulingGroup: field(PodSchedulingGroup, 'Group whose pods are scheduled together', { gate: 'GenericWorkload' }),
  },
  { doc: 'What a pod runs, where and how.' },
);
export interface PodSpec extends Static<typeof PodSpec> {}

export const Pod = kind(
  'io.k8s.api.core.v1.Pod',
  {
    spec: always(field(PodSpec, 'What is wanted')),
    status: field(PodStatus, 'What was last seen of it; written by the system'),
  },
  'Containers that run together on one node.',
);
export interface Pod extends Static<typeof Pod> {}

export const PodTemplateSpec = object('io.k8s.api.core.v1.PodTemplateSpec', {
  metadata: always(field(ObjectMeta, 'Labels and annotations of the pods')),
  spec: always(field(PodSpec, 'What the pods run')),
});
export interface PodTemplateSpec extends Static<typeof PodTemplateSpec> {}

export const PodTemplate = kind('io.k8s.api.core.v1.PodTemplate', {
  template: always(field(PodTemplateSpec, 'The pod')),
});
export interface PodTemplate extends Static<typeof PodTemplate> {}

export const Binding = kind('io.k8s.api.core.v1.Binding', {
  target: required(field(ObjectReference, 'Node the pod goes to')),
});
export interface Binding extends Static<typeof Binding> {}

computeDefaults(Pod, ({ spec }) => defaultPod(spec));
