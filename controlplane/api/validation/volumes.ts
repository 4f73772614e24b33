/**
 * Rules for the volumes of a pod: a name, exactly one source, and what each source wants. Pure.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import { Volume } from '#api/kinds/core/volumes.ts';
import { dns1123Label, dns1123Subdomain } from '#api/names.ts';
import { parseQuantity } from '#api/quantity.ts';
import type { PodContext } from '#api/validation/context.ts';
import { validateProjected } from '#api/validation/projected.ts';
import { validateDownwardFile, validateFiles } from '#api/validation/files.ts';
import { validateDescendingPath, validateFileMode, validateNoBacksteps, validatePresent } from '#api/validation/paths.ts';

/** Every source a volume can have, from its schema. */
/** In the order in which they are looked at: what comes second is what is too much. */
const SOURCES = ['emptyDir', ...Object.keys(Volume.properties).filter((name) => name !== 'name' && name !== 'emptyDir')] as (keyof Omit<
  Volume,
  'name'
>)[];

export function validateVolumes(context: PodContext, volumes: readonly Volume[], at: FieldPath): void {
  const { problems, podName } = context;
  const seen = new Set<string>();
  const ownClaims = new Set(
    podName === undefined ? [] : volumes.filter((v) => v.ephemeral !== undefined).map((v) => `${podName}-${v.name}`),
  );
  for (const [i, volume] of volumes.entries()) {
    const place = at.index(i);
    validateSource(context, volume, place);
    if (validatePresent(problems, volume.name, place.field('name'))) {
      problems.invalidAll(place.field('name'), volume.name, dns1123Label(volume.name));
      if (seen.has(volume.name)) problems.duplicate(place.field('name'), volume.name);
      seen.add(volume.name);
    }
    const claim = volume.persistentVolumeClaim?.claimName;
    if (claim !== undefined && ownClaims.has(claim)) {
      const detail = 'must not reference a PVC that gets created for an ephemeral volume';
      problems.invalid(place.field('persistentVolumeClaim').field('claimName'), claim, detail);
    }
  }
}

function validateSource(context: PodContext, volume: Volume, at: FieldPath): void {
  const { problems } = context;
  const [first, ...others] = SOURCES.filter((name) => volume[name] !== undefined);
  if (first === undefined) problems.required(at, 'must specify a volume type');
  else if (first in RULES) RULES[first]?.(context, volume, at.field(first));
  for (const name of others) problems.forbidden(at.field(name), 'may not specify more than 1 volume type');
}

type Rule = (context: PodContext, volume: Volume, at: FieldPath) => void;

/** Sources whose only rule is that some texts must not be empty. */
function needs<K extends keyof Omit<Volume, 'name'>>(source: K, ...fields: readonly (keyof NonNullable<Volume[K]> & string)[]): Rule {
  return ({ problems }, volume, at) => {
    const values = volume[source] as Readonly<Record<string, unknown>> | undefined;
    for (const name of fields) if ((values?.[name] ?? '') === '') problems.required(at.field(name));
  };
}

