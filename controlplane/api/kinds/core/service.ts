import {
  always,
  atomicList,
  boolean,
  field,
  int32,
  intOrString,
  map,
  mapList,
  object,
  oneOf,
  required,
  string,
  type Static,
} from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { Protocol } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { Condition } from '#api/kinds/meta/status.ts';

export const ServiceAffinity = oneOf(['ClientIP', 'None']);
export type ServiceAffinity = Static<typeof ServiceAffinity>;

export const ServiceType = oneOf(['ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName']);
export type ServiceType = Static<typeof ServiceType>;

export const ServiceInternalTrafficPolicy = oneOf(['Cluster', 'Local']);
export type ServiceInternalTrafficPolicy = Static<typeof ServiceInternalTrafficPolicy>;

export const ServiceExternalTrafficPolicy = oneOf(['Cluster', 'Local']);
export type ServiceExternalTrafficPolicy = Static<typeof ServiceExternalTrafficPolicy>;

export const IPFamily = oneOf(['IPv4', 'IPv6']);
export type IPFamily = Static<typeof IPFamily>;

export const IPFamilyPolicy = oneOf(['SingleStack', 'PreferDualStack', 'RequireDualStack']);
export type IPFamilyPolicy = Static<typeof IPFamilyPolicy>;

export const LoadBalancerIPMode = oneOf(['VIP', 'Proxy']);
export type LoadBalancerIPMode = Static<typeof LoadBalancerIPMode>;

export const ClientIPConfig = object('io.k8s.api.core.v1.ClientIPConfig', {
  timeoutSeconds: int32('How long a client stays with its pod'),
});
export interface ClientIPConfig extends Static<typeof ClientIPConfig> {}

export const SessionAffinityConfig = object('io.k8s.api.core.v1.SessionAffinityConfig', {
  clientIP: field(ClientIPConfig, 'By address of the client'),
});
export interface SessionAffinityConfig extends Static<typeof SessionAffinityConfig> {}

export const ServicePort = object('io.k8s.api.core.v1.ServicePort', {
  name: string('Name, unique in the service'),
  protocol: field(Protocol, 'TCP, UDP or SCTP', { default: 'TCP' }),
  appProtocol: string('Protocol above, such as kubernetes.io/h2c'),
  port: required(int32('Port of the service')),
  targetPort: intOrString('Port of the pods, number or name'),
  nodePort: int32('Port of every node that leads here'),
});
export interface ServicePort extends Static<typeof ServicePort> {}

export const ServiceSpec = object('io.k8s.api.core.v1.ServiceSpec', {
  ports: mapList(ServicePort, ['port', 'protocol'], 'Ports that are served'),
  selector: map(string(), 'Labels of the pods behind it; no endpoints are made without', { mapType: 'atomic' }),
  clusterIP: string('Virtual address; None for a headless service'),
  clusterIPs: atomicList(string(), 'Virtual addresses, one for each IP family'),
  type: field(ServiceType, 'How it can be reached', { default: 'ClusterIP' }),
  externalIPs: atomicList(string(), 'Other addresses that lead here'),
  sessionAffinity: field(ServiceAffinity, 'Whether a client stays with one pod', { default: 'None' }),
  loadBalancerIP: string('Address wanted from the load balancer'),
  loadBalancerSourceRanges: atomicList(string(), 'Addresses that may come through the load balancer'),
  externalName: string('DNS name it stands for'),
  externalTrafficPolicy: field(ServiceExternalTrafficPolicy, 'Whether traffic from outside stays on its node'),
  healthCheckNodePort: int32('Port that tells load balancers whether pods are here'),
  publishNotReadyAddresses: boolean('Also lead to pods that are not ready'),
  sessionAffinityConfig: field(SessionAffinityConfig, 'More about session affinity'),
  ipFamilies: atomicList(IPFamily, 'IPv4, IPv6 or both'),
  ipFamilyPolicy: field(IPFamilyPolicy, 'One family or two'),
  allocateLoadBalancerNodePorts: boolean('Whether node ports are taken for the load balancer'),
  loadBalancerClass: string('Which load balancer'),
  internalTrafficPolicy: field(ServiceInternalTrafficPolicy, 'Whether traffic from inside stays on its node'),
  trafficDistribution: string('Which endpoints are preferred'),
});
export interface ServiceSpec extends Static<typeof ServiceSpec> {}

export const PortStatus = object('io.k8s.api.core.v1.PortStatus', {
  port: always(int32('Port')),
  protocol: always(field(Protocol, 'Protocol', { default: 'TCP' })),
  error: string('Why it does not work'),
});
export interface PortStatus extends Static<typeof PortStatus> {}

export const LoadBalancerIngress = object('io.k8s.api.core.v1.LoadBalancerIngress', {
  ip: string('Address of the load balancer'),
  hostname: string('Name of the load balancer'),
  ipMode: field(LoadBalancerIPMode, 'Whether the address is on the nodes or on a proxy'),
  ports: atomicList(PortStatus, 'State of each port'),
});
export interface LoadBalancerIngress extends Static<typeof LoadBalancerIngress> {}

export const LoadBalancerStatus = object('io.k8s.api.core.v1.LoadBalancerStatus', {
  ingress: atomicList(LoadBalancerIngress, 'Where traffic comes in'),
});
export interface LoadBalancerStatus extends Static<typeof LoadBalancerStatus> {}

export const ServiceStatus = object('io.k8s.api.core.v1.ServiceStatus', {
  loadBalancer: field(LoadBalancerStatus, 'State of the load balancer', { default: {} }),
  conditions: mapList(Condition, ['type'], 'Newest state of each aspect'),
});
export interface ServiceStatus extends Static<typeof ServiceStatus> {}

export const Service = kind(
  'io.k8s.api.core.v1.Service',
  {
    spec: always(field(ServiceSpec, 'What is wanted')),
    status: field(ServiceStatus, 'What was last seen of it; written by the system', { default: {} }),
  },
  'A name and an address for a set of pods.',
);
export interface Service extends Static<typeof Service> {}

/** Three hours, as upstream. */
const CLIENT_IP_SECONDS = 10_800;

computeDefaults(ServiceSpec, (spec) => {
  if (spec.sessionAffinity === 'ClientIP') {
    const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? CLIENT_IP_SECONDS;
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: seconds } };
  } else if (spec.sessionAffinity === 'None') delete spec.sessionAffinityConfig;
  const external =
    spec.type === 'NodePort' || spec.type === 'LoadBalancer' || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0);
  if (external) spec.externalTrafficPolicy ??= 'Cluster';
  if (spec.type !== 'ExternalName') spec.internalTrafficPolicy ??= 'Cluster';
  if (spec.type === 'LoadBalancer') spec.allocateLoadBalancerNodePorts ??= true;
});
computeDefaults(ServicePort, (port) => {
  if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '') port.targetPort = port.port;
});
computeDefaults(LoadBalancerIngress, (ingress) => {
  if (ingress.ip !== undefined && ingress.ip !== '') ingress.ipMode ??= 'VIP';
});
