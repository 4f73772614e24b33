/**
 * Security contexts: what a pod and its container say together, and what the runtime is told. Pure.
 *
 * Throws: AppError RUN_AS_ROOT when a container must not be root and would be, in upstream's words.
 * Source: "Configure a Security Context", "Seccomp" and "AppArmor" in the Kubernetes docs; the CRI (cri-proto/api.proto).
 * Differs: a container that names no user runs as the image says, user and group; upstream takes the user only.
 */
import { join } from 'node:path';
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { AppArmorProfile, SeccompProfile, SecurityContext } from '#api/kinds/core/security.ts';
import { AppError } from '#base/errors.ts';
import type { LinuxContainerSecurityContext, LinuxSandboxSecurityContext, NamespaceOption, SecurityProfile } from '#cri/gen/cri.ts';
import type { Input } from '#cri/values.ts';
import { podName } from '../paths.ts';
import { allContainers, ownContainers } from './containers.ts';

/** What the node offers and what its configuration says. */
export interface SecurityPolicy {
  /** RuntimeDefault for containers that name no profile. */
  readonly seccompDefault: boolean;
  /** Where Localhost profiles lie. */
  readonly seccompDir: string;
  /** Whether the kernel has AppArmor; without it no profile is sent, the runtime would refuse it. */
  readonly appArmor: boolean;
}

/** Who an image runs as. Neither: root. */
export interface ImageUser {
  readonly uid?: number | undefined;
  readonly username?: string | undefined;
}

const MASKED_PATHS = [
  '/proc/asound',
  '/proc/acpi',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/sys/firmware',
  '/sys/devices/virtual/powercap',
];
const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** The container's word counts before the pod's. */
export function effectiveContext(pod: Pod, c: Container): SecurityContext {
  const of = pod.spec.securityContext ?? {};
  const own = c.securityContext ?? {};
  const shared = ['seLinuxOptions', 'runAsUser', 'runAsGroup', 'runAsNonRoot', 'seccompProfile', 'appArmorProfile'] as const;
  return { ...Object.fromEntries(shared.filter((name) => of[name] !== undefined).map((name) => [name, of[name]])), ...own };
}

export function containerSecurity(
  pod: Pod,
  c: Container,
  policy: SecurityPolicy,
  { image = {}, target }: { readonly image?: ImageUser; readonly target?: string | undefined } = {},
): Input<LinuxContainerSecurityContext> {
  const context = effectiveContext(pod, c);
  const { capabilities, seLinuxOptions: se } = context;
  return {
    namespace_options: namespaces(pod, target),
    privileged: context.privileged === true,
    ...(capabilities === undefined
      ? {}
      : { capabilities: { add_capabilities: capabilities.add ?? [], drop_capabilities: capabilities.drop ?? [] } }),
    ...(se === undefined ? {} : { selinux_options: { user: se.user, role: se.role, type: se.type, level: se.level } }),
    ...userOf(context, image),
    readonly_rootfs: context.readOnlyRootFilesystem === true,
    no_new_privs: context.allowPrivilegeEscalation === false,
    ...groupsOf(pod),
    seccomp: seccompOf(context.seccompProfile, policy),
    ...appArmorOf(context.appArmorProfile, policy),
    masked_paths: MASKED_PATHS,
    readonly_paths: READONLY_PATHS,
  };
}

/** The runtime takes a group only together with a user. */
function userOf(
  context: SecurityContext,
  image: ImageUser,
): Pick<Input<LinuxContainerSecurityContext>, 'run_as_user' | 'run_as_username' | 'run_as_group'> {
  const { runAsUser, runAsGroup } = context;
  if (runAsUser === undefined && runAsGroup === undefined) return {};
  const named = runAsUser === undefined && image.uid === undefined && image.username !== undefined;
  return {
    ...(named ? { run_as_username: image.username } : { run_as_user: { value: runAsUser ?? image.uid ?? 0 } }),
    ...(runAsGroup === undefined ? {} : { run_as_group: { value: runAsGroup } }),
  };
}

type Groups = Pick<Input<LinuxContainerSecurityContext>, 'supplemental_groups' | 'supplemental_groups_policy'>;

