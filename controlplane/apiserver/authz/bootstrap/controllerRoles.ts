/** What each controller may do; bound to the service account of the same name in kube-system. Pure. */
import type { PolicyRule } from '#api/kinds/rbac/v1.ts';
import { can, READ, READ_UPDATE, WRITES_EVENTS, type RolePolicy } from './policy.ts';

const PODS = 'create delete list patch watch';
const KEPT = 'create delete get list patch update watch';

/** Controllers that write no events are the exception. */
const controller = (name: string, ...rules: readonly PolicyRule[]): RolePolicy => ({
  name: `system:controller:${name}`,
  rules: [...rules, WRITES_EVENTS],
});
const silent = (name: string, ...rules: readonly PolicyRule[]): RolePolicy => ({ name: `system:controller:${name}`, rules });

/** A controller that keeps the pods of a workload. */
const workload = (group: string, resource: string, own: string): readonly PolicyRule[] => [
  can(own, group, resource),
  can('update', group, `${resource}/status`),
  can('update', group, `${resource}/finalizers`),
];

const workloads: readonly RolePolicy[] = [
  controller(
    'cronjob-controller',
    can('get list update watch', 'batch', 'cronjobs'),
    can(KEPT, 'batch', 'jobs'),
    can('update', 'batch', 'cronjobs/status'),
    can('update', 'batch', 'cronjobs/finalizers'),
    can('delete list watch', '', 'pods'),
  ),
  controller(
    'daemon-set-controller',
    ...workload('apps extensions', 'daemonsets', READ),
    can('list watch', '', 'nodes'),
    can(PODS, '', 'pods'),
    can('create', '', 'pods/binding'),
    can(KEPT, 'apps', 'controllerrevisions'),
  ),
  controller(
    'deployment-controller',
    ...workload('apps extensions', 'deployments', 'get list update watch'),
    can(KEPT, 'apps extensions', 'replicasets'),
    can('get list update watch', '', 'pods'),
  ),
  controller('job-controller', ...workload('batch', 'jobs', READ_UPDATE), can(PODS, '', 'pods')),
  controller('replicaset-controller', ...workload('apps extensions', 'replicasets', 'get list update watch'), can(PODS, '', 'pods')),
  controller('replication-controller', ...workload('', 'replicationcontrollers', 'get list update watch'), can(PODS, '', 'pods')),
  controller(
    'statefulset-controller',
    can('list watch', '', 'pods'),
    ...workload('apps', 'statefulsets', READ),
    can('create delete get patch update', '', 'pods'),
    can(KEPT, 'apps', 'controllerrevisions'),
    can('create delete get list update watch', '', 'persistentvolumeclaims'),
    can('update', '', 'pods/finalizers'),
  ),
  controller('ttl-after-finished-controller', can('delete get list watch', 'batch', 'jobs')),
  controller(
    'horizontal-pod-autoscaler',
    can(READ, 'autoscaling', 'horizontalpodautoscalers'),
    can('update', 'autoscaling', 'horizontalpodautoscalers/status'),
    can('get update', '*', '*/scale'),
    can('list watch', '', 'pods'),
    can('list watch', 'metrics.k8s.io', 'pods'),
    can(READ, 'custom.metrics.k8s.io', '*'),
    can(READ, 'external.metrics.k8s.io', '*'),
  ),
  controller(
    'disruption-controller',
    can(READ, 'apps extensions', 'deployments replicasets'),
    can(READ, 'apps', 'statefulsets'),
    can(READ, '', 'replicationcontrollers'),
    can(READ, 'policy', 'poddisruptionbudgets'),
    can('update', 'policy', 'poddisruptionbudgets/status'),
    can('patch update', '', 'pods/status'),
    can('get', '*', '*/scale'),
  ),
];

const network: readonly RolePolicy[] = [
  controller(
    'endpoint-controller',
    can(READ, '', 'pods services'),
    can('create delete get list update watch', '', 'endpoints'),
    can('create', '', 'endpoints/restricted'),
  ),
  controller(
    'endpointslice-controller',
    can(READ, '', 'nodes pods services'),
    can('update', '', 'services/finalizers'),
    can('create delete get list update watch', 'discovery.k8s.io', 'endpointslices'),
  ),
  controller(
    'endpointslicemirroring-controller',
    can(READ, '', 'endpoints services'),
    can('update', '', 'services/finalizers'),
    can('update', '', 'endpoints/finalizers'),
    can('create delete get list update watch', 'discovery.k8s.io', 'endpointslices'),
  ),
  controller('route-controller', can('list watch', '', 'nodes'), can('patch', '', 'nodes/status')),
  controller('service-controller', can(READ, '', 'services'), can('patch update', '', 'services/status'), can('list watch', '', 'nodes')),
  controller(
    'service-cidrs-controller',
    can(READ_UPDATE, 'networking.k8s.io', 'servicecidrs'),
    can('patch update', 'networking.k8s.io', 'servicecidrs/finalizers servicecidrs/status'),
    can(READ, 'networking.k8s.io', 'ipaddresses'),
  ),
];

