/** The tables of volumes and storage. Pure. Source: the columns of Kubernetes 1.36. */
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '#api/kinds/storage/v1.ts';
import { NONE, UNSET } from '#api/print/cells.ts';
import { age, bool, integer, name, nameWithDefault, text, wide, type Column } from '#api/print/column.ts';

const MODES: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};
/** The class was an annotation before it was a field. */
const CLASS = 'volume.beta.kubernetes.io/storage-class';

function modesText(modes: readonly string[] | undefined): string {
  const given = new Set(modes);
  return Object.keys(MODES)
    .filter((mode) => given.has(mode))
    .map((mode) => MODES[mode])
    .join(',');
}

export const persistentVolume: readonly Column<PersistentVolume>[] = [
  name,
  text('Capacity', 'Size', ({ spec }) => spec.capacity?.['storage'] ?? '0'),
  text('Access Modes', 'How it can be mounted', ({ spec }) => modesText(spec.accessModes)),
  text('Reclaim Policy', 'What becomes of it when its claim is gone', ({ spec }) => spec.persistentVolumeReclaimPolicy ?? ''),
  text('Status', 'Where it is in its life', ({ metadata, status }) =>
    metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
  ),
  text('Claim', 'Claim it is bound to', ({ spec: { claimRef: c } }) => (c === undefined ? '' : `${c.namespace ?? ''}/${c.name ?? ''}`)),
  text('StorageClass', 'Class it belongs to', ({ metadata, spec }) => metadata.annotations?.[CLASS] ?? spec.storageClassName ?? ''),
  text('VolumeAttributesClass', 'Class of its attributes', ({ spec }) => spec.volumeAttributesClassName ?? UNSET),
  text('Reason', 'Why it is in that state', ({ status }) => status?.reason ?? ''),
  age,
  wide(text('VolumeMode', 'File system or bare device', ({ spec }) => spec.volumeMode ?? UNSET)),
];

export const persistentVolumeClaim: readonly Column<PersistentVolumeClaim>[] = [
  name,
  text('Status', 'Whether it is bound', ({ metadata, status }) =>
    metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
  ),
  text('Volume', 'Volume it is bound to', ({ spec }) => spec?.volumeName ?? ''),
  text('Capacity', 'Size of the volume', (c) => (isBound(c) ? (c.status?.capacity?.['storage'] ?? '0') : '')),
  text('Access Modes', 'How the volume can be mounted', (c) => (isBound(c) ? modesText(c.status?.accessModes) : '')),
  text('StorageClass', 'Class it asks for', ({ metadata, spec }) => metadata.annotations?.[CLASS] ?? spec?.storageClassName ?? ''),
  text('VolumeAttributesClass', 'Class of the attributes it asks for', ({ spec }) => spec?.volumeAttributesClassName ?? UNSET),
  age,
  wide(text('VolumeMode', 'File system or bare device', ({ spec }) => spec?.volumeMode ?? UNSET)),
];

const isBound = ({ spec }: PersistentVolumeClaim): boolean => (spec?.volumeName ?? '') !== '';

export const storageClass: readonly Column<StorageClass>[] = [
  nameWithDefault(['storageclass.kubernetes.io/is-default-class', 'storageclass.beta.kubernetes.io/is-default-class']),
  text('Provisioner', 'Who makes the volumes', (s) => s.provisioner),
  text('ReclaimPolicy', 'What becomes of volumes when their claim is gone', (s) => s.reclaimPolicy ?? 'Delete'),
  text('VolumeBindingMode', 'When a volume is made', (s) => s.volumeBindingMode ?? 'Immediate'),
  text('AllowVolumeExpansion', 'Whether volumes can grow', (s) => s.allowVolumeExpansion ?? false),
  age,
];

export const volumeAttributesClass: readonly Column<VolumeAttributesClass>[] = [
  nameWithDefault(['storage.alpha.kubernetes.io/is-default-class']),
  text('DriverName', 'Driver that knows the attributes', (v) => v.driverName),
  age,
];

export const volumeAttachment: readonly Column<VolumeAttachment>[] = [
  name,
  text('Attacher', 'Driver that attaches', ({ spec }) => spec.attacher),
  text('PV', 'Name of the volume', ({ spec }) => spec.source?.persistentVolumeName ?? ''),
  text('Node', 'Node it is attached to', ({ spec }) => spec.nodeName),
  bool('Attached', 'Whether it is attached', ({ status }) => status?.attached ?? false),
  age,
];

export const csiNode: readonly Column<CSINode>[] = [
  name,
  integer('Drivers', 'How many drivers the node has', ({ spec }) => spec.drivers?.length ?? 0),
  age,
];

export const csiDriver: readonly Column<CSIDriver>[] = [
  name,
  bool('AttachRequired', 'Whether volumes are attached before they are mounted', ({ spec }) => spec.attachRequired ?? true),
  bool('PodInfoOnMount', 'Whether the driver is told about the pod', ({ spec }) => spec.podInfoOnMount ?? false),
  bool('StorageCapacity', 'Whether the scheduler looks at free space', ({ spec }) => spec.storageCapacity ?? false),
  text('TokenRequests', 'Audiences of the tokens the driver gets', ({ spec }) =>
    spec.tokenRequests === undefined ? UNSET : spec.tokenRequests.map((t) => t.audience).join(','),
  ),
  bool('RequiresRepublish', 'Whether mounting is repeated to renew tokens', ({ spec }) => spec.requiresRepublish ?? false),
  text('Modes', 'Kinds of volume the driver has', ({ spec }) => {
    const modes = spec.volumeLifecycleModes ?? [];
    return modes.length === 0 ? NONE : modes.join(',');
  }),
  age,
];

export const csiStorageCapacity: readonly Column<CSIStorageCapacity>[] = [
  name,
  text('StorageClassName', 'Class the space belongs to', (c) => c.storageClassName),
  text('Capacity', 'Free space', (c) => c.capacity ?? UNSET),
];
