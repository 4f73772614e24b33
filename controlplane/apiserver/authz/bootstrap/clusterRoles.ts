/** The ClusterRoles every cluster has, but for those of controllers. Pure. */
import { can, canVisit, READ, READ_UPDATE, WRITE, WRITES_EVENTS, type RolePolicy } from './policy.ts';

const aggregateTo = (role: string): Readonly<Record<string, string>> => ({ [`rbac.authorization.k8s.io/aggregate-to-${role}`]: 'true' });
const ALL = 'create delete deletecollection get list patch update watch';
/** No server of this version serves the group extensions, but roles still speak of it, and what they grant can be compared. */
const OLD_WORKLOADS =
  'daemonsets deployments deployments/rollback deployments/scale ingresses networkpolicies replicasets replicasets/scale replicationcontrollers/scale';
const OLD_WORKLOADS_STATUS =
  'daemonsets daemonsets/status deployments deployments/scale deployments/status ingresses ingresses/status networkpolicies replicasets replicasets/scale replicasets/status replicationcontrollers/scale';
const INFO = '/healthz /livez /readyz /version /version/';

const forPeople: readonly RolePolicy[] = [
  { name: 'cluster-admin', rules: [can('*', '*', '*'), canVisit('*', '*')] },
  { name: 'admin', rules: [], aggregates: 'admin' },
  { name: 'edit', rules: [], aggregates: 'edit', labels: aggregateTo('admin') },
  { name: 'view', rules: [], aggregates: 'view', labels: aggregateTo('edit') },
  {
    name: 'system:aggregate-to-admin',
    labels: aggregateTo('admin'),
    rules: [
      can('create', 'authorization.k8s.io', 'localsubjectaccessreviews'),
      can(ALL, 'rbac.authorization.k8s.io', 'rolebindings roles'),
    ],
  },
  {
    name: 'system:aggregate-to-edit',
    labels: aggregateTo('edit'),
    rules: [
      can(READ, '', 'pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy'),
      can('impersonate', '', 'serviceaccounts'),
      can(WRITE, '', 'pods pods/attach pods/exec pods/portforward pods/proxy'),
      can('create', '', 'pods/eviction'),
      can(
        WRITE,
        '',
        'configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets serviceaccounts services services/proxy',
      ),
      can('create', '', 'serviceaccounts/token'),
      can(
        WRITE,
        'apps',
        'daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets statefulsets/scale',
      ),
      can(WRITE, 'autoscaling', 'horizontalpodautoscalers'),
      can(WRITE, 'batch', 'cronjobs jobs'),
      can(WRITE, 'extensions', OLD_WORKLOADS),
      can(WRITE, 'policy', 'poddisruptionbudgets'),
      can(WRITE, 'networking.k8s.io', 'ingresses networkpolicies'),
      can(ALL, 'coordination.k8s.io', 'leases'),
      can(WRITE, 'resource.k8s.io', 'resourceclaims resourceclaimtemplates'),
    ],
  },
  {
    name: 'system:aggregate-to-view',
    labels: aggregateTo('view'),
    rules: [
      can(
        READ,
        '',
        'configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers replicationcontrollers/scale serviceaccounts services services/status',
      ),
      can(
        READ,
        '',
        'bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas resourcequotas/status',
      ),
      can(READ, '', 'namespaces'),
      can(READ, 'discovery.k8s.io', 'endpointslices'),
      can(
        READ,
        'apps',
        'controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status',
      ),
      can(READ, 'autoscaling', 'horizontalpodautoscalers horizontalpodautoscalers/status'),
      can(READ, 'batch', 'cronjobs cronjobs/status jobs jobs/status'),
      can(READ, 'extensions', OLD_WORKLOADS_STATUS),
      can(READ, 'policy', 'poddisruptionbudgets poddisruptionbudgets/status'),
      can(READ, 'networking.k8s.io', 'ingresses ingresses/status networkpolicies'),
      can(READ, 'resource.k8s.io', 'resourceclaims resourceclaims/status resourceclaimtemplates'),
    ],
  },
];

