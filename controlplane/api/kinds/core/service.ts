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
  timeoutSeconds: int32(),
});
export interface ClientIPConfig extends Static<typeof ClientIPConfig> {}

export const SessionAffinityConfig = object('io.k8s.api.core.v1.SessionAffinityConfig', {
  clientIP: ClientIPConfig,
});
export interface SessionAffinityConfig extends Static<typeof SessionAffinityConfig> {}

export const ServicePort = object('io.k8s.api.core.v1.ServicePort', {
  name: string(),
  protocol: field(Protocol, undefined, { default: 'TCP' }),
  appProtocol: string(),
  port: required(int32()),
  targetPort: intOrString(),
  nodePort: int32(),
});
export interface ServicePort extends Static<typeof ServicePort> {}

export const ServiceSpec = object('io.k8s.api.core.v1.ServiceSpec', {
  ports: mapList(ServicePort, ['port', 'protocol']),
  selector: map(string(), undefined, { mapType: 'atomic' }),
  clusterIP: string(),
  clusterIPs: atomicList(string()),
  type: field(ServiceType, undefined, { default: 'ClusterIP' }),
  externalIPs: atomicList(string()),
  sessionAffinity: field(ServiceAffinity, undefined, { default: 'None' }),
  loadBalancerIP: string(),
  loadBalancerSourceRanges: atomicList(string()),
  externalName: string(),
  externalTrafficPolicy: ServiceExternalTrafficPolicy,
  healthCheckNodePort: int32(),
  publishNotReadyAddresses: boolean(),
  sessionAffinityConfig: SessionAffinityConfig,
  ipFamilies: atomicList(IPFamily),
  ipFamilyPolicy: IPFamilyPolicy,
  allocateLoadBalancerNodePorts: boolean(),
  loadBalancerClass: string(),
  internalTrafficPolicy: ServiceInternalTrafficPolicy,
  trafficDistribution: string(),
});
export interface ServiceSpec extends Static<typeof ServiceSpec> {}

export const PortStatus = object('io.k8s.api.core.v1.PortStatus', {
  port: always(int32()),
  protocol: always(field(Protocol, undefined, { default: 'TCP' })),
  error: string(),
});
export interface PortStatus extends Static<typeof PortStatus> {}

export const LoadBalancerIngress = object('io.k8s.api.core.v1.LoadBalancerIngress', {
  ip: string(),
  hostname: string(),
  ipMode: LoadBalancerIPMode,
  ports: atomicList(PortStatus),
});
export interface LoadBalancerIngress extends Static<typeof LoadBalancerIngress> {}

export const LoadBalancerStatus = object('io.k8s.api.core.v1.LoadBalancerStatus', {
  ingress: atomicList(LoadBalancerIngress),
});
export interface LoadBalancerStatus extends Static<typeof LoadBalancerStatus> {}

export const ServiceStatus = object('io.k8s.api.core.v1.ServiceStatus', {
  loadBalancer: field(LoadBalancerStatus, undefined, { default: {} }),
  conditions: mapList(Condition, ['type']),
});
export interface ServiceStatus extends Static<typeof ServiceStatus> {}

export const Service = kind('io.k8s.api.core.v1.Service', {
  spec: always(ServiceSpec),
  status: field(ServiceStatus, undefined, { default: {} }),
});
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
