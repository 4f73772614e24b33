import { always, atomicList, field, int32, intOrString, object, oneOf, required, string, type Static } from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { Protocol } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const NetworkPolicyPort = object('io.k8s.api.networking.v1.NetworkPolicyPort', {
  protocol: field(Protocol, undefined, { default: 'TCP' }),
  port: intOrString(),
  endPort: int32(),
});
export interface NetworkPolicyPort extends Static<typeof NetworkPolicyPort> {}

export const IPBlock = object('io.k8s.api.networking.v1.IPBlock', {
  cidr: required(string()),
  except: atomicList(string()),
});
export interface IPBlock extends Static<typeof IPBlock> {}

export const NetworkPolicyPeer = object('io.k8s.api.networking.v1.NetworkPolicyPeer', {
  podSelector: LabelSelector,
  namespaceSelector: LabelSelector,
  ipBlock: IPBlock,
});
export interface NetworkPolicyPeer extends Static<typeof NetworkPolicyPeer> {}

export const NetworkPolicyIngressRule = object('io.k8s.api.networking.v1.NetworkPolicyIngressRule', {
  ports: atomicList(NetworkPolicyPort),
  from: atomicList(NetworkPolicyPeer),
});
export interface NetworkPolicyIngressRule extends Static<typeof NetworkPolicyIngressRule> {}

export const NetworkPolicyEgressRule = object('io.k8s.api.networking.v1.NetworkPolicyEgressRule', {
  ports: atomicList(NetworkPolicyPort),
  to: atomicList(NetworkPolicyPeer),
});
export interface NetworkPolicyEgressRule extends Static<typeof NetworkPolicyEgressRule> {}

export const PolicyType = oneOf(['Ingress', 'Egress']);
export type PolicyType = Static<typeof PolicyType>;

export const NetworkPolicySpec = object('io.k8s.api.networking.v1.NetworkPolicySpec', {
  podSelector: LabelSelector,
  ingress: atomicList(NetworkPolicyIngressRule),
  egress: atomicList(NetworkPolicyEgressRule),
  policyTypes: atomicList(PolicyType),
});
export interface NetworkPolicySpec extends Static<typeof NetworkPolicySpec> {}

export const NetworkPolicy = kind('io.k8s.api.networking.v1.NetworkPolicy', {
  spec: always(NetworkPolicySpec),
});
export interface NetworkPolicy extends Static<typeof NetworkPolicy> {}

computeDefaults(NetworkPolicySpec, (spec) => {
  if ((spec.policyTypes ?? []).length > 0) return;
  spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
});