const forEverybody: readonly RolePolicy[] = [
  {
    name: 'system:basic-user',
    rules: [
      can('create', 'authorization.k8s.io', 'selfsubjectaccessreviews selfsubjectrulesreviews'),
      can('create', 'authentication.k8s.io', 'selfsubjectreviews'),
    ],
  },
  { name: 'system:discovery', rules: [canVisit('get', `/api /api/* /apis /apis/* /openapi /openapi/* ${INFO}`)] },
  { name: 'system:public-info-viewer', rules: [canVisit('get', INFO)] },
  { name: 'system:monitoring', rules: [canVisit('get', '/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*')] },
  {
    name: 'system:service-account-issuer-discovery',
    rules: [canVisit('get', '/.well-known/openid-configuration /.well-known/openid-configuration/ /openid/v1/jwks /openid/v1/jwks/')],
  },
];

const signer = (kind: string, name: string): RolePolicy => ({
  name: `system:certificates.k8s.io:${name}-approver`,
  rules: [can('approve', 'certificates.k8s.io', 'signers', `kubernetes.io/${kind}`)],
});
const nodeClient = (name: string): RolePolicy => ({
  name: `system:certificates.k8s.io:certificatesigningrequests:${name}`,
  rules: [can('create', 'certificates.k8s.io', `certificatesigningrequests/${name}`)],
});
const REVIEWS = [can('create', 'authentication.k8s.io', 'tokenreviews'), can('create', 'authorization.k8s.io', 'subjectaccessreviews')];

const forCertificates: readonly RolePolicy[] = [
  nodeClient('nodeclient'),
  nodeClient('selfnodeclient'),
  signer('kube-apiserver-client', 'kube-apiserver-client'),
  signer('kube-apiserver-client-kubelet', 'kube-apiserver-client-kubelet'),
  signer('kubelet-serving', 'kubelet-serving'),
  signer('legacy-unknown', 'legacy-unknown'),
];

const forParts: readonly RolePolicy[] = [
  { name: 'system:auth-delegator', rules: REVIEWS },
  {
    name: 'system:heapster',
    rules: [can(READ, '', 'events namespaces nodes pods'), can(READ, 'extensions', 'deployments')],
  },
  { name: 'system:kube-aggregator', rules: [can(READ, '', 'endpoints services')] },
  {
    name: 'system:kube-controller-manager',
    rules: [
      WRITES_EVENTS,
      can('create', 'coordination.k8s.io', 'leases'),
      can('get update', 'coordination.k8s.io', 'leases', 'kube-controller-manager'),
      can('create', '', 'secrets serviceaccounts'),
      can('delete', '', 'secrets'),
      can('get', '', 'configmaps namespaces secrets serviceaccounts'),
      can('update', '', 'secrets serviceaccounts'),
      ...REVIEWS,
      can('list watch', '*', '*'),
      can('create', '', 'serviceaccounts/token'),
    ],
  },
  {
    name: 'system:kube-dns',
    rules: [can('list watch', '', 'endpoints services'), can('list watch', 'discovery.k8s.io', 'endpointslices')],
  },
  {
    name: 'system:kube-scheduler',
    rules: [
      WRITES_EVENTS,
      can('create', 'coordination.k8s.io', 'leases'),
      can('get update', 'coordination.k8s.io', 'leases', 'kube-scheduler'),
      can(READ, '', 'nodes'),
      can('delete get list watch', '', 'pods'),
      can('create', '', 'bindings pods/binding'),
      can('patch update', '', 'pods/status'),
      can(READ, '', 'replicationcontrollers services'),
      can(READ, 'apps extensions', 'replicasets'),
      can(READ, 'apps', 'statefulsets'),
      can(READ, 'policy', 'poddisruptionbudgets'),
      can(READ, '', 'persistentvolumeclaims persistentvolumes'),
      ...REVIEWS,
      can(READ, 'storage.k8s.io', 'csinodes csidrivers csistoragecapacities'),
      can(READ, '', 'namespaces'),
      can(READ, 'resource.k8s.io', 'deviceclasses resourceslices'),
      can(READ_UPDATE, 'resource.k8s.io', 'resourceclaims resourceclaims/status'),
      can(READ_UPDATE, '', 'pods/finalizers'),
    ],
  },
  {
    name: 'system:volume-scheduler',
    rules: [
      can(READ_UPDATE, '', 'persistentvolumes'),
      can(READ, 'storage.k8s.io', 'storageclasses'),
      can(READ_UPDATE, '', 'persistentvolumeclaims'),
    ],
  },
  {
    name: 'system:persistent-volume-provisioner',
    rules: [
      can('create delete get list watch', '', 'persistentvolumes'),
      can('get list update watch', '', 'persistentvolumeclaims'),
      can(READ, 'storage.k8s.io', 'storageclasses'),
      can('watch', '', 'events'),
      WRITES_EVENTS,
    ],
  },
];

