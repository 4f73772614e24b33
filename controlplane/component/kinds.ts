/** The kinds that programs of the control plane follow, without the rules of validation: the server has applied them. */
import { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import { ResourceQuota } from '#api/kinds/core/quota.ts';
import { PodDisruptionBudget } from '#api/kinds/policy/v1.ts';
import { ClusterRole } from '#api/kinds/rbac/v1.ts';
import { CSINode, StorageClass } from '#api/kinds/storage/v1.ts';
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

const make =
  (isNamespaced: boolean) =>
  <T extends KubeObject>(apiVersion: string, kind: string, plural: string, schema: Schema<T>): ResourceType<T> => ({
    apiVersion,
    kind,
    plural,
    namespaced: isNamespaced,
    schema,
  });
const namespaced = make(true);
const clusterWide = make(false);

export const SERVICES = namespaced('v1', 'Service', 'services', Service);
export const ENDPOINTS = namespaced('v1', 'Endpoints', 'endpoints', Endpoints);
export const ENDPOINT_SLICES = namespaced('discovery.k8s.io/v1', 'EndpointSlice', 'endpointslices', EndpointSlice);
export const NAMESPACES = clusterWide('v1', 'Namespace', 'namespaces', Namespace);
export const SERVICE_ACCOUNTS = namespaced('v1', 'ServiceAccount', 'serviceaccounts', ServiceAccount);
export const CONFIG_MAPS = namespaced('v1', 'ConfigMap', 'configmaps', ConfigMap);
export const SIGNING_REQUESTS = clusterWide(
  'certificates.k8s.io/v1',
  'CertificateSigningRequest',
  'certificatesigningrequests',
  CertificateSigningRequest,
);
export const PODS = namespaced('v1', 'Pod', 'pods', Pod);
export const NODES = clusterWide('v1', 'Node', 'nodes', Node);
export const VOLUME_CLAIMS = namespaced('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims', PersistentVolumeClaim);
export const REPLICATION_CONTROLLERS = namespaced('v1', 'ReplicationController', 'replicationcontrollers', ReplicationController);

export const DEPLOYMENTS = namespaced('apps/v1', 'Deployment', 'deployments', Deployment);
export const REPLICA_SETS = namespaced('apps/v1', 'ReplicaSet', 'replicasets', ReplicaSet);
export const DAEMON_SETS = namespaced('apps/v1', 'DaemonSet', 'daemonsets', DaemonSet);
export const STATEFUL_SETS = namespaced('apps/v1', 'StatefulSet', 'statefulsets', StatefulSet);
export const CONTROLLER_REVISIONS = namespaced('apps/v1', 'ControllerRevision', 'controllerrevisions', ControllerRevision);
export const JOBS = namespaced('batch/v1', 'Job', 'jobs', Job);
export const CRON_JOBS = namespaced('batch/v1', 'CronJob', 'cronjobs', CronJob);
export const DISRUPTION_BUDGETS = namespaced('policy/v1', 'PodDisruptionBudget', 'poddisruptionbudgets', PodDisruptionBudget);
export const RESOURCE_QUOTAS = namespaced('v1', 'ResourceQuota', 'resourcequotas', ResourceQuota);
export const CLUSTER_ROLES = clusterWide('rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles', ClusterRole);
export const SECRETS = namespaced('v1', 'Secret', 'secrets', Secret);
export const VOLUMES = clusterWide('v1', 'PersistentVolume', 'persistentvolumes', PersistentVolume);
export const STORAGE_CLASSES = clusterWide('storage.k8s.io/v1', 'StorageClass', 'storageclasses', StorageClass);
export const CSI_NODES = clusterWide('storage.k8s.io/v1', 'CSINode', 'csinodes', CSINode);
