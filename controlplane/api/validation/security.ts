/**
 * Rules for the security contexts of pods and containers. Pure.
 * Source: texts of the core validation of Kubernetes 1.36.
 * Differs: options of Windows are only refused or let through as a whole; their inner rules are not checked, no node of ours is Windows.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import type { PodSpec } from '#api/kinds/core/pod.ts';
import type { AppArmorProfile, PodSecurityContext, SeccompProfile, SecurityContext } from '#api/kinds/core/security.ts';
import { outsideRange } from '#api/names.ts';
import type { Problems } from '#api/problem.ts';
import { allContainers, usesHostUsers } from '#api/validation/context.ts';
import { validateDescendingPath } from '#api/validation/paths.ts';

const LARGEST_ID = 2 ** 31 - 1;
/** PATH_MAX - 1 */
const LONGEST_PROFILE = 4_095;
const SYSCTL = '([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const SYSCTL_RE = new RegExp(`^${SYSCTL}$`);
const LONGEST_SYSCTL = 253;
/** Kernel settings that belong to a network or IPC namespace. */
const NET_SYSCTL = /^net[./]/;
const IPC_SYSCTL = /^(kernel[./](sem|shm|msg)|fs[./]mqueue[./])/;

export function validatePodSecurity(problems: Problems, spec: PodSpec, at: FieldPath): void {
  const context = spec.securityContext;
  if (spec.shareProcessNamespace === true && spec.hostPID === true) {
    problems.invalid(at.field('shareProcessNamespace'), true, 'ShareProcessNamespace and HostPID cannot both be enabled');
  }
  if (context === undefined) return;
  for (const name of ['fsGroup', 'runAsUser', 'runAsGroup'] as const) validateId(problems, context[name], at.field(name));
  for (const [i, group] of (context.supplementalGroups ?? []).entries())
    validateId(problems, group, at.field('supplementalGroups').index(i));
  validateSysctls(problems, spec, context.sysctls ?? [], at.field('sysctls'));
  validateSeccomp(problems, context.seccompProfile, at.field('seccompProfile'));
  validateAppArmor(problems, context.appArmorProfile, at.field('appArmorProfile'));
}

function validateId(problems: Problems, id: number | undefined, at: FieldPath): void {
  if (id !== undefined && (id < 0 || id > LARGEST_ID)) problems.invalid(at, id, outsideRange(0, LARGEST_ID));
}

function validateSysctls(problems: Problems, spec: PodSpec, sysctls: NonNullable<PodSecurityContext['sysctls']>, at: FieldPath): void {
  const seen = new Set<string>();
  for (const [i, { name }] of sysctls.entries()) {
    const place = at.index(i).field('name');
    if (name === '') problems.required(place);
    else if (name.length > LONGEST_SYSCTL || !SYSCTL_RE.test(name)) {
      problems.invalid(place, name, `must have at most ${LONGEST_SYSCTL} characters and match regex ^${SYSCTL}$`);
    } else if (seen.has(name)) problems.duplicate(place, name);
    if (spec.hostNetwork === true && NET_SYSCTL.test(name))
      problems.invalid(place, name, "may not be specified when 'hostNetwork' is true");
    if (spec.hostIPC === true && IPC_SYSCTL.test(name)) problems.invalid(place, name, "may not be specified when 'hostIPC' is true");
    seen.add(name);
  }
}

function validateSeccomp(problems: Problems, profile: SeccompProfile | undefined, at: FieldPath): void {
  if (profile === undefined) return;
  const { type, localhostProfile } = profile;
  if (type === 'Localhost') {
    if (localhostProfile === undefined) problems.required(at.field('localhostProfile'), 'must be set when seccomp type is Localhost');
    else validateDescendingPath(problems, localhostProfile, at.field('localhostProfile'));
  } else if (localhostProfile !== undefined) {
    problems.invalid(at.field('localhostProfile'), profile, 'can only be set when seccomp type is Localhost');
  }
}

