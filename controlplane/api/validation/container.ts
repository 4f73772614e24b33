/**
 * Rules for the containers of a pod. Pure.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import type { ContainerPort, EphemeralContainer, VolumeDevice, VolumeMount } from '#api/kinds/core/container.ts';
import { dns1123Label, portName, portNumber } from '#api/names.ts';
import type { Problems } from '#api/problem.ts';
import type { AnyContainer, PodContext } from '#api/validation/context.ts';
import { validateEnv, validateEnvFrom } from '#api/validation/env.ts';
import { validateDescendingPath, validateNoBacksteps, validatePresent } from '#api/validation/paths.ts';
import { validateProbes } from '#api/validation/probes.ts';
import { validateResources } from '#api/validation/resources.ts';
import { validateContainerSecurity } from '#api/validation/security.ts';

export function validateContainers(context: PodContext, at: FieldPath): void {
  const { problems, spec } = context;
  const containers = spec.containers;
  const place = at.field('containers');
  if (containers.length === 0) problems.required(place);
  const names = new Set<string>();
  const hostPorts = new Set<string>();
  for (const [i, container] of containers.entries()) {
    validateCommon(context, container, place.index(i));
    validateUnique(problems, container, place.index(i), names);
    validateProbes(context, container, place.index(i));
    validateHostPorts(problems, container, place.index(i), hostPorts);
    validateRestart(context, container, place.index(i));
  }
  validateInitContainers(context, at.field('initContainers'), names);
  validateEphemeralContainers(context, at.field('ephemeralContainers'), names);
}

function validateUnique(problems: Problems, { name }: AnyContainer, at: FieldPath, names: Set<string>): void {
  if (name !== '' && names.has(name)) problems.duplicate(at.field('name'), name);
  names.add(name);
}

/** Rules on the exit code need a restart policy of the container's own, and it takes no part in liveness of init containers. */
function validateRestart({ problems }: PodContext, container: AnyContainer, at: FieldPath): void {
  const { restartPolicy, restartPolicyRules = [] } = container;
  if (restartPolicyRules.length > 0 && restartPolicy === undefined) {
    problems.required(at.field('restartPolicy'), 'must specify restartPolicy when restart rules are used');
  }
  if (restartPolicyRules.length > 20) problems.tooMany(at.field('restartPolicyRules'), restartPolicyRules.length, 20);
  for (const [i, { action, exitCodes }] of restartPolicyRules.entries()) {
    const place = at.field('restartPolicyRules').index(i);
    if (action !== 'Restart' && action !== 'RestartAllContainers')
      problems.notSupported(place.field('action'), action, ['Restart', 'RestartAllContainers']);
    if (exitCodes === undefined) problems.required(place.field('exitCodes'), 'must be specified');
    else if ((exitCodes.values ?? []).length > 255)
      problems.tooMany(place.field('exitCodes').field('values'), exitCodes.values?.length ?? 0, 255);
  }
}

