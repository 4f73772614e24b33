import { always, atomicList, int32, object, oneOf, required, string, type Static } from '#api/schema.ts';
import { Protocol, TypedLocalObjectReference } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const ServiceBackendPort = object(
  'io.k8s.api.networking.v1.ServiceBackendPort',
  {
    name: string(),
    number: int32(),
  },
  { mapType: 'atomic' },
);
export interface ServiceBackendPort extends Static<typeof ServiceBackendPort> {}

export const IngressServiceBackend = object('io.k8s.api.networking.v1.IngressServiceBackend', {
  name: required(string()),
  port: ServiceBackendPort,
});
export interface IngressServiceBackend extends Static<typeof IngressServiceBackend> {}

export const IngressBackend = object('io.k8s.api.networking.v1.IngressBackend', {
  service: IngressServiceBackend,
  resource: TypedLocalObjectReference,
});
export interface IngressBackend extends Static<typeof IngressBackend> {}

export const PathType = oneOf(['Exact', 'Prefix', 'ImplementationSpecific']);
export type PathType = Static<typeof PathType>;

export const HTTPIngressPath = object('io.k8s.api.networking.v1.HTTPIngressPath', {
  path: string(),
  pathType: required(PathType),
  backend: required(IngressBackend),
});
export interface HTTPIngressPath extends Static<typeof HTTPIngressPath> {}

export const HTTPIngressRuleValue = object('io.k8s.api.networking.v1.HTTPIngressRuleValue', {
  paths: required(atomicList(HTTPIngressPath)),
});
export interface HTTPIngressRuleValue extends Static<typeof HTTPIngressRuleValue> {}

export const ingressRuleValueFields = {
  http: HTTPIngressRuleValue,
};

export const IngressRule = object('io.k8s.api.networking.v1.IngressRule', {
  host: string(),
  ...ingressRuleValueFields,
});
export interface IngressRule extends Static<typeof IngressRule> {}

export const IngressTLS = object('io.k8s.api.networking.v1.IngressTLS', {
  hosts: atomicList(string()),
  secretName: string(),
});
export interface IngressTLS extends Static<typeof IngressTLS> {}

export const IngressSpec = object('io.k8s.api.networking.v1.IngressSpec', {
  ingressClassName: string(),
  defaultBackend: IngressBackend,
  tls: atomicList(IngressTLS),
  rules: atomicList(IngressRule),
});
export interface IngressSpec extends Static<typeof IngressSpec> {}

export const IngressPortStatus = object('io.k8s.api.networking.v1.IngressPortStatus', {
  port: always(int32()),
  protocol: always(Protocol),
  error: string(),
});
export interface IngressPortStatus extends Static<typeof IngressPortStatus> {}

export const IngressLoadBalancerIngress = object('io.k8s.api.networking.v1.IngressLoadBalancerIngress', {
  ip: string(),
  hostname: string(),
  ports: atomicList(IngressPortStatus),
});
export interface IngressLoadBalancerIngress extends Static<typeof IngressLoadBalancerIngress> {}

export const IngressLoadBalancerStatus = object('io.k8s.api.networking.v1.IngressLoadBalancerStatus', {
  ingress: atomicList(IngressLoadBalancerIngress),
});
export interface IngressLoadBalancerStatus extends Static<typeof IngressLoadBalancerStatus> {}

export const IngressStatus = object('io.k8s.api.networking.v1.IngressStatus', {
  loadBalancer: IngressLoadBalancerStatus,
});
export interface IngressStatus extends Static<typeof IngressStatus> {}

export const Ingress = kind('io.k8s.api.networking.v1.Ingress', {
  spec: always(IngressSpec),
  status: IngressStatus,
});
export interface Ingress extends Static<typeof Ingress> {}

export const IngressClassParametersReference = object('io.k8s.api.networking.v1.IngressClassParametersReference', {
  apiGroup: string(),
  kind: required(string()),
  name: required(string()),
  scope: string(undefined, { default: 'Cluster' }),
  namespace: string(),
});
export interface IngressClassParametersReference extends Static<typeof IngressClassParametersReference> {}

export const IngressClassSpec = object('io.k8s.api.networking.v1.IngressClassSpec', {
  controller: string(),
  parameters: IngressClassParametersReference,
});
export interface IngressClassSpec extends Static<typeof IngressClassSpec> {}

export const IngressClass = kind('io.k8s.api.networking.v1.IngressClass', {
  spec: always(IngressClassSpec),
});
export interface IngressClass extends Static<typeof IngressClass> {}
