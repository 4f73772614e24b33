/** Which fields of security contexts this kubelet honours. Pure. Windows options never, no node of ours runs it. */
import type { Support } from './support.ts';

const selinux: Support = { user: true, role: true, type: true, level: true };

export const SECURITY = {
  container: {
    capabilities: { add: true, drop: true },
    privileged: true,
    seLinuxOptions: selinux,
    runAsUser: true,
    runAsGroup: true,
    runAsNonRoot: true,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: true,
    procMount: ['Default'],
    seccompProfile: true,
    appArmorProfile: true,
  },
  pod: {
    seLinuxOptions: selinux,
    runAsUser: true,
    runAsGroup: true,
    runAsNonRoot: true,
    fsGroup: true,
    fsGroupChangePolicy: true,
    supplementalGroups: true,
    supplementalGroupsPolicy: true,
    sysctls: true,
    seccompProfile: true,
    appArmorProfile: true,
    seLinuxChangePolicy: ['Recursive'],
  },
} satisfies Readonly<Record<string, Support>>;
