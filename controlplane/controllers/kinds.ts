/** The kinds that controllers follow, without the rules of validation: the server has applied them. */
import { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import { ResourceQuota } from '#api/kinds/core/quota.ts';
import { PodDisruptionBudget } from '#api/kinds/policy/v1.ts';
import { ClusterRole } from '#api/kinds/rbac/v1.ts';
import { StorageClass } from '#api/kinds/storage/v1.ts';
import { ControllerRevision, DaemonSet, Deployment, ReplicaSet } from '#api/kinds/apps/v1.ts';
import { StatefulSet } from '#api/kinds/apps/statefulSet.ts';
import { CronJob, Job } from '#api/kinds/batch/v1.ts';
import { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import { ConfigMap, Secret, ServiceAccount } from '#api/kinds/core/config.ts';
import { Endpoints } from '#api/kinds/core/endpoints.ts';
import { Namespace } from '#api/kinds/core/namespace.ts';
import { Node } from '#api/kinds/core/node.ts';
import { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import { Pod } from '#api/kinds/core/pod.ts';
import { ReplicationController } from '#api/kinds/core/replicationController.ts';
import { Service } from '#api/kinds/core/service.ts';
import { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { Schema } from '#api/schema.ts';
import type { ResourceType } from '#client/query.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';

export const SERVICES: ResourceType<Service> = { apiVersion: 'v1', kind: 'Service', plural: 'services', namespaced: true, schema: Service };
export const ENDPOINTS: ResourceType<Endpoints> = {
  apiVersion: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  namespaced: true,
  schema: Endpoints,
};
export const ENDPOINT_SLICES: ResourceType<EndpointSlice> = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
  schema: EndpointSlice,
};
export const NAMESPACES: ResourceType<Namespace> = {
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
  schema: Namespace,
};
export const SERVICE_ACCOUNTS: ResourceType<ServiceAccount> = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
  schema: ServiceAccount,
};
export const CONFIG_MAPS: ResourceType<ConfigMap> = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
  schema: ConfigMap,
};
export const SIGNING_REQUESTS: ResourceType<CertificateSigningRequest> = {
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  namespaced: false,
  schema: CertificateSigningRequest,
};
export const PODS: ResourceType<Pod> = { apiVersion: 'v1', kind: 'Pod', plural: 'pods', namespaced: true, schema: Pod };
export const NODES: ResourceType<Node> = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false, schema: Node };
export const VOLUME_CLAIMS: ResourceType<PersistentVolumeClaim> = {
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  namespaced: true,
  schema: PersistentVolumeClaim,
};
export const REPLICATION_CONTROLLERS: ResourceType<ReplicationController> = {
  apiVersion: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  namespaced: true,
  schema: ReplicationController,
};

const apps = <T extends KubeObject>(kind: string, plural: string, schema: Schema<T>): ResourceType<T> => ({
  apiVersion: 'apps/v1',
  kind,
  plural,
  namespaced: true,
  schema,
});
export const DEPLOYMENTS = apps('Deployment', 'deployments', Deployment);
export const REPLICA_SETS = apps('ReplicaSet', 'replicasets', ReplicaSet);
export const DAEMON_SETS = apps('DaemonSet', 'daemonsets', DaemonSet);
export const STATEFUL_SETS = apps('StatefulSet', 'statefulsets', StatefulSet);
export const CONTROLLER_REVISIONS = apps('ControllerRevision', 'controllerrevisions', ControllerRevision);
export const JOBS: ResourceType<Job> = { apiVersion: 'batch/v1', kind: 'Job', plural: 'jobs', namespaced: true, schema: Job };
export const CRON_JOBS: ResourceType<CronJob> = {
  apiVersion: 'batch/v1',
  kind: 'CronJob',
  plural: 'cronjobs',
  namespaced: true,
  schema: CronJob,
};
export const DISRUPTION_BUDGETS: ResourceType<PodDisruptionBudget> = {
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  plural: 'poddisruptionbudgets',
  namespaced: true,
  schema: PodDisruptionBudget,
};
export const RESOURCE_QUOTAS: ResourceType<ResourceQuota> = {
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  namespaced: true,
  schema: ResourceQuota,
};
export const CLUSTER_ROLES: ResourceType<ClusterRole> = {
  apiVersion: 'rbac.authorization.k8s.io/v1',
  kind: 'ClusterRole',
  plural: 'clusterroles',
  namespaced: false,
  schema: ClusterRole,
};
export const SECRETS: ResourceType<Secret> = { apiVersion: 'v1', kind: 'Secret', plural: 'secrets', namespaced: true, schema: Secret };
export const VOLUMES: ResourceType<PersistentVolume> = {
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  namespaced: false,
  schema: PersistentVolume,
};
export const STORAGE_CLASSES: ResourceType<StorageClass> = {
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  namespaced: false,
  schema: StorageClass,
};
