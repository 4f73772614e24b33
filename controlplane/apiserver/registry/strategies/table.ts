/** Which strategy each built-in kind has. Kinds without an entry have the plain one, or the one with a status if they have such a subresource. */
import type { KindDefinition } from '#api/scheme.ts';
import type { Strategy } from '../types.ts';
import * as cluster from './cluster.ts';
import { withStatus } from './common.ts';
import { podStrategy } from './pods.ts';
import * as workloads from './workloads.ts';

/** By group and plural. */
const STRATEGIES: Readonly<Record<string, Strategy>> = {
  '/pods': podStrategy,
  '/namespaces': cluster.namespaceStrategy,
  '/nodes': cluster.nodeStrategy,
  '/configmaps': cluster.configMapStrategy,
  '/secrets': cluster.secretStrategy,
  '/serviceaccounts': { returnsDeleted: true },
  '/persistentvolumes': cluster.persistentVolumeStrategy,
  '/persistentvolumeclaims': cluster.persistentVolumeClaimStrategy,
  '/resourcequotas': cluster.resourceQuotaStrategy,
  '/limitranges': { createOnUpdate: true },
  '/endpoints': { createOnUpdate: true },
  '/podtemplates': { counted: true, returnsDeleted: true },
  '/replicationcontrollers': workloads.replicationControllerStrategy,
  'apps/deployments': workloads.deploymentStrategy,
  'apps/replicasets': workloads.replicaSetStrategy,
  'apps/statefulsets': workloads.statefulSetStrategy,
  'apps/daemonsets': workloads.daemonSetStrategy,
  'apps/controllerrevisions': workloads.controllerRevisionStrategy,
  'batch/jobs': workloads.jobStrategy,
  'batch/cronjobs': workloads.cronJobStrategy,
  'autoscaling/horizontalpodautoscalers': cluster.statusOnly,
  'coordination.k8s.io/leases': cluster.leaseStrategy,
  'discovery.k8s.io/endpointslices': cluster.endpointSliceStrategy,
  'networking.k8s.io/networkpolicies': { counted: true },
  'networking.k8s.io/ingressclasses': { ...cluster.ingressClassStrategy, counted: true },
  'networking.k8s.io/ingresses': cluster.ingressStrategy,
  'networking.k8s.io/ipaddresses': { ...cluster.ipAddressStrategy, counted: true },
  'networking.k8s.io/servicecidrs': cluster.serviceCidrStrategy,
  'node.k8s.io/runtimeclasses': cluster.runtimeClassStrategy,
  'scheduling.k8s.io/priorityclasses': { ...cluster.priorityClassStrategy, counted: true },
  'storage.k8s.io/csinodes': cluster.csiNodeStrategy,
  'storage.k8s.io/csistoragecapacities': cluster.storageCapacityStrategy,
  'storage.k8s.io/storageclasses': cluster.storageClassStrategy,
  'storage.k8s.io/volumeattachments': cluster.volumeAttachmentStrategy,
  'storage.k8s.io/volumeattributesclasses': cluster.volumeAttributesClassStrategy,
  'storage.k8s.io/csidrivers': { ...cluster.csiDriverStrategy, counted: true },
  'certificates.k8s.io/certificatesigningrequests': cluster.csrStrategy,
  'rbac.authorization.k8s.io/roles': cluster.roleStrategy,
  'rbac.authorization.k8s.io/clusterroles': cluster.roleStrategy,
  'rbac.authorization.k8s.io/rolebindings': cluster.bindingOfRoleStrategy,
  'rbac.authorization.k8s.io/clusterrolebindings': cluster.bindingOfRoleStrategy,
  'admissionregistration.k8s.io/validatingwebhookconfigurations': { counted: true },
  'admissionregistration.k8s.io/mutatingwebhookconfigurations': { counted: true },
  'admissionregistration.k8s.io/validatingadmissionpolicybindings': { counted: true },
  'admissionregistration.k8s.io/mutatingadmissionpolicies': { counted: true },
  'admissionregistration.k8s.io/mutatingadmissionpolicybindings': { counted: true },
  'resource.k8s.io/deviceclasses': { counted: true },
  'resource.k8s.io/resourceslices': {
    counted: true,
    fields: {
      'spec.nodeName': (o: never) => (o as { spec?: { nodeName?: string } }).spec?.nodeName ?? '',
      'spec.driver': (o: never) => (o as { spec?: { driver?: string } }).spec?.driver ?? '',
    },
  },
};

export function strategyOf(definition: KindDefinition, group: string): Strategy {
  const found = STRATEGIES[`${group}/${definition.plural}`];
  return found ?? (definition.subresources.includes('status') ? withStatus : cluster.plain);
}