function groupsOf(pod: Pod): Groups {
  const { fsGroup, supplementalGroups = [], supplementalGroupsPolicy } = pod.spec.securityContext ?? {};
  return {
    supplemental_groups: [...(fsGroup === undefined ? [] : [fsGroup]), ...supplementalGroups],
    ...(supplementalGroupsPolicy === 'Strict' ? { supplemental_groups_policy: 'Strict' as const } : {}),
  };
}

function seccompOf(profile: SeccompProfile | undefined, policy: SecurityPolicy): Input<SecurityProfile> {
  const type = profile?.type ?? (policy.seccompDefault ? 'RuntimeDefault' : 'Unconfined');
  if (type !== 'Localhost') return { profile_type: type };
  return { profile_type: type, localhost_ref: join(policy.seccompDir, profile?.localhostProfile ?? '') };
}

function appArmorOf(profile: AppArmorProfile | undefined, policy: SecurityPolicy): { apparmor?: Input<SecurityProfile> } {
  if (profile === undefined || !policy.appArmor) return {}; // a pod that demands one was refused (appArmorRefusal)
  return {
    apparmor: {
      profile_type: profile.type,
      ...(profile.localhostProfile === undefined ? {} : { localhost_ref: profile.localhostProfile }),
    },
  };
}

/** The sandbox's own process is the runtime's: it is confined whatever the containers are. */
export function sandboxSecurity(pod: Pod): Input<LinuxSandboxSecurityContext> {
  const { runAsUser, runAsGroup, seLinuxOptions: se } = pod.spec.securityContext ?? {};
  return {
    namespace_options: namespaces(pod),
    seccomp: { profile_type: 'RuntimeDefault' },
    privileged: allContainers(pod.spec).some((c) => c.securityContext?.privileged === true),
    ...groupsOf(pod),
    ...(runAsUser === undefined ? {} : { run_as_user: { value: runAsUser } }),
    ...(runAsUser === undefined || runAsGroup === undefined ? {} : { run_as_group: { value: runAsGroup } }),
    ...(se === undefined ? {} : { selinux_options: { user: se.user, role: se.role, type: se.type, level: se.level } }),
  };
}

/** target: of a pod whose containers have process namespaces of their own, the container whose one it is. */
function namespaces(pod: Pod, target?: string): Input<NamespaceOption> {
  const { hostNetwork, hostPID, hostIPC, shareProcessNamespace } = pod.spec;
  const pid = hostPID === true ? 'NODE' : shareProcessNamespace === true ? 'POD' : 'CONTAINER';
  return {
    network: hostNetwork === true ? 'NODE' : 'POD',
    ...(pid === 'CONTAINER' && target !== undefined ? { pid: 'TARGET', target_id: target } : { pid }),
    ipc: hostIPC === true ? 'NODE' : 'POD',
  };
}

/** Throws when the container must not be root and would be, or might be. */
export function checkNonRoot(pod: Pod, c: Container, image: ImageUser): void {
  const { runAsNonRoot, runAsUser } = effectiveContext(pod, c);
  if (runAsNonRoot !== true) return;
  const { name, namespace, uid } = podName(pod);
  const which = `(pod: "${name}_${namespace}(${uid})", container: ${c.name})`;
  const refuse = (why: string): never => {
    throw new AppError('RUN_AS_ROOT', `${why} ${which}`, { container: c.name });
  };
  if (runAsUser !== undefined) {
    if (runAsUser === 0) refuse("container's runAsUser breaks non-root policy");
    return;
  }
  if (image.uid === undefined && image.username !== undefined)
    refuse(`container has runAsNonRoot and image has non-numeric user (${image.username}), cannot verify user is non-root`);
  if ((image.uid ?? 0) === 0) refuse('container has runAsNonRoot and image will run as root');
}

/** undefined: these containers of the pod need no AppArmor, or the kernel has it. */
export function appArmorRefusal(
  pod: Pod,
  policy: SecurityPolicy,
  containers: readonly Container[] = ownContainers(pod.spec),
): { reason: string; message: string } | undefined {
  if (policy.appArmor) return undefined;
  const needs = containers.some((c) => !['Unconfined', undefined].includes(effectiveContext(pod, c).appArmorProfile?.type));
  return needs ? { reason: 'AppArmor', message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host' } : undefined;
}
