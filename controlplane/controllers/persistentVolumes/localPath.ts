/**
 * Volumes that are directories of a node: a hostPath volume with the node's affinity, and the pod that removes the directory afterwards.
 * Pure.
 * The class says below which directory (parameter "path") and with which image directories are removed (parameter "helperImage").
 */
import type { PersistentVolume } from '#api/kinds/core/persistentVolume.ts';
import type { PersistentVolumeClaim } from '#api/kinds/core/persistentVolumeClaim.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { StorageClass } from '#api/kinds/storage/v1.ts';
import { classOf, sizeOf } from './match.ts';
import { BOUND_BY_CONTROLLER, LOCAL_PATH, PROVISIONED_BY } from './plan.ts';

const DIRECTORY = '/var/lib/kijabi/local-path';
const HELPER_IMAGE = 'busybox';
const IMAGE_ANNOTATION = 'kijabi.io/helper-image';
const HOSTNAME = 'kubernetes.io/hostname';

export function localVolume(claim: PersistentVolumeClaim, storageClass: StorageClass, hostname: string): PersistentVolume {
  const { namespace, name = '', uid = '' } = claim.metadata;
  const { path = DIRECTORY, helperImage = HELPER_IMAGE } = (storageClass.parameters ?? {}) as {
    readonly path?: string;
    readonly helperImage?: string;
  };
  const volume = `pvc-${uid}`;
  return {
    metadata: {
      name: volume,
      annotations: { [PROVISIONED_BY]: LOCAL_PATH, [BOUND_BY_CONTROLLER]: 'yes', [IMAGE_ANNOTATION]: helperImage },
    },
    spec: {
      capacity: { storage: sizeOf(claim) },
      accessModes: claim.spec?.accessModes ?? [],
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: classOf(claim),
      volumeMode: 'Filesystem',
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid },
      hostPath: { path: `${path.replace(/\/+$/, '')}/${volume}`, type: 'DirectoryOrCreate' },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: HOSTNAME, operator: 'In', values: [hostname] }] }] } },
    },
  } as PersistentVolume;
}

export const cleanerName = ({ metadata }: PersistentVolume): string => `cleanup-${metadata.name ?? ''}`;

/** Where it has to run: the host name in the volume's affinity. */
export const hostnameOf = ({ spec }: PersistentVolume): string | undefined =>
  spec?.nodeAffinity?.required?.nodeSelectorTerms?.[0]?.matchExpressions?.find(({ key }) => key === HOSTNAME)?.values?.[0];

/** undefined: the volume is not as we make them, and nothing of it is removed. */
export function cleanerPod(volume: PersistentVolume, node: string): Pod | undefined {
  const [, directory, name] = /^(\/.*)\/(pvc-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(volume.spec?.hostPath?.path ?? '') ?? [];
  if (directory === undefined || name !== volume.metadata.name || directory.split('/').includes('..')) return undefined;
  return {
    metadata: { namespace: 'kube-system', name: cleanerName(volume), labels: { 'app.kubernetes.io/name': 'local-path-cleanup' } },
    spec: {
      nodeName: node,
      restartPolicy: 'OnFailure',
      automountServiceAccountToken: false,
      tolerations: [{ operator: 'Exists' }],
      containers: [
        {
          name: 'remove',
          image: volume.metadata.annotations?.[IMAGE_ANNOTATION] ?? HELPER_IMAGE,
          imagePullPolicy: 'IfNotPresent',
          command: ['rm', '-rf', `/volumes/${name}`],
          volumeMounts: [{ name: 'volumes', mountPath: '/volumes' }],
        },
      ],
      volumes: [{ name: 'volumes', hostPath: { path: directory, type: 'DirectoryOrCreate' } }],
    },
  } as unknown as Pod;
}