const NOT_FOR_INIT = ['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const;

function validateInitContainers(context: PodContext, at: FieldPath, names: Set<string>): void {
  for (const [i, container] of (context.spec.initContainers ?? []).entries()) {
    const place = at.index(i);
    validateCommon(context, container, place);
    validateUnique(context.problems, container, place, names);
    // Init containers run one by one, so only their own ports can be in each other's way.
    validateHostPorts(context.problems, container, place, new Set());
    validateRestart(context, container, place);
    if (container.restartPolicy === 'Always') {
      validateProbes(context, container, place);
      continue;
    }
    for (const name of NOT_FOR_INIT) {
      if (container[name] !== undefined) {
        context.problems.forbidden(place.field(name), 'may not be set for init containers without restartPolicy=Always');
      }
    }
  }
}

const NOT_FOR_EPHEMERAL = [
  'ports',
  'livenessProbe',
  'readinessProbe',
  'startupProbe',
  'lifecycle',
  'resizePolicy',
  'restartPolicy',
  'restartPolicyRules',
] as const;

function validateEphemeralContainers(context: PodContext, at: FieldPath, names: Set<string>): void {
  const { problems } = context;
  const targets = new Set(names);
  for (const [i, container] of (context.spec.ephemeralContainers ?? []).entries()) {
    const place = at.index(i);
    validateCommon(context, container, place);
    validateUnique(problems, container, place, names);
    const target = container.targetContainerName ?? '';
    if (target !== '' && !targets.has(target)) problems.notFound(place.field('targetContainerName'), target);
    for (const name of forbiddenIn(container)) problems.forbidden(place.field(name), 'cannot be set for an Ephemeral Container');
    for (const [j, mount] of (container.volumeMounts ?? []).entries()) {
      for (const name of ['subPath', 'subPathExpr'] as const) {
        if ((mount[name] ?? '') === '') continue;
        problems.forbidden(place.field('volumeMounts').index(j).field(name), 'cannot be set for an Ephemeral Container');
      }
    }
  }
}

function forbiddenIn(container: EphemeralContainer): readonly string[] {
  const { limits, requests } = container.resources ?? {};
  return [...NOT_FOR_EPHEMERAL.filter((name) => container[name] !== undefined), ...((limits ?? requests) ? ['resources'] : [])];
}

function validateCommon(context: PodContext, container: AnyContainer, at: FieldPath): void {
  const { problems, spec } = context;
  if (validatePresent(problems, container.name, at.field('name')))
    problems.invalidAll(at.field('name'), container.name, dns1123Label(container.name));
  const image = container.image ?? '';
  if (image === '') problems.required(at.field('image'));
  else if (context.isPod && image.trim() !== image)
    problems.invalid(at.field('image'), image, 'must not have leading or trailing whitespace');
  validatePorts(problems, container.ports ?? [], at.field('ports'));
  validateEnv(context, container.env ?? [], at.field('env'));
  validateEnvFrom(problems, container.envFrom ?? [], at.field('envFrom'));
  validateMounts(context, container, at.field('volumeMounts'));
  validateDevices(context, container, at.field('volumeDevices'));
  validateResources(context, container.resources, at.field('resources'), 'container');
  validateResizePolicy(context, container, at.field('resizePolicy'));
  validateContainerSecurity(problems, spec, container.securityContext, at.field('securityContext'));
}

function validateResizePolicy({ problems, spec }: PodContext, { resizePolicy = [] }: AnyContainer, at: FieldPath): void {
  const seen = new Set<string>();
  for (const [i, { resourceName, restartPolicy }] of resizePolicy.entries()) {
    if (seen.has(resourceName)) problems.duplicate(at.index(i), resourceName);
    seen.add(resourceName);
    if (resourceName === '') problems.required(at);
    else if (resourceName !== 'cpu' && resourceName !== 'memory') problems.notSupported(at, resourceName, ['cpu', 'memory']);
    if (spec.restartPolicy === 'Never' && restartPolicy !== 'NotRequired') {
      problems.invalid(at, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'");
    }
  }
}

function validatePorts(problems: Problems, ports: readonly ContainerPort[], at: FieldPath): void {
  const names = new Set<string>();
  for (const [i, { name = '', containerPort, hostPort = 0 }] of ports.entries()) {
    const place = at.index(i);
    if (name !== '') {
      problems.invalidAll(place.field('name'), name, portName(name));
      if (names.has(name)) problems.duplicate(place.field('name'), name);
      names.add(name);
    }
    if (containerPort === 0) problems.required(place.field('containerPort'));
    else problems.invalidAll(place.field('containerPort'), containerPort, portNumber(containerPort));
    if (hostPort !== 0) problems.invalidAll(place.field('hostPort'), hostPort, portNumber(hostPort));
  }
}

function validateHostPorts(problems: Problems, { ports = [] }: AnyContainer, at: FieldPath, taken: Set<string>): void {
  for (const [i, { protocol = 'TCP', hostIP = '', hostPort = 0 }] of ports.entries()) {
    if (hostPort === 0) continue;
    const key = `${protocol}/${hostIP}/${hostPort}`;
    if (taken.has(key)) problems.duplicate(at.field('ports').index(i).field('hostPort'), key);
    taken.add(key);
  }
}

function validateMounts(context: PodContext, container: AnyContainer, at: FieldPath): void {
  const { problems, volumes } = context;
  const devices = container.volumeDevices ?? [];
  const paths = new Set<string>();
  for (const [i, mount] of (container.volumeMounts ?? []).entries()) {
    const place = at.index(i);
    const { name, mountPath } = mount;
    if (validatePresent(problems, name, place.field('name')) && !volumes.has(name)) problems.notFound(place.field('name'), name);
    if (validatePresent(problems, mountPath, place.field('mountPath'))) {
      if (paths.has(mountPath)) problems.invalid(place.field('mountPath'), mountPath, 'must be unique');
      paths.add(mountPath);
    }
    if (devices.some((d) => d.name === name)) problems.invalid(place.field('name'), name, 'must not already exist in volumeDevices');
    if (devices.some((d) => d.devicePath === mountPath)) {
      problems.invalid(place.field('mountPath'), mountPath, 'must not already exist as a path in volumeDevices');
    }
    validateSubPaths(context, mount, place);
    validateMountModes(context, container, mount, place);
  }
}

function validateSubPaths({ problems, volumes }: PodContext, mount: VolumeMount, at: FieldPath): void {
  const { subPath = '', subPathExpr = '' } = mount;
  const ofImage = volumes.get(mount.name)?.image !== undefined;
  for (const [name, path] of [
    ['subPath', subPath],
    ['subPathExpr', subPathExpr],
  ] as const) {
    if (path === '') continue;
    if (ofImage) problems.invalid(at.field(name), path, 'not allowed in image volume sources');
    validateDescendingPath(problems, path, at.field(name));
  }
  if (subPath !== '' && subPathExpr !== '')
    problems.invalid(at.field('subPathExpr'), subPathExpr, 'subPathExpr and subPath are mutually exclusive');
}

function validateMountModes({ problems }: PodContext, container: AnyContainer, mount: VolumeMount, at: FieldPath): void {
  const { mountPropagation, recursiveReadOnly } = mount;
  if (mountPropagation === 'Bidirectional' && container.securityContext?.privileged !== true) {
    problems.forbidden(at.field('mountPropagation'), 'Bidirectional mount propagation is available only to privileged containers');
  }
  if (recursiveReadOnly !== 'Enabled' && recursiveReadOnly !== 'IfPossible') return;
  const place = at.field('recursiveReadOnly');
  if (mount.readOnly !== true) problems.forbidden(place, 'may only be specified when readOnly is true');
  if (mountPropagation !== undefined && mountPropagation !== 'None') {
    problems.forbidden(place, 'may only be specified when mountPropagation is None or not specified');
  }
}

function validateDevices({ problems, volumes }: PodContext, container: AnyContainer, at: FieldPath): void {
  const devices: readonly VolumeDevice[] = container.volumeDevices ?? [];
  for (const [i, { name, devicePath }] of devices.entries()) {
    const place = at.index(i);
    const volume = volumes.get(name);
    const earlier = devices.slice(0, i);
    if (validatePresent(problems, name, place.field('name'))) {
      if (earlier.some((d) => d.name === name)) problems.invalid(place.field('name'), name, 'must be unique');
      if (volume === undefined) problems.notFound(place.field('name'), name);
      else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined) {
        problems.invalid(place.field('name'), name, 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode');
      }
    }
    if (!validatePresent(problems, devicePath, place.field('devicePath'))) continue;
    if (earlier.some((d) => d.devicePath === devicePath)) problems.invalid(place.field('devicePath'), devicePath, 'must be unique');
    validateNoBacksteps(problems, devicePath, place.field('devicePath'));
  }
}
