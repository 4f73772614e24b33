import { atomicList, boolean, int64, object, oneOf, required, string, type Static } from '#api/schema.ts';

export const SELinuxOptions = object('io.k8s.api.core.v1.SELinuxOptions', {
  user: string(),
  role: string(),
  type: string(),
  level: string(),
});
export interface SELinuxOptions extends Static<typeof SELinuxOptions> {}

export const WindowsSecurityContextOptions = object('io.k8s.api.core.v1.WindowsSecurityContextOptions', {
  gmsaCredentialSpecName: string(),
  gmsaCredentialSpec: string(),
  runAsUserName: string(),
  hostProcess: boolean(),
});
export interface WindowsSecurityContextOptions extends Static<typeof WindowsSecurityContextOptions> {}

export const SeccompProfileType = oneOf(['Unconfined', 'RuntimeDefault', 'Localhost']);
export type SeccompProfileType = Static<typeof SeccompProfileType>;

export const SeccompProfile = object('io.k8s.api.core.v1.SeccompProfile', {
  type: required(SeccompProfileType),
  localhostProfile: string(),
});
export interface SeccompProfile extends Static<typeof SeccompProfile> {}

export const AppArmorProfileType = oneOf(['Unconfined', 'RuntimeDefault', 'Localhost']);
export type AppArmorProfileType = Static<typeof AppArmorProfileType>;

export const AppArmorProfile = object('io.k8s.api.core.v1.AppArmorProfile', {
  type: required(AppArmorProfileType),
  localhostProfile: string(),
});
export interface AppArmorProfile extends Static<typeof AppArmorProfile> {}

export const Capabilities = object('io.k8s.api.core.v1.Capabilities', {
  add: atomicList(string()),
  drop: atomicList(string()),
});
export interface Capabilities extends Static<typeof Capabilities> {}

export const ProcMountType = oneOf(['Default', 'Unmasked']);
export type ProcMountType = Static<typeof ProcMountType>;

export const SecurityContext = object('io.k8s.api.core.v1.SecurityContext', {
  capabilities: Capabilities,
  privileged: boolean(),
  seLinuxOptions: SELinuxOptions,
  windowsOptions: WindowsSecurityContextOptions,
  runAsUser: int64(),
  runAsGroup: int64(),
  runAsNonRoot: boolean(),
  readOnlyRootFilesystem: boolean(),
  allowPrivilegeEscalation: boolean(),
  procMount: ProcMountType,
  seccompProfile: SeccompProfile,
  appArmorProfile: AppArmorProfile,
});
export interface SecurityContext extends Static<typeof SecurityContext> {}

export const Sysctl = object('io.k8s.api.core.v1.Sysctl', {
  name: required(string()),
  value: required(string()),
});
export interface Sysctl extends Static<typeof Sysctl> {}

export const PodFSGroupChangePolicy = oneOf(['OnRootMismatch', 'Always']);
export type PodFSGroupChangePolicy = Static<typeof PodFSGroupChangePolicy>;

export const SupplementalGroupsPolicy = oneOf(['Merge', 'Strict']);
export type SupplementalGroupsPolicy = Static<typeof SupplementalGroupsPolicy>;

export const PodSELinuxChangePolicy = oneOf(['Recursive', 'MountOption']);
export type PodSELinuxChangePolicy = Static<typeof PodSELinuxChangePolicy>;

export const PodSecurityContext = object('io.k8s.api.core.v1.PodSecurityContext', {
  seLinuxOptions: SELinuxOptions,
  windowsOptions: WindowsSecurityContextOptions,
  runAsUser: int64(),
  runAsGroup: int64(),
  runAsNonRoot: boolean(),
  supplementalGroups: atomicList(int64()),
  supplementalGroupsPolicy: SupplementalGroupsPolicy,
  fsGroup: int64(),
  sysctls: atomicList(Sysctl),
  fsGroupChangePolicy: PodFSGroupChangePolicy,
  seccompProfile: SeccompProfile,
  appArmorProfile: AppArmorProfile,
  seLinuxChangePolicy: PodSELinuxChangePolicy,
});
export interface PodSecurityContext extends Static<typeof PodSecurityContext> {}
