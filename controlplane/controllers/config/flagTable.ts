/**
 * Every flag of upstream's kube-controller-manager 1.36, and what becomes of it here. Data, pure.
 * Differs: defaults marked below.
 */
import { each, honoured, only, refused, type FlagTable } from '../../component/flagRows.ts';
import type { ProgramFlags } from '../../component/flags.ts';
import { sharedFlags } from '../../component/sharedFlags.ts';
import { SYNCS } from '../parts.ts';

const NO_CLOUD = 'there is no cloud provider; addresses of load balancers come out of --load-balancer-pool';
const NO_ATTACH = 'volumes are not attached to nodes yet: the CSI attach controller is not there';
const NO_TOKEN_CLEANING = 'tokens of secrets stay until their secret is removed: when they were used last is not written down';
const NO_HPA = 'horizontal pod autoscaling is not there yet';
const ONE_SIGNER = 'one authority signs for all signers: --cluster-signing-cert-file';
const NO_RECYCLER = 'volumes are not recycled: use a reclaim policy of Delete or Retain';
const AT_ONCE = 'changes are written at once; a key that changes again meanwhile is written once';
const NO_RESYNC = 'watches lose nothing, so that nothing is looked at again without a reason';

const FLAGS: FlagTable = {
  ...sharedFlags({ port: 10_257, qps: 20, burst: 30, lease: 'kube-controller-manager' }),

  // which controllers
  controllers: honoured('list', '*', "NAME[,NAME]: * for all that are on by themselves, 'name' and '-name' for single ones"),
  'use-service-account-credentials': honoured('bool', 'false', 'each controller writes as its own service account'),
  'controller-start-interval': only('duration', '0s', 'controllers start together'),
  'min-resync-period': only('duration', '12h0m0s', NO_RESYNC),
  'cluster-name': honoured('string', 'kubernetes', 'NAME: of this cluster'),
  'enable-leader-migration': only('bool', 'false', NO_CLOUD),
  'leader-migration-config': refused('string', NO_CLOUD),

  ...Object.fromEntries(
    Object.entries(SYNCS).map(([name, count]) => [name, honoured('int', String(count), 'N: keys this controller works on at once')]),
  ),
  'max-endpoints-per-slice': honoured('int', '100', 'N: endpoints of an EndpointSlice at most'),
  'enable-garbage-collector': honoured('bool', 'true', 'whether the garbage collector runs'),
  'namespace-sync-period': only('duration', '5m0s', NO_RESYNC),
  'terminated-pod-gc-threshold': honoured('int', '12500', 'N: pods that are over and are kept; 0: all'),
  'mirroring-concurrent-service-endpoint-syncs': only('int', '5', 'mirrors are few and written one after the other'),
  'mirroring-max-endpoints-per-subset': only('int', '1000', 'the number cannot be chosen'),

  // nodes
  'node-monitor-period': only('duration', '5s', 'a node is looked at when something came from it or is overdue'),
  // Differs: 50s upstream since 1.32; pods of a lost node come back sooner.
  'node-monitor-grace-period': honoured('duration', '40s', 'DURATION: how long a node may be silent before it is Unknown'),
  'node-startup-grace-period': honoured('duration', '1m0s', 'DURATION: the same for a node that has never said anything'),
  'node-eviction-rate': honoured('string', '0.1', 'NUMBER: nodes of a zone that are emptied a second'),
  'secondary-node-eviction-rate': honoured('string', '0.01', 'NUMBER: the same in a large zone of which much is down'),
  'unhealthy-zone-threshold': honoured('string', '0.55', 'SHARE: of a zone that is down, from which on that holds'),
  'large-cluster-size-threshold': honoured('int', '50', 'N: nodes above which a zone is large; smaller ones are not emptied then'),
  'allocate-node-cidrs': honoured('bool', 'false', 'give every node its part of --cluster-cidr'),
  'cluster-cidr': honoured('list', '', 'CIDR[,CIDR]: network of the pods, of each family one'),
  'service-cluster-ip-range': honoured('list', '', 'CIDR[,CIDR]: addresses of services, which no node gets'),
  'node-cidr-mask-size': honoured('int', '0', 'BITS: of a node in a network of one family (default 24 or 64)'),
  'node-cidr-mask-size-ipv4': honoured('int', '0', 'BITS: the same of the IPv4 part of two (default 24)'),
  'node-cidr-mask-size-ipv6': honoured('int', '0', 'BITS: the same of the IPv6 part of two (default 64)'),

  'resource-quota-sync-period': only('duration', '5m0s', NO_RESYNC),

  // services and volumes
  // Differs: not upstream's; there a cloud gives addresses.
  'load-balancer-pool': honoured('list', '', 'CIDR|FROM-TO[,...]: addresses of the hosts for services of type LoadBalancer'),
  'concurrent-service-syncs': only('int', '1', 'addresses are given one after the other'),
  'pvclaimbinder-sync-period': only('duration', '15s', NO_RESYNC),
  'enable-dynamic-provisioning': only('bool', 'true', 'classes say whether volumes are made'),

  // certificates and accounts
  'cluster-signing-cert-file': honoured('string', '', 'FILE: authority that signs certificates of kubelets and clients'),
  'cluster-signing-key-file': honoured('string', '', 'FILE: key of --cluster-signing-cert-file'),
  'cluster-signing-duration': honoured('duration', '8760h0m0s', 'DURATION: the longest life of what it signs'),
  ...each(
    'cluster-signing-kube-apiserver-client-cert-file cluster-signing-kube-apiserver-client-key-file cluster-signing-kubelet-client-cert-file cluster-signing-kubelet-client-key-file cluster-signing-kubelet-serving-cert-file cluster-signing-kubelet-serving-key-file cluster-signing-legacy-unknown-cert-file cluster-signing-legacy-unknown-key-file',
    refused('string', ONE_SIGNER),
  ),
  'service-account-private-key-file': honoured('string', '', 'FILE: key that signs the tokens of secrets; without it they get none'),
  'root-ca-file': honoured('string', '', 'FILE: published as kube-root-ca.crt in every namespace'),

  // clouds
  'cloud-provider': only('string', '', NO_CLOUD),
  ...each('cloud-config external-cloud-volume-plugin', refused('string', NO_CLOUD)),
  'configure-cloud-routes': only('bool', 'false', NO_CLOUD),
  'cidr-allocator-type': only('string', 'RangeAllocator', NO_CLOUD),
  'node-sync-period': refused('duration', NO_CLOUD),
  'route-reconciliation-period': only('duration', '10s', NO_CLOUD),

  // what is not there
  'legacy-service-account-token-clean-up-period': only('duration', '8760h0m0s', NO_TOKEN_CLEANING),
  'attach-detach-reconcile-sync-period': only('duration', '1m0s', NO_ATTACH),
  ...each('disable-attach-detach-reconcile-sync disable-force-detach-on-timeout', only('bool', 'false', NO_ATTACH)),
  'concurrent-horizontal-pod-autoscaler-syncs': only('int', '5', NO_HPA),
  'horizontal-pod-autoscaler-sync-period': only('duration', '15s', NO_HPA),
  ...each(
    'horizontal-pod-autoscaler-cpu-initialization-period horizontal-pod-autoscaler-downscale-stabilization',
    only('duration', '5m0s', NO_HPA),
  ),
  'horizontal-pod-autoscaler-initial-readiness-delay': only('duration', '30s', NO_HPA),
  'horizontal-pod-autoscaler-tolerance': only('string', '0.1', NO_HPA),
  ...each('pv-recycler-pod-template-filepath-hostpath pv-recycler-pod-template-filepath-nfs', refused('string', NO_RECYCLER)),
  ...each(
    'pv-recycler-increment-timeout-nfs pv-recycler-minimum-timeout-hostpath pv-recycler-minimum-timeout-nfs pv-recycler-timeout-increment-hostpath',
    refused('int', NO_RECYCLER),
  ),
  ...each(
    'endpoint-updates-batch-period endpointslice-updates-batch-period mirroring-endpointslice-updates-batch-period',
    only('duration', '0s', AT_ONCE),
  ),
  'concurrent-validating-admission-policy-status-syncs': only('int', '5', 'policies in CEL are not there yet'),
  ...each('concurrent-resource-claim-syncs concurrent-device-taint-eviction-syncs', refused('int', 'resource claims are not there yet')),
  'flex-volume-plugin-dir': refused('string', 'there are no FlexVolume drivers'),
  'enable-hostpath-provisioner': only('bool', 'false', 'the local-path provisioner makes volumes on nodes'),
};

export const PROGRAM: ProgramFlags = {
  program: 'kube-controller-manager',
  about: 'Controllers: each keeps one thing of a cluster as it should be.',
  table: FLAGS,
};