const RULES: Readonly<Partial<Record<keyof Volume, Rule>>> = {
  emptyDir: ({ problems }, { emptyDir }, at) => {
    const limit = emptyDir?.sizeLimit;
    if (limit !== undefined && parseQuantity(limit).nanos < 0n) {
      problems.forbidden(at.field('sizeLimit'), 'SizeLimit field must be a valid resource quantity');
    }
  },
  hostPath: ({ problems }, { hostPath }, at) => {
    const path = at.field('path');
    if (validatePresent(problems, hostPath?.path, path)) validateNoBacksteps(problems, hostPath?.path ?? '', path);
  },
  gitRepo: ({ problems }, { gitRepo }, at) => {
    validatePresent(problems, gitRepo?.repository, at.field('repository'));
    validateDescendingPath(problems, gitRepo?.directory ?? '', at.field('directory'));
  },
  secret: (context, { secret }, at) => {
    validatePresent(context.problems, secret?.secretName, at.field('secretName'));
    validateFiles(context, secret, at);
  },
  configMap: (context, { configMap }, at) => {
    validatePresent(context.problems, configMap?.name, at.field('name'));
    validateFiles(context, configMap, at);
  },
  downwardAPI: (context, { downwardAPI }, at) => {
    validateFileMode(context.problems, downwardAPI?.defaultMode, at.field('defaultMode'));
    for (const [i, file] of (downwardAPI?.items ?? []).entries()) validateDownwardFile(context, file, at.field('items').index(i));
  },
  projected: (context, { projected }, at) => {
    if (projected !== undefined) validateProjected(context, projected, at);
  },
  nfs: (context, volume, at) => {
    needs('nfs', 'server', 'path')(context, volume, at);
    const path = volume.nfs?.path ?? '';
    if (!path.startsWith('/')) context.problems.invalid(at.field('path'), path, 'must be an absolute path');
  },
  iscsi: (context, volume, at) => {
    needs('iscsi', 'targetPortal', 'iqn')(context, volume, at);
    const { iqn = '', lun = 0 } = volume.iscsi ?? {};
    if (iqn !== '' && !/^(iqn|eui|naa)/.test(iqn)) {
      context.problems.invalid(at.field('iqn'), iqn, 'must be valid format starting with iqn, eui, or naa');
    }
    if (lun < 0 || lun > 255) context.problems.invalid(at.field('lun'), lun, 'must be between 0 and 255, inclusive');
  },
  fc: ({ problems }, { fc }, at) => {
    const byTarget = (fc?.targetWWNs ?? []).length > 0;
    const byId = (fc?.wwids ?? []).length > 0;
    if (!byTarget && !byId) problems.required(at.field('targetWWNs'), 'must specify either targetWWNs or wwids, but not both');
    if (byTarget && byId)
      problems.invalid(at.field('targetWWNs'), fc?.targetWWNs, 'targetWWNs and wwids can not be specified simultaneously');
    if (byTarget && fc?.lun === undefined) problems.required(at.field('lun'), 'lun is required if targetWWNs is specified');
  },
  csi: ({ problems }, { csi }, at) => {
    if (validatePresent(problems, csi?.driver, at.field('driver'))) {
      problems.invalidAll(at.field('driver'), csi?.driver, dns1123Subdomain((csi?.driver ?? '').toLowerCase()));
    }
    if (csi?.nodePublishSecretRef !== undefined) {
      validatePresent(problems, csi.nodePublishSecretRef.name, at.field('nodePublishSecretRef').field('name'));
    }
  },
  ephemeral: ({ problems, podName }, { name, ephemeral }, at) => {
    if (ephemeral?.volumeClaimTemplate === undefined) return problems.required(at.field('volumeClaimTemplate'));
    const { accessModes = [], resources } = ephemeral.volumeClaimTemplate.spec;
    const spec = at.field('volumeClaimTemplate').field('spec');
    if (accessModes.length === 0) problems.required(spec.field('accessModes'), 'at least 1 access mode is required');
    if (resources?.requests?.['storage'] === undefined) problems.required(spec.field('resources').key('storage'));
    if (podName === undefined || name === '') return undefined;
    const claim = `${podName}-${name}`;
    for (const text of dns1123Subdomain(claim)) problems.invalid(at.field('name'), name, `PVC name ${JSON.stringify(claim)}: ${text}`);
  },
  image: ({ problems, isPod }, { image }, at) => {
    if ((image?.reference ?? '') === '' && isPod) problems.required(at.field('reference'));
  },
  persistentVolumeClaim: needs('persistentVolumeClaim', 'claimName'),
  gcePersistentDisk: needs('gcePersistentDisk', 'pdName'),
  awsElasticBlockStore: needs('awsElasticBlockStore', 'volumeID'),
  glusterfs: needs('glusterfs', 'endpoints', 'path'),
  rbd: needs('rbd', 'image'),
  cinder: needs('cinder', 'volumeID'),
  quobyte: needs('quobyte', 'registry', 'volume'),
  flexVolume: needs('flexVolume', 'driver'),
  azureFile: needs('azureFile', 'secretName', 'shareName'),
  azureDisk: needs('azureDisk', 'diskName', 'diskURI'),
  vsphereVolume: needs('vsphereVolume', 'volumePath'),
  photonPersistentDisk: needs('photonPersistentDisk', 'pdID'),
  portworxVolume: needs('portworxVolume', 'volumeID'),
  scaleIO: needs('scaleIO', 'gateway', 'system', 'volumeName'),
  storageos: needs('storageos', 'volumeName'),
};