const storage: readonly RolePolicy[] = [
  controller(
    'attachdetach-controller',
    can('list watch', '', 'persistentvolumeclaims persistentvolumes'),
    can(READ, '', 'nodes'),
    can('patch update', '', 'nodes/status'),
    can('list watch', '', 'pods'),
    can('create delete get list watch', 'storage.k8s.io', 'volumeattachments'),
    can(READ, 'storage.k8s.io', 'csidrivers csinodes'),
  ),
  controller(
    'ephemeral-volume-controller',
    can(READ, '', 'pods'),
    can('update', '', 'pods/finalizers'),
    can('create get list watch', '', 'persistentvolumeclaims'),
  ),
  controller(
    'expand-controller',
    can(READ_UPDATE, '', 'persistentvolumes'),
    can('patch update', '', 'persistentvolumeclaims/status'),
    can(READ, '', 'persistentvolumeclaims'),
  ),
  controller(
    'persistent-volume-binder',
    can('create delete get list update watch', '', 'persistentvolumes'),
    can('update', '', 'persistentvolumes/status'),
    can('get list update watch', '', 'persistentvolumeclaims'),
    can('update', '', 'persistentvolumeclaims/status'),
    can('create delete get list watch', '', 'pods'),
    can(READ, 'storage.k8s.io', 'storageclasses'),
    can('list watch', '', 'nodes'),
    can('watch', '', 'events'),
  ),
  controller('pv-protection-controller', can('get list update watch', '', 'persistentvolumes')),
  controller(
    'pvc-protection-controller',
    can('get list update watch', '', 'persistentvolumeclaims'),
    can('update', '', 'persistentvolumeclaims/status'),
    can(READ, '', 'pods'),
  ),
  controller(
    'selinux-warning-controller',
    can(READ, '', 'persistentvolumes persistentvolumeclaims pods'),
    can(READ, 'storage.k8s.io', 'csidrivers'),
  ),
  controller(
    'volumeattributesclass-protection-controller',
    can(READ, '', 'persistentvolumeclaims persistentvolumes'),
    can('get list update watch', 'storage.k8s.io', 'volumeattributesclasses'),
  ),
];

const cluster: readonly RolePolicy[] = [
  controller(
    'certificate-controller',
    can('delete get list watch', 'certificates.k8s.io', 'certificatesigningrequests'),
    can('update', 'certificates.k8s.io', 'certificatesigningrequests/approval certificatesigningrequests/status'),
    can('approve', 'certificates.k8s.io', 'signers', 'kubernetes.io/kube-apiserver-client-kubelet'),
    can(
      'sign',
      'certificates.k8s.io',
      'signers',
      'kubernetes.io/kube-apiserver-client kubernetes.io/kube-apiserver-client-kubelet kubernetes.io/kubelet-serving kubernetes.io/legacy-unknown',
    ),
    can('create', 'authorization.k8s.io', 'subjectaccessreviews'),
  ),
  silent('clusterrole-aggregation-controller', can('escalate get list patch update watch', 'rbac.authorization.k8s.io', 'clusterroles')),
  controller(
    'device-taint-eviction-controller',
    can('delete get list watch', '', 'pods'),
    can('patch update', '', 'pods/status'),
    can(READ, 'resource.k8s.io', 'resourceclaims resourceslices deviceclasses'),
  ),
  controller('generic-garbage-collector', can('delete get list patch update watch', '*', '*')),
  silent(
    'legacy-service-account-token-cleaner',
    can('get', '', 'configmaps', 'kube-apiserver-legacy-service-account-token-tracking'),
    can('delete patch', '', 'secrets'),
  ),
  silent(
    'namespace-controller',
    can('delete get list watch', '', 'namespaces'),
    can('update', '', 'namespaces/finalize namespaces/status'),
    can('delete deletecollection get list watch', '*', '*'),
  ),
  controller(
    'node-controller',
    can('delete get list patch update watch', '', 'nodes'),
    can('patch update', '', 'nodes/status'),
    can('patch update', '', 'pods/status'),
    can('delete get list watch', '', 'pods'),
  ),
  silent('pod-garbage-collector', can('delete list watch', '', 'pods'), can(READ, '', 'nodes'), can('patch', '', 'pods/status')),
  controller(
    'resource-claim-controller',
    can(READ, '', 'pods'),
    can('update', '', 'pods/finalizers'),
    can('create delete get list watch', 'resource.k8s.io', 'resourceclaims'),
    can('patch update', 'resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaims/binding'),
    can('patch update', '', 'pods/status'),
  ),
  controller('resourcequota-controller', can('list watch', '*', '*'), can('update', '', 'resourcequotas/status')),
  controller('root-ca-cert-publisher', can('create update', '', 'configmaps')),
  controller('service-account-controller', can('create', '', 'serviceaccounts')),
  controller(
    'taint-eviction-controller',
    can(READ, '', 'nodes'),
    can('delete get list watch', '', 'pods'),
    can('patch update', '', 'pods/status'),
  ),
  controller('ttl-controller', can('list patch update watch', '', 'nodes')),
  controller(
    'validatingadmissionpolicy-status-controller',
    can(READ, 'admissionregistration.k8s.io', 'validatingadmissionpolicies'),
    can('get patch update', 'admissionregistration.k8s.io', 'validatingadmissionpolicies/status'),
  ),
];

export const CONTROLLER_ROLES: readonly RolePolicy[] = [...workloads, ...network, ...storage, ...cluster];
