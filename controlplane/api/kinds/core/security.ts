import { atomicList, boolean, field, int64, object, oneOf, required, string, type Static } from '#api/schema.ts';

export const SELinuxOptions = object('io.k8s.api.core.v1.SELinuxOptions', {
  user: string('SELinux user'),
  role: string('SELinux role'),
  type: string('SELinux type'),
  level: string('SELinux level'),
});
export interface SELinuxOptions extends Static<typeof SELinuxOptions> {}

export const WindowsSecurityContextOptions = object('io.k8s.api.core.v1.WindowsSecurityContextOptions', {
  gmsaCredentialSpecName: string('Name of a credential spec'),
  gmsaCredentialSpec: string('Credential spec itself'),
  runAsUserName: string('User to run as'),
  hostProcess: boolean('Run on the host itself'),
});
export interface WindowsSecurityContextOptions extends Static<typeof WindowsSecurityContextOptions> {}

export const SeccompProfileType = oneOf(['Unconfined', 'RuntimeDefault', 'Localhost']);
export type SeccompProfileType = Static<typeof SeccompProfileType>;

export const SeccompProfile = object('io.k8s.api.core.v1.SeccompProfile', {
  type: required(field(SeccompProfileType, 'Which kind of profile')),
  localhostProfile: string("File below the kubelet's seccomp directory"),
});
export interface SeccompProfile extends Static<typeof SeccompProfile> {}

export const AppArmorProfileType = oneOf(['Unconfined', 'RuntimeDefault', 'Localhost']);
export type AppArmorProfileType = Static<typeof AppArmorProfileType>;

export const AppArmorProfile = object('io.k8s.api.core.v1.AppArmorProfile', {
  type: required(field(AppArmorProfileType, 'Which kind of profile')),
  localhostProfile: string('Name of a profile loaded on the node'),
});
export interface AppArmorProfile extends Static<typeof AppArmorProfile> {}

export const Capabilities = object('io.k8s.api.core.v1.Capabilities', {
  add: atomicList(string(), 'Capabilities it gets beyond the usual ones'),
  drop: atomicList(string(), 'Capabilities it loses; ALL for all'),
});
export interface Capabilities extends Static<typeof Capabilities> {}

export const ProcMountType = oneOf(['Default', 'Unmasked']);
export type ProcMountType = Static<typeof ProcMountType>;

export const SecurityContext = object(
  'io.k8s.api.core.v1.SecurityContext',
  {
    capabilities: field(Capabilities, 'Linux capabilities'),
    privileged: boolean("All rights of the host's root"),
    seLinuxOptions: field(SELinuxOptions, 'SELinux label'),
    windowsOptions: field(WindowsSecurityContextOptions, 'For Windows only'),
    runAsUser: int64('User id to run as'),
    runAsGroup: int64('Group id to run as'),
    runAsNonRoot: boolean('Refuse to start as root'),
    readOnlyRootFilesystem: boolean('Nothing can be written outside the volumes'),
    allowPrivilegeEscalation: boolean('Whether a process can get more rights than its parent'),
    procMount: field(ProcMountType, 'How much of /proc is seen'),
    seccompProfile: field(SeccompProfile, 'System calls that are allowed'),
    appArmorProfile: field(AppArmorProfile, 'AppArmor profile'),
  },
  { doc: 'What a container may do.' },
);
export interface SecurityContext extends Static<typeof SecurityContext> {}

export const Sysctl = object('io.k8s.api.core.v1.Sysctl', {
  name: required(string('Name of the kernel setting')),
  value: required(string('Its value')),
});
export interface Sysctl extends Static<typeof Sysctl> {}

export const PodFSGroupChangePolicy = oneOf(['OnRootMismatch', 'Always']);
export type PodFSGroupChangePolicy = Static<typeof PodFSGroupChangePolicy>;

export const SupplementalGroupsPolicy = oneOf(['Merge', 'Strict']);
export type SupplementalGroupsPolicy = Static<typeof SupplementalGroupsPolicy>;

export const PodSELinuxChangePolicy = oneOf(['Recursive', 'MountOption']);
export type PodSELinuxChangePolicy = Static<typeof PodSELinuxChangePolicy>;

export const PodSecurityContext = object(
  'io.k8s.api.core.v1.PodSecurityContext',
  {
    seLinuxOptions: field(SELinuxOptions, 'SELinux label'),
    windowsOptions: field(WindowsSecurityContextOptions, 'For Windows only'),
    runAsUser: int64('User id to run as'),
    runAsGroup: int64('Group id to run as'),
    runAsNonRoot: boolean('Refuse to start as root'),
    supplementalGroups: atomicList(int64(), 'More groups of every process'),
    supplementalGroupsPolicy: field(SupplementalGroupsPolicy, "Whether groups of the image's /etc/group count too"),
    fsGroup: int64('Group that owns the volumes'),
    sysctls: atomicList(Sysctl, "Kernel settings of the pod's namespaces"),
    fsGroupChangePolicy: field(PodFSGroupChangePolicy, 'When owners in volumes are changed'),
    seccompProfile: field(SeccompProfile, 'System calls that are allowed'),
    appArmorProfile: field(AppArmorProfile, 'AppArmor profile'),
    seLinuxChangePolicy: field(PodSELinuxChangePolicy, 'How volumes get their SELinux label'),
  },
  { doc: 'What the containers of a pod may do, unless they say otherwise.' },
);
export interface PodSecurityContext extends Static<typeof PodSecurityContext> {}
