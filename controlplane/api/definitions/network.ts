import { IPAddress, ServiceCIDR } from '#api/kinds/networking/addresses.ts';
import { Ingress, IngressClass } from '#api/kinds/networking/ingress.ts';
import { NetworkPolicy } from '#api/kinds/networking/networkPolicy.ts';
import { defineKind } from '#api/scheme.ts';
import { validateIngress, validateIngressClass } from '#api/validation/ingress.ts';
import { validateIpAddress, validateNetworkPolicy, validateServiceCidr } from '#api/validation/networkPolicy.ts';

export const ingressKind = defineKind({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'Ingress',
  schema: Ingress,
  plural: 'ingresses',
  namespaced: true,
  shortNames: ['ing'],
  subresources: ['status'],
  validate: validateIngress,
});
export const ingressClassKind = defineKind({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IngressClass',
  schema: IngressClass,
  plural: 'ingressclasses',
  namespaced: false,
  validate: validateIngressClass,
});
export const networkPolicyKind = defineKind({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  schema: NetworkPolicy,
  plural: 'networkpolicies',
  namespaced: true,
  shortNames: ['netpol'],
  validate: validateNetworkPolicy,
});
export const ipAddressKind = defineKind({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IPAddress',
  schema: IPAddress,
  plural: 'ipaddresses',
  namespaced: false,
  shortNames: ['ip'],
  validate: validateIpAddress,
});
export const serviceCidrKind = defineKind({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'ServiceCIDR',
  schema: ServiceCIDR,
  plural: 'servicecidrs',
  namespaced: false,
  subresources: ['status'],
  validate: validateServiceCidr,
});
