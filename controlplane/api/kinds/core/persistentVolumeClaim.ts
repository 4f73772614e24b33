import { always, atomicList, field, knownTexts, map, mapList, object, oneOf, quantity, string, time, type Static } from '#api/schema.ts';
import { VolumeResourceRequirements } from '#api/kinds/core/compute.ts';
import { ConditionStatus, TypedLocalObjectReference, TypedObjectReference } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const PersistentVolumeAccessMode = oneOf(['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod']);
export type PersistentVolumeAccessMode = Static<typeof PersistentVolumeAccessMode>;

export const PersistentVolumeMode = oneOf(['Block', 'Filesystem']);
export type PersistentVolumeMode = Static<typeof PersistentVolumeMode>;

export const PersistentVolumeClaimSpec = object('io.k8s.api.core.v1.PersistentVolumeClaimSpec', {
  accessModes: atomicList(PersistentVolumeAccessMode),
  selector: LabelSelector,
  resources: VolumeResourceRequirements,
  volumeName: string(),
  storageClassName: string(),
  volumeMode: field(PersistentVolumeMode, undefined, { default: 'Filesystem' }),
  dataSource: TypedLocalObjectReference,
  dataSourceRef: TypedObjectReference,
  volumeAttributesClassName: string(),
});
export interface PersistentVolumeClaimSpec extends Static<typeof PersistentVolumeClaimSpec> {}

export const PersistentVolumeClaimPhase = knownTexts(['Pending', 'Bound', 'Lost']);
export type PersistentVolumeClaimPhase = Static<typeof PersistentVolumeClaimPhase>;

export const PersistentVolumeClaimConditionType = knownTexts([
  'Resizing',
  'FileSystemResizePending',
  'ControllerResizeError',
  'NodeResizeError',
  'ModifyVolumeError',
  'ModifyingVolume',
  'Unused',
]);
export type PersistentVolumeClaimConditionType = Static<typeof PersistentVolumeClaimConditionType>;

export const PersistentVolumeClaimCondition = object('io.k8s.api.core.v1.PersistentVolumeClaimCondition', {
  type: always(PersistentVolumeClaimConditionType),
  status: always(ConditionStatus),
  lastProbeTime: time(),
  lastTransitionTime: time(),
  reason: string(),
  message: string(),
});
export interface PersistentVolumeClaimCondition extends Static<typeof PersistentVolumeClaimCondition> {}

export const ClaimResourceStatus = knownTexts([
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizePending',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
]);
export type ClaimResourceStatus = Static<typeof ClaimResourceStatus>;

export const PersistentVolumeClaimModifyVolumeStatus = knownTexts(['Pending', 'InProgress', 'Infeasible']);
export type PersistentVolumeClaimModifyVolumeStatus = Static<typeof PersistentVolumeClaimModifyVolumeStatus>;

export const ModifyVolumeStatus = object('io.k8s.api.core.v1.ModifyVolumeStatus', {
  targetVolumeAttributesClassName: string(),
  status: always(PersistentVolumeClaimModifyVolumeStatus),
});
export interface ModifyVolumeStatus extends Static<typeof ModifyVolumeStatus> {}

export const PersistentVolumeClaimStatus = object('io.k8s.api.core.v1.PersistentVolumeClaimStatus', {
  phase: field(PersistentVolumeClaimPhase, undefined, { default: 'Pending' }),
  accessModes: atomicList(PersistentVolumeAccessMode),
  capacity: map(quantity()),
  conditions: mapList(PersistentVolumeClaimCondition, ['type']),
  allocatedResources: map(quantity()),
  allocatedResourceStatuses: map(ClaimResourceStatus),
  currentVolumeAttributesClassName: string(),
  modifyVolumeStatus: ModifyVolumeStatus,
});
export interface PersistentVolumeClaimStatus extends Static<typeof PersistentVolumeClaimStatus> {}

export const PersistentVolumeClaim = kind('io.k8s.api.core.v1.PersistentVolumeClaim', {
  spec: always(PersistentVolumeClaimSpec),
  status: field(PersistentVolumeClaimStatus, undefined, { default: {} }),
});
export interface PersistentVolumeClaim extends Static<typeof PersistentVolumeClaim> {}