function validateAppArmor(problems: Problems, profile: AppArmorProfile | undefined, at: FieldPath): void {
  if (profile === undefined) return;
  const { type, localhostProfile } = profile;
  const place = at.field('localhostProfile');
  if (type !== 'Localhost') {
    if (localhostProfile !== undefined) problems.invalid(place, localhostProfile, 'can only be set when AppArmor type is Localhost');
  } else if (localhostProfile === undefined || localhostProfile === '') {
    problems.required(place, 'must be set when AppArmor type is Localhost');
  } else {
    if (localhostProfile.trim() !== localhostProfile) problems.invalid(place, localhostProfile, 'must not be padded with whitespace');
    if (localhostProfile.length > LONGEST_PROFILE) problems.tooLong(place, LONGEST_PROFILE);
  }
}

export function validateContainerSecurity(problems: Problems, spec: PodSpec, context: SecurityContext | undefined, at: FieldPath): void {
  if (context === undefined) return;
  validateId(problems, context.runAsUser, at.field('runAsUser'));
  validateId(problems, context.runAsGroup, at.field('runAsGroup'));
  if (usesHostUsers(spec) && context.procMount === 'Unmasked') {
    problems.invalid(at.field('procMount'), 'Unmasked', '`hostUsers` must be false to use `Unmasked`');
  }
  validateSeccomp(problems, context.seccompProfile, at.field('seccompProfile'));
  validateAppArmor(problems, context.appArmorProfile, at.field('appArmorProfile'));
  if (context.allowPrivilegeEscalation !== false) return;
  if (context.privileged === true) {
    problems.invalid(at, context, 'cannot set `allowPrivilegeEscalation` to false and `privileged` to true');
  }
  if (context.capabilities?.add?.includes('CAP_SYS_ADMIN') === true) {
    problems.invalid(at, context, 'cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN');
  }
}

const POD_LINUX_ONLY = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'fsGroup',
  'fsGroupChangePolicy',
  'sysctls',
  'runAsUser',
  'runAsGroup',
  'supplementalGroups',
  'supplementalGroupsPolicy',
  'seLinuxChangePolicy',
] as const;
const CONTAINER_LINUX_ONLY = [
  'appArmorProfile',
  'seLinuxOptions',
  'seccompProfile',
  'capabilities',
  'readOnlyRootFilesystem',
  'privileged',
  'allowPrivilegeEscalation',
  'procMount',
  'runAsUser',
  'runAsGroup',
] as const;
const SPEC_LINUX_ONLY = ['hostUsers', 'hostPID', 'hostIPC', 'shareProcessNamespace'] as const;

/** A pod that names its operating system may not use what only the other one has. */
export function validateOs(problems: Problems, spec: PodSpec, at: FieldPath): void {
  if (spec.os?.name === 'linux') refuseWindowsOptions(problems, spec, at);
  if (spec.os?.name !== 'windows') return;
  const refuse = (place: FieldPath): void => problems.forbidden(place, 'cannot be set for a windows pod');
  for (const name of POD_LINUX_ONLY) if (spec.securityContext?.[name] !== undefined) refuse(at.field('securityContext').field(name));
  for (const name of SPEC_LINUX_ONLY) if (spec[name] !== undefined && (name === 'hostUsers' || spec[name])) refuse(at.field(name));
  for (const [container, place] of allContainers(spec, at)) {
    for (const name of CONTAINER_LINUX_ONLY)
      if (container.securityContext?.[name] !== undefined) refuse(place.field('securityContext').field(name));
  }
}

function refuseWindowsOptions(problems: Problems, spec: PodSpec, at: FieldPath): void {
  const places = [...allContainers(spec, at)].filter(([c]) => c.securityContext?.windowsOptions !== undefined).map(([, place]) => place);
  if (spec.securityContext?.windowsOptions !== undefined) places.unshift(at);
  for (const place of places) {
    problems.forbidden(place.field('securityContext').field('windowsOptions'), 'windows options cannot be set for a linux pod');
  }
}
