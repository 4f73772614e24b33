import { always, atomicList, field, int32, intOrString, object, oneOf, required, string, type Static } from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { Protocol } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const NetworkPolicyPort = object('io.k8s.api.networking.v1.NetworkPolicyPort', {
  protocol: field(Protocol, 'TCP, UDP or SCTP', { default: 'TCP' }),
  port: intOrString('Number or name; all when left out'),
  endPort: int32('Last port of a range'),
});
export interface NetworkPolicyPort extends Static<typeof NetworkPolicyPort> {}

export const IPBlock = object('io.k8s.api.networking.v1.IPBlock', {
  cidr: required(string('Addresses that are meant')),
  except: atomicList(string(), 'Addresses that are left out'),
});
export interface IPBlock extends Static<typeof IPBlock> {}

export const NetworkPolicyPeer = object('io.k8s.api.networking.v1.NetworkPolicyPeer', {
  podSelector: field(LabelSelector, 'Labels of pods'),
  namespaceSelector: field(LabelSelector, 'Labels of the namespaces that are meant'),
  ipBlock: field(IPBlock, 'Addresses'),
});
export interface NetworkPolicyPeer extends Static<typeof NetworkPolicyPeer> {}

export const NetworkPolicyIngressRule = object('io.k8s.api.networking.v1.NetworkPolicyIngressRule', {
  ports: atomicList(NetworkPolicyPort, 'Ports that are open; all when empty'),
  from: atomicList(NetworkPolicyPeer, 'Who may come; all when empty'),
});
export interface NetworkPolicyIngressRule extends Static<typeof NetworkPolicyIngressRule> {}

export const NetworkPolicyEgressRule = object('io.k8s.api.networking.v1.NetworkPolicyEgressRule', {
  ports: atomicList(NetworkPolicyPort, 'Ports that are open; all when empty'),
  to: atomicList(NetworkPolicyPeer, 'Where they may go; anywhere when empty'),
});
export interface NetworkPolicyEgressRule extends Static<typeof NetworkPolicyEgressRule> {}

export const PolicyType = oneOf(['Ingress', 'Egress']);
export type PolicyType = Static<typeof PolicyType>;

export const NetworkPolicySpec = object('io.k8s.api.networking.v1.NetworkPolicySpec', {
  podSelector: field(LabelSelector, 'Labels of the pods it is about'),
  ingress: atomicList(NetworkPolicyIngressRule, 'What may come in'),
  egress: atomicList(NetworkPolicyEgressRule, 'What may go out'),
  policyTypes: atomicList(PolicyType, 'Directions it is about'),
});
export interface NetworkPolicySpec extends Static<typeof NetworkPolicySpec> {}

export const NetworkPolicy = kind(
  'io.k8s.api.networking.v1.NetworkPolicy',
  {
    spec: always(field(NetworkPolicySpec, 'What is wanted')),
  },
  'Says which pods may talk to which.',
);
export interface NetworkPolicy extends Static<typeof NetworkPolicy> {}

computeDefaults(NetworkPolicySpec, (spec) => {
  if ((spec.policyTypes ?? []).length > 0) return;
  spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
});
