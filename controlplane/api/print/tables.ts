/**
 * The table of every kind: the API server answers with it (meta.k8s.io Table), the command prints it. Pure; never throws: an object that
 * is not as its kind wants it gets a row that says so, and the others are shown.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import * as access from '#api/print/access.ts';
import { autoscaler, autoscalerV1 } from '#api/print/autoscaling.ts';
import * as cluster from '#api/print/cluster.ts';
import type { Cell, Column, Heading } from '#api/print/column.ts';
import { event, newEvent } from '#api/print/events.ts';
import * as extensions from '#api/print/extensions.ts';
import * as network from '#api/print/network.ts';
import { podColumns } from '#api/print/pod.ts';
import * as storage from '#api/print/storage.ts';
import * as workloads from '#api/print/workloads.ts';

export interface Kind {
  readonly apiVersion: string;
  readonly kind: string;
}

type Columns = readonly Column<never>[];

/** By "apiVersion kind". */
const TABLES: ReadonlyMap<string, Columns> = new Map(
  Object.entries<Columns>({
    'v1 Pod': podColumns,
    'v1 PodTemplate': cluster.podTemplate,
    'v1 ReplicationController': workloads.replicationController,
    'v1 Service': network.service,
    'v1 Endpoints': network.endpoints,
    'v1 Node': cluster.node,
    'v1 Event': event,
    'v1 Namespace': cluster.namespace,
    'v1 Secret': cluster.secret,
    'v1 ConfigMap': cluster.configMap,
    'v1 ServiceAccount': cluster.serviceAccount,
    'v1 PersistentVolume': storage.persistentVolume,
    'v1 PersistentVolumeClaim': storage.persistentVolumeClaim,
    'v1 ComponentStatus': cluster.componentStatus,
    'v1 ResourceQuota': cluster.resourceQuota,
    'apps/v1 Deployment': workloads.deployment,
    'apps/v1 ReplicaSet': workloads.replicaSet,
    'apps/v1 StatefulSet': workloads.statefulSet,
    'apps/v1 DaemonSet': workloads.daemonSet,
    'apps/v1 ControllerRevision': workloads.controllerRevision,
    'batch/v1 Job': workloads.job,
    'batch/v1 CronJob': workloads.cronJob,
    'autoscaling/v1 HorizontalPodAutoscaler': autoscalerV1,
    'autoscaling/v2 HorizontalPodAutoscaler': autoscaler,
    'autoscaling/v1 Scale': workloads.scale,
    'policy/v1 PodDisruptionBudget': workloads.podDisruptionBudget,
    'scheduling.k8s.io/v1 PriorityClass': workloads.priorityClass,
    'discovery.k8s.io/v1 EndpointSlice': network.endpointSlice,
    'networking.k8s.io/v1 Ingress': network.ingress,
    'networking.k8s.io/v1 IngressClass': network.ingressClass,
    'networking.k8s.io/v1 NetworkPolicy': network.networkPolicy,
    'networking.k8s.io/v1 IPAddress': network.ipAddress,
    'networking.k8s.io/v1 ServiceCIDR': network.serviceCidr,
    'storage.k8s.io/v1 StorageClass': storage.storageClass,
    'storage.k8s.io/v1 VolumeAttachment': storage.volumeAttachment,
    'storage.k8s.io/v1 CSIDriver': storage.csiDriver,
    'storage.k8s.io/v1 CSINode': storage.csiNode,
    'storage.k8s.io/v1 CSIStorageCapacity': storage.csiStorageCapacity,
    'storage.k8s.io/v1 VolumeAttributesClass': storage.volumeAttributesClass,
    'rbac.authorization.k8s.io/v1 RoleBinding': access.roleBinding,
    'rbac.authorization.k8s.io/v1 ClusterRoleBinding': access.roleBinding,
    'certificates.k8s.io/v1 CertificateSigningRequest': access.certificateSigningRequest,
    'coordination.k8s.io/v1 Lease': cluster.lease,
    'events.k8s.io/v1 Event': newEvent,
    'node.k8s.io/v1 RuntimeClass': cluster.runtimeClass,
    'admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration': extensions.webhooks,
    'admissionregistration.k8s.io/v1 MutatingWebhookConfiguration': extensions.webhooks,
    'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy': extensions.validatingPolicy,
    'admissionregistration.k8s.io/v1 MutatingAdmissionPolicy': extensions.mutatingPolicy,
    'admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding': extensions.policyBinding,
    'admissionregistration.k8s.io/v1 MutatingAdmissionPolicyBinding': extensions.policyBinding,
    'flowcontrol.apiserver.k8s.io/v1 FlowSchema': extensions.flowSchema,
    'flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration': extensions.priorityLevel,
    'resource.k8s.io/v1 DeviceClass': extensions.ageOnly,
    'resource.k8s.io/v1 ResourceClaim': extensions.resourceClaim,
    'resource.k8s.io/v1 ResourceClaimTemplate': extensions.ageOnly,
    'resource.k8s.io/v1 ResourceSlice': extensions.resourceSlice,
  }),
);

const BROKEN = '<error>';

function columnsFor({ apiVersion, kind }: Kind): readonly Column[] {
  return (TABLES.get(`${apiVersion} ${kind}`) ?? access.plain) as readonly Column[];
}

export function columns(definition: Kind): readonly Heading[] {
  return columnsFor(definition).map(({ heading }) => heading);
}

/** One for each column, those of -o wide included. */
export function cells(definition: Kind, object: KubeObject, nowMs: number): readonly Cell[] {
  return columnsFor(definition).map(({ heading, cell }) => {
    try {
      return cell(object, nowMs);
    } catch {
      return heading.format === 'name' ? (object.metadata?.name ?? BROKEN) : BROKEN;
    }
  });
}

/** What kubectl prints: headings in capitals, and rows of texts. */
export function printed(
  definition: Kind,
  objects: readonly KubeObject[],
  options: { readonly nowMs: number; readonly wide: 'narrow' | 'wide' },
): readonly (readonly string[])[] {
  const shown = columnsFor(definition).map(({ heading }) => options.wide === 'wide' || heading.priority === 0);
  const pick = <T>(all: readonly T[]): readonly T[] => all.filter((_, i) => shown[i] === true);
  const headings = pick(columns(definition)).map((heading) => heading.name.toUpperCase());
  return [headings, ...objects.map((object) => pick(cells(definition, object, options.nowMs)).map(String))];
}

export const tables = { columns, cells } as const;
