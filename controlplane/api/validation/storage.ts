/** Rules for storage classes, attachments and drivers. Pure. Source: texts of the storage validation of Kubernetes 1.36. */
import { at, type FieldPath } from '#api/fieldPath.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
  VolumeAttributesClass,
} from '#api/kinds/storage/v1.ts';
import { dns1123Subdomain, dns1123SubdomainCaseless, qualifiedName } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateLabelSelector, validateMetadata } from '#api/validation/metadata.ts';
import { validatePresent } from '#api/validation/paths.ts';
import { validateQuantityOf } from '#api/validation/resources.ts';

const SPEC = at('spec');
const MOST_PARAMETERS = 512;
const MOST_PARAMETER_BYTES = 256 * 1024;
const LONGEST_DRIVER = 63;
const LONGEST_NODE_ID = 256;
/** Of the tokens that a driver asks for. Source: ten minutes to 2^32 seconds. */
const SHORTEST_TOKEN_SECONDS = 600;

function begin({ metadata }: { readonly metadata: StorageClass['metadata'] }, namespaced = false): Problems {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced, name: dns1123Subdomain });
  return problems;
}

export function validateStorageClass(storage: StorageClass): readonly Problem[] {
  const problems = begin(storage);
  const { provisioner, parameters = {}, allowedTopologies = [] } = storage;
  if (validatePresent(problems, provisioner, at('provisioner')))
    problems.invalidAll(at('provisioner'), provisioner, qualifiedName(provisioner.toLowerCase()));
  validateParameters(problems, parameters, at('parameters'));
  for (const [i, { matchLabelExpressions = [] }] of allowedTopologies.entries()) {
    for (const [j, { key, values }] of matchLabelExpressions.entries()) {
      const place = at('allowedTopologies').index(i).field('matchLabelExpressions').index(j);
      problems.invalidAll(place.field('key'), key, qualifiedName(key));
      if (values.length === 0) problems.required(place.field('values'));
    }
  }
  return problems.found;
}

function validateParameters(problems: Problems, parameters: Readonly<Record<string, string>>, place: FieldPath): void {
  const entries = Object.entries(parameters);
  if (entries.length > MOST_PARAMETERS) problems.tooLong(place, MOST_PARAMETERS);
  let bytes = 0;
  for (const [key, value] of entries) {
    if (key === '') problems.invalid(place, key, 'field can not be empty.');
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > MOST_PARAMETER_BYTES) problems.tooLong(place, MOST_PARAMETER_BYTES);
}

export function validateVolumeAttributesClass(volume: VolumeAttributesClass): readonly Problem[] {
  const problems = begin(volume);
  validateDriverName(problems, volume.driverName, at('driverName'));
  const parameters = volume.parameters ?? {};
  if (Object.keys(parameters).length === 0) problems.required(at('parameters'), 'must contain at least one key/value pair');
  validateParameters(problems, parameters, at('parameters'));
  return problems.found;
}

function validateDriverName(problems: Problems, name: string, place: FieldPath): void {
  if (!validatePresent(problems, name, place)) return;
  if (name.length > LONGEST_DRIVER) problems.tooLong(place, LONGEST_DRIVER);
  problems.invalidAll(place, name, dns1123SubdomainCaseless(name));
}

export function validateVolumeAttachment(attachment: VolumeAttachment): readonly Problem[] {
  const problems = begin(attachment);
  const { spec } = attachment;
  if (spec === undefined) return problems.found;
  validateDriverName(problems, spec.attacher, SPEC.field('attacher'));
  if (validatePresent(problems, spec.nodeName, SPEC.field('nodeName')))
    problems.invalidAll(SPEC.field('nodeName'), spec.nodeName, dns1123Subdomain(spec.nodeName));
  const { persistentVolumeName = '', inlineVolumeSpec } = spec.source;
  const source = SPEC.field('source');
  if (persistentVolumeName === '' && inlineVolumeSpec === undefined) {
    problems.required(source, 'must specify exactly one of inlineVolumeSpec and persistentVolumeName');
  } else if (persistentVolumeName !== '' && inlineVolumeSpec !== undefined) {
    problems.forbidden(source, 'must specify exactly one of inlineVolumeSpec and persistentVolumeName');
  }
  return problems.found;
}

export function validateCsiDriver(driver: CSIDriver): readonly Problem[] {
  const problems = begin(driver);
  validateDriverName(problems, driver.metadata.name ?? '', at('metadata', 'name'));
  const audiences = new Set<string>();
  for (const [i, { audience, expirationSeconds }] of (driver.spec?.tokenRequests ?? []).entries()) {
    const place = SPEC.field('tokenRequests').index(i);
    if (audiences.has(audience)) problems.duplicate(place.field('audience'), audience);
    audiences.add(audience);
    if (expirationSeconds === undefined) continue;
    if (expirationSeconds < SHORTEST_TOKEN_SECONDS)
      problems.invalid(place.field('expirationSeconds'), expirationSeconds, 'may not specify a duration less than 10 minutes');
    if (expirationSeconds > 2 ** 32)
      problems.invalid(place.field('expirationSeconds'), expirationSeconds, 'may not specify a duration larger than 2^32 seconds');
  }
  return problems.found;
}

export function validateCsiNode(node: CSINode): readonly Problem[] {
  const problems = begin(node);
  for (const [i, { name, nodeID, topologyKeys = [], allocatable }] of (node.spec?.drivers ?? []).entries()) {
    const place = SPEC.field('drivers').index(i);
    validateDriverName(problems, name, place.field('name'));
    if (validatePresent(problems, nodeID, place.field('nodeID')) && nodeID.length > LONGEST_NODE_ID)
      problems.invalid(place.field('nodeID'), nodeID, `must be ${LONGEST_NODE_ID} characters or less`);
    for (const key of topologyKeys) {
      if (topologyKeys.indexOf(key) !== topologyKeys.lastIndexOf(key)) problems.duplicate(place.field('topologyKeys'), key);
      problems.invalidAll(place.field('topologyKeys'), key, qualifiedName(key));
    }
    if ((allocatable?.count ?? 0) < 0)
      problems.invalid(place.field('allocatable').field('count'), allocatable?.count, 'must be greater than or equal to 0');
  }
  return problems.found;
}

export function validateStorageCapacity(capacity: CSIStorageCapacity): readonly Problem[] {
  const problems = begin(capacity, true);
  if (validatePresent(problems, capacity.storageClassName, at('storageClassName')))
    problems.invalidAll(at('storageClassName'), capacity.storageClassName, dns1123Subdomain(capacity.storageClassName));
  validateLabelSelector(problems, capacity.nodeTopology, at('nodeTopology'));
  for (const name of ['capacity', 'maximumVolumeSize'] as const) {
    const amount = capacity[name];
    if (amount !== undefined) validateQuantityOf(problems, 'storage', amount, at(name));
  }
  return problems.found;
}