const forNodes: readonly RolePolicy[] = [
  {
    name: 'system:kubelet-api-admin',
    rules: [
      can(READ, '', 'nodes'),
      can('proxy', '', 'nodes'),
      can('*', '', 'nodes/log nodes/metrics nodes/proxy nodes/stats'),
      can('*', '', 'nodes/configz nodes/healthz nodes/pods'),
    ],
  },
  {
    name: 'system:node',
    rules: [
      can('create', 'authentication.k8s.io', 'tokenreviews'),
      can('create', 'authorization.k8s.io', 'localsubjectaccessreviews subjectaccessreviews'),
      can(READ, '', 'services'),
      can('create get list watch', '', 'nodes'),
      can('patch update', '', 'nodes/status'),
      can('patch update', '', 'nodes'),
      can('create patch update', '', 'events'),
      can(READ, '', 'pods'),
      can('create delete', '', 'pods'),
      can('patch update', '', 'pods/status'),
      can('create', '', 'pods/eviction'),
      can(READ, '', 'configmaps secrets'),
      can('get', '', 'persistentvolumeclaims persistentvolumes'),
      can('get', '', 'endpoints'),
      can('create get list watch', 'certificates.k8s.io', 'certificatesigningrequests'),
      can('create delete get patch update', 'coordination.k8s.io', 'leases'),
      can('get', 'storage.k8s.io', 'volumeattachments'),
      can('create', '', 'serviceaccounts/token'),
      can('get patch update', '', 'persistentvolumeclaims/status'),
      can(READ, 'storage.k8s.io', 'csidrivers'),
      can('create delete get patch update', 'storage.k8s.io', 'csinodes'),
      can(READ, 'node.k8s.io', 'runtimeclasses'),
      can('get', 'resource.k8s.io', 'resourceclaims'),
      can('deletecollection', 'resource.k8s.io', 'resourceslices'),
      can('get', '', 'serviceaccounts'),
    ],
  },
  {
    name: 'system:node-bootstrapper',
    rules: [can('create get list watch', 'certificates.k8s.io', 'certificatesigningrequests')],
  },
  { name: 'system:node-problem-detector', rules: [can('get', '', 'nodes'), can('patch', '', 'nodes/status'), WRITES_EVENTS] },
  {
    name: 'system:node-proxier',
    rules: [
      can('list watch', '', 'endpoints services'),
      can(READ, '', 'nodes'),
      WRITES_EVENTS,
      can('list watch', 'discovery.k8s.io', 'endpointslices'),
      can('list watch', 'networking.k8s.io', 'servicecidrs'),
    ],
  },
];

export const CLUSTER_ROLES: readonly RolePolicy[] = [...forPeople, ...forEverybody, ...forCertificates, ...forParts, ...forNodes];
