import { always, atomicList, field, int32, object, oneOf, required, string, type Static } from '#api/schema.ts';
import { Protocol, TypedLocalObjectReference } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const ServiceBackendPort = object(
  'io.k8s.api.networking.v1.ServiceBackendPort',
  {
    name: string('Name of the port'),
    number: int32('Number of the port'),
  },
  { mapType: 'atomic' },
);
export interface ServiceBackendPort extends Static<typeof ServiceBackendPort> {}

export const IngressServiceBackend = object('io.k8s.api.networking.v1.IngressServiceBackend', {
  name: required(string('Name of the service')),
  port: field(ServiceBackendPort, 'Port of the service'),
});
export interface IngressServiceBackend extends Static<typeof IngressServiceBackend> {}

export const IngressBackend = object('io.k8s.api.networking.v1.IngressBackend', {
  service: field(IngressServiceBackend, 'A service'),
  resource: field(TypedLocalObjectReference, 'Another object'),
});
export interface IngressBackend extends Static<typeof IngressBackend> {}

export const PathType = oneOf(['Exact', 'Prefix', 'ImplementationSpecific']);
export type PathType = Static<typeof PathType>;

export const HTTPIngressPath = object('io.k8s.api.networking.v1.HTTPIngressPath', {
  path: string('Path that is asked for'),
  pathType: required(field(PathType, 'How paths are compared')),
  backend: required(field(IngressBackend, 'Where it leads')),
});
export interface HTTPIngressPath extends Static<typeof HTTPIngressPath> {}

export const HTTPIngressRuleValue = object('io.k8s.api.networking.v1.HTTPIngressRuleValue', {
  paths: required(atomicList(HTTPIngressPath, 'Where each path leads')),
});
export interface HTTPIngressRuleValue extends Static<typeof HTTPIngressRuleValue> {}

export const ingressRuleValueFields = {
  http: field(HTTPIngressRuleValue, 'Paths of HTTP'),
};

export const IngressRule = object('io.k8s.api.networking.v1.IngressRule', {
  host: string('Host that is asked for; any when left out'),
  ...ingressRuleValueFields,
});
export interface IngressRule extends Static<typeof IngressRule> {}

export const IngressTLS = object('io.k8s.api.networking.v1.IngressTLS', {
  hosts: atomicList(string(), 'Hosts of the certificate'),
  secretName: string('Secret with key and certificate'),
});
export interface IngressTLS extends Static<typeof IngressTLS> {}

export const IngressSpec = object('io.k8s.api.networking.v1.IngressSpec', {
  ingressClassName: string('Class whose controller serves it'),
  defaultBackend: field(IngressBackend, 'Where everything else leads'),
  tls: atomicList(IngressTLS, 'Certificates'),
  rules: atomicList(IngressRule, 'Hosts and paths'),
});
export interface IngressSpec extends Static<typeof IngressSpec> {}

export const IngressPortStatus = object('io.k8s.api.networking.v1.IngressPortStatus', {
  port: always(int32('Port')),
  protocol: always(field(Protocol, 'Protocol')),
  error: string('Why it does not work'),
});
export interface IngressPortStatus extends Static<typeof IngressPortStatus> {}

export const IngressLoadBalancerIngress = object('io.k8s.api.networking.v1.IngressLoadBalancerIngress', {
  ip: string('Address of the load balancer'),
  hostname: string('Name of the load balancer'),
  ports: atomicList(IngressPortStatus, 'State of each port'),
});
export interface IngressLoadBalancerIngress extends Static<typeof IngressLoadBalancerIngress> {}

export const IngressLoadBalancerStatus = object('io.k8s.api.networking.v1.IngressLoadBalancerStatus', {
  ingress: atomicList(IngressLoadBalancerIngress, 'Where traffic comes in'),
});
export interface IngressLoadBalancerStatus extends Static<typeof IngressLoadBalancerStatus> {}

export const IngressStatus = object('io.k8s.api.networking.v1.IngressStatus', {
  loadBalancer: field(IngressLoadBalancerStatus, 'State of the load balancer'),
});
export interface IngressStatus extends Static<typeof IngressStatus> {}

export const Ingress = kind(
  'io.k8s.api.networking.v1.Ingress',
  {
    spec: always(field(IngressSpec, 'What is wanted')),
    status: field(IngressStatus, 'What was last seen of it; written by the system'),
  },
  'Leads HTTP from outside to services.',
);
export interface Ingress extends Static<typeof Ingress> {}

export const IngressClassParametersReference = object('io.k8s.api.networking.v1.IngressClassParametersReference', {
  apiGroup: string('Group of the kind'),
  kind: required(string('Kind of the object')),
  name: required(string('Name of the object')),
  scope: string('Whether it is in a namespace', { default: 'Cluster' }),
  namespace: string('Namespace of the object'),
});
export interface IngressClassParametersReference extends Static<typeof IngressClassParametersReference> {}

export const IngressClassSpec = object('io.k8s.api.networking.v1.IngressClassSpec', {
  controller: string('Name of the controller'),
  parameters: field(IngressClassParametersReference, 'Object with more settings'),
});
export interface IngressClassSpec extends Static<typeof IngressClassSpec> {}

export const IngressClass = kind(
  'io.k8s.api.networking.v1.IngressClass',
  {
    spec: always(field(IngressClassSpec, 'What is wanted')),
  },
  'A kind of ingress, and who serves it.',
);
export interface IngressClass extends Static<typeof IngressClass> {}
