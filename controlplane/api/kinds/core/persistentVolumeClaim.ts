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
  accessModes: atomicList(PersistentVolumeAccessMode, 'Ways it must be possible to mount it'),
  selector: field(LabelSelector, 'Labels the volume must have'),
  resources: field(VolumeResourceRequirements, 'Size that is wanted'),
  volumeName: string('Volume that belongs to the claim'),
  storageClassName: string('Class of storage; empty for none, the default class when left out'),
  volumeMode: field(PersistentVolumeMode, 'File system or raw block device', { default: 'Filesystem' }),
  dataSource: field(TypedLocalObjectReference, 'What the volume begins with'),
  dataSourceRef: field(TypedObjectReference, 'What the volume begins with; other kinds too'),
  volumeAttributesClassName: string('Class of attributes that can be changed later'),
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
  type: always(field(PersistentVolumeClaimConditionType, 'Name of the aspect')),
  status: always(field(ConditionStatus, 'True, False or Unknown')),
  lastProbeTime: time('When it was last looked at'),
  lastTransitionTime: time('When the status last changed'),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
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
  targetVolumeAttributesClassName: string('Class that is wanted'),
  status: always(field(PersistentVolumeClaimModifyVolumeStatus, 'How far it is')),
});
export interface ModifyVolumeStatus extends Static<typeof ModifyVolumeStatus> {}

export const PersistentVolumeClaimStatus = object('io.k8s.api.core.v1.PersistentVolumeClaimStatus', {
  phase: field(PersistentVolumeClaimPhase, 'Pending, Bound or Lost', { default: 'Pending' }),
  accessModes: atomicList(PersistentVolumeAccessMode, 'Ways the volume can be mounted'),
  capacity: map(quantity(), 'Size of the volume'),
  conditions: mapList(PersistentVolumeClaimCondition, ['type'], 'Newest state of each aspect'),
  allocatedResources: map(quantity(), 'Size being worked on'),
  allocatedResourceStatuses: map(ClaimResourceStatus, 'How far growing is'),
  currentVolumeAttributesClassName: string('Class of attributes it has now'),
  modifyVolumeStatus: field(ModifyVolumeStatus, 'A change of class under way'),
});
export interface PersistentVolumeClaimStatus extends Static<typeof PersistentVolumeClaimStatus> {}

export const PersistentVolumeClaim = kind(
  'io.k8s.api.core.v1.PersistentVolumeClaim',
  {
    spec: always(field(PersistentVolumeClaimSpec, 'What is wanted')),
    status: field(PersistentVolumeClaimStatus, 'What was last seen of it; written by the system', { default: {} }),
  },
  'A wish for storage.',
);
export interface PersistentVolumeClaim extends Static<typeof PersistentVolumeClaim> {}
