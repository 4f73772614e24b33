/**
 * What the Pod Security Standards forbid, in which of their versions. Pure. Every check says what is wrong in upstream's words, because
 * people search for them, and the checks of a level stand in upstream's order.
 * Units: a version is the minor number of Kubernetes 1.x.
 * Source: the Pod Security Standards (baseline, restricted), Kubernetes 1.36.
 */
import type { Pod, PodSpec } from '#api/kinds/core/pod.ts';

type Container = NonNullable<PodSpec['containers']>[number];
export type PodLike = Pick<Pod, 'metadata' | 'spec'>;
export type Level = 'privileged' | 'baseline' | 'restricted';

export interface Finding {
  readonly reason: string;
  readonly detail: string;
}

type Check = (pod: PodLike, version: number) => Finding | undefined;

export function findings(level: Level, version: number, pod: PodLike): readonly Finding[] {
  const checks = level === 'privileged' ? [] : level === 'baseline' ? BASELINE : RESTRICTED;
  return checks.map((check) => check(pod, version)).filter((found) => found !== undefined);
}

const containersOf = ({ spec }: PodLike): readonly Container[] => [
  ...(spec.initContainers ?? []),
  ...(spec.containers ?? []),
  ...((spec.ephemeralContainers ?? []) as readonly Container[]),
];
const namesOf = (pod: PodLike, isWrong: (container: Container) => boolean): readonly string[] =>
  containersOf(pod)
    .filter(isWrong)
    .map(({ name }) => name);

const quoted = (names: readonly string[]): string => names.map((name) => JSON.stringify(name)).join(', ');
const many = (one: string, names: readonly unknown[], more = `${one}s`): string => (names.length === 1 ? one : more);
const listed = (one: string, names: readonly string[]): string => `${many(one, names)} ${quoted(names)}`;
const sorted = (names: ReadonlySet<string>): readonly string[] => [...names].toSorted();

/** 'pod and containers "a", "b"'; undefined: none of them. */
function setters(onPod: boolean, containers: readonly string[]): string | undefined {
  const all = [...(onPod ? ['pod'] : []), ...(containers.length === 0 ? [] : [listed('container', containers)])];
  return all.length === 0 ? undefined : all.join(' and ');
}

const isWindows = ({ spec }: PodLike, version: number): boolean => version >= 25 && spec.os?.name === 'windows';
/** Root in a user namespace is nobody outside. */
const isMapped = ({ spec }: PodLike, version: number): boolean => version >= 35 && spec.hostUsers === false;

const APPARMOR = 'container.apparmor.security.beta.kubernetes.io/';
const appArmorProfile: Check = (pod) => {
  const isBad = (profile: { readonly type: string } | undefined): boolean => profile?.type === 'Unconfined';
  const containers = namesOf(pod, (c) => isBad(c.securityContext?.appArmorProfile));
  const who = setters(isBad(pod.spec.securityContext?.appArmorProfile), containers);
  const notes = Object.entries(pod.metadata.annotations ?? {})
    .filter(([key, value]) => key.startsWith(APPARMOR) && !/^($|runtime\/default$|localhost\/)/.test(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .toSorted();
  if (who === undefined && notes.length === 0) return undefined;
  const details = [...(who === undefined ? [] : [`${who} must not set AppArmor profile type to "Unconfined"`]), ...notes];
  return { reason: many('forbidden AppArmor profile', details), detail: details.join(', ') };
};

const BASELINE_CAPABILITIES = new Set(
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'.split(' '),
);

function addedBut(pod: PodLike, allowed: (name: string) => boolean): string | undefined {
  const added = new Set<string>();
  const containers = namesOf(pod, (c) => {
    const bad = (c.securityContext?.capabilities?.add ?? []).filter((name) => !allowed(name));
    for (const name of bad) added.add(name);
    return bad.length > 0;
  });
  if (containers.length === 0) return undefined;
  return `${listed('container', containers)} must not include ${quoted(sorted(added))} in securityContext.capabilities.add`;
}

const capabilitiesBaseline: Check = (pod) => {
  const detail = addedBut(pod, (name) => BASELINE_CAPABILITIES.has(name));
  return detail === undefined ? undefined : { reason: 'non-default capabilities', detail };
};

const hostNamespaces: Check = ({ spec }) => {
  const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((name) => spec[name] === true);
  return used.length === 0 ? undefined : { reason: 'host namespaces', detail: used.map((name) => `${name}=true`).join(', ') };
};

const hostPathVolumes: Check = ({ spec }) => {
  const names = (spec.volumes ?? []).filter((v) => v.hostPath !== undefined).map(({ name }) => name);
  return names.length === 0 ? undefined : { reason: 'hostPath volumes', detail: listed('volume', names) };
};

const hostPorts: Check = (pod) => {
  const ports = new Set<string>();
  const containers = namesOf(pod, (c) => {
    const used = (c.ports ?? []).map(({ hostPort = 0 }) => hostPort).filter((port) => port !== 0);
    for (const port of used) ports.add(String(port));
    return used.length > 0;
  });
  if (containers.length === 0) return undefined;
  const what = `${many('uses', containers, 'use')} ${many('hostPort', [...ports])}`;
  return { reason: 'hostPort', detail: `${listed('container', containers)} ${what} ${sorted(ports).join(', ')}` };
};

const hostProbes: Check = (pod, version) => {
  if (version < 34) return undefined;
  const hosts = new Set<string>();
  const containers = namesOf(pod, (c) => {
    const handlers = [c.livenessProbe, c.readinessProbe, c.startupProbe, c.lifecycle?.postStart, c.lifecycle?.preStop];
    const bad = handlers.flatMap((handler) => [handler?.httpGet?.host ?? '', handler?.tcpSocket?.host ?? '']).filter((host) => host !== '');
    for (const host of bad) hosts.add(host);
    return bad.length > 0;
  });
  if (containers.length === 0) return undefined;
  const what = `${many('uses', containers, 'use')} ${many('probe or lifecycle host', [...hosts])}`;
  return { reason: 'probe or lifecycle host', detail: `${listed('container', containers.toSorted())} ${what} ${quoted(sorted(hosts))}` };
};

const privileged: Check = (pod) => {
  const containers = namesOf(pod, (c) => c.securityContext?.privileged === true);
  if (containers.length === 0) return undefined;
  return { reason: 'privileged', detail: `${listed('container', containers)} must not set securityContext.privileged=true` };
};

const procMount: Check = (pod, version) => {
  if (isMapped(pod, version)) return undefined;
  const types = new Set<string>();
  const containers = namesOf(pod, (c) => {
    const type = c.securityContext?.procMount ?? 'Default';
    if (type !== 'Default') types.add(type);
    return type !== 'Default';
  });
  if (containers.length === 0) return undefined;
  return {
    reason: 'procMount',
    detail: `${listed('container', containers)} must not set securityContext.procMount to ${quoted(sorted(types))}`,
  };
};

const SELINUX_TYPES = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t']);
const seLinuxOptions: Check = (pod, version) => {
  const types = new Set<string>();
  const wrong = new Set<string>();
  const isBad = (options: { readonly type?: string; readonly user?: string; readonly role?: string } | undefined): boolean => {
    const { type = '', user = '', role = '' } = options ?? {};
    const isType = SELINUX_TYPES.has(type) || (version >= 31 && type === 'container_engine_t');
    if (!isType) types.add(type);
    if (user !== '') wrong.add('user may not be set');
    if (role !== '') wrong.add('role may not be set');
    return !isType || user !== '' || role !== '';
  };
  const onPod = isBad(pod.spec.securityContext?.seLinuxOptions);
  const who = setters(
    onPod,
    namesOf(pod, (c) => isBad(c.securityContext?.seLinuxOptions)),
  );
  if (who === undefined) return undefined;
  const data = [...(types.size === 0 ? [] : [listed('type', sorted(types))]), ...[...wrong].toSorted().toReversed()];
  return { reason: 'seLinuxOptions', detail: `${who} set forbidden securityContext.seLinuxOptions: ${data.join('; ')}` };
};

const isGoodSeccomp = (type: string): boolean => type === 'RuntimeDefault' || type === 'Localhost';

function badSeccomp(pod: PodLike): Finding | undefined {
  const values = new Set<string>();
  const isBad = (profile: { readonly type: string } | undefined): boolean => {
    if (profile === undefined || isGoodSeccomp(profile.type)) return false;
    values.add(profile.type);
    return true;
  };
  const onPod = isBad(pod.spec.securityContext?.seccompProfile);
  const who = setters(
    onPod,
    namesOf(pod, (c) => isBad(c.securityContext?.seccompProfile)),
  );
  if (who === undefined) return undefined;
  return { reason: 'seccompProfile', detail: `${who} must not set securityContext.seccompProfile.type to ${quoted(sorted(values))}` };
}

const seccompBaseline: Check = (pod, version) => (version < 19 ? undefined : badSeccomp(pod));

const SYSCTLS: Readonly<Record<string, number>> = {
  'kernel.shm_rmid_forced': 0,
  'net.ipv4.ip_local_port_range': 0,
  'net.ipv4.tcp_syncookies': 0,
  'net.ipv4.ping_group_range': 0,
  'net.ipv4.ip_unprivileged_port_start': 0,
  'net.ipv4.ip_local_reserved_ports': 27,
  'net.ipv4.tcp_keepalive_time': 29,
  'net.ipv4.tcp_fin_timeout': 29,
  'net.ipv4.tcp_keepalive_intvl': 29,
  'net.ipv4.tcp_keepalive_probes': 29,
  'net.ipv4.tcp_rmem': 32,
  'net.ipv4.tcp_wmem': 32,
};
const sysctls: Check = ({ spec }, version) => {
  const isSafe = (name: string): boolean => Object.hasOwn(SYSCTLS, name) && version >= (SYSCTLS[name] ?? 0);
  const names = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !isSafe(name));
  return names.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: names.join(', ') };
};

const windowsHostProcess: Check = (pod) => {
  const isOn = (context: { readonly windowsOptions?: { readonly hostProcess?: boolean } } | undefined): boolean =>
    context?.windowsOptions?.hostProcess === true;
  const who = setters(
    isOn(pod.spec.securityContext),
    namesOf(pod, (c) => isOn(c.securityContext)),
  );
  if (who === undefined) return undefined;
  return { reason: 'hostProcess', detail: `${who} must not set securityContext.windowsOptions.hostProcess=true` };
};

const BASELINE: readonly Check[] = [
  appArmorProfile,
  capabilitiesBaseline,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  hostProbes,
  privileged,
  procMount,
  seLinuxOptions,
  seccompBaseline,
  sysctls,
  windowsHostProcess,
];

const allowPrivilegeEscalation: Check = (pod, version) => {
  if (version < 8 || isWindows(pod, version)) return undefined;
  const containers = namesOf(pod, (c) => c.securityContext?.allowPrivilegeEscalation !== false);
  if (containers.length === 0) return undefined;
  const detail = `${listed('container', containers)} must set securityContext.allowPrivilegeEscalation=false`;
  return { reason: 'allowPrivilegeEscalation != false', detail };
};

const capabilitiesRestricted: Check = (pod, version) => {
  if (version < 22) return capabilitiesBaseline(pod, version);
  if (isWindows(pod, version)) return undefined;
  const undropped = namesOf(pod, (c) => !(c.securityContext?.capabilities?.drop ?? []).includes('ALL'));
  const added = addedBut(pod, (name) => name === 'NET_BIND_SERVICE');
  const details = [
    ...(undropped.length === 0 ? [] : [`${listed('container', undropped)} must set securityContext.capabilities.drop=["ALL"]`]),
    ...(added === undefined ? [] : [added]),
  ];
  return details.length === 0 ? undefined : { reason: 'unrestricted capabilities', detail: details.join('; ') };
};

const VOLUMES = new Set('configMap csi downwardAPI emptyDir ephemeral persistentVolumeClaim projected secret image'.split(' '));
const restrictedVolumes: Check = ({ spec }) => {
  const types = new Set<string>();
  const bad = (spec.volumes ?? []).filter((volume) => {
    const wrong = Object.keys(volume).filter((key) => key !== 'name' && !VOLUMES.has(key));
    for (const type of wrong) types.add(type);
    return wrong.length > 0;
  });
  if (bad.length === 0) return undefined;
  const names = bad.map(({ name }) => name);
  const what = `${many('uses', names, 'use')} ${many('restricted volume type', [...types])}`;
  return { reason: 'restricted volume types', detail: `${listed('volume', names)} ${what} ${quoted(sorted(types))}` };
};

const runAsNonRoot: Check = (pod, version) => {
  if (isMapped(pod, version)) return undefined;
  const reason = 'runAsNonRoot != true';
  const onPod = pod.spec.securityContext?.runAsNonRoot;
  const who = setters(
    onPod === false,
    namesOf(pod, (c) => c.securityContext?.runAsNonRoot === false),
  );
  if (who !== undefined) return { reason, detail: `${who} must not set securityContext.runAsNonRoot=false` };
  const silent = onPod === true ? [] : namesOf(pod, (c) => c.securityContext?.runAsNonRoot === undefined);
  return silent.length === 0
    ? undefined
    : { reason, detail: `pod or ${listed('container', silent)} must set securityContext.runAsNonRoot=true` };
};

const runAsUser: Check = (pod, version) => {
  if (version < 23 || isMapped(pod, version)) return undefined;
  const who = setters(
    pod.spec.securityContext?.runAsUser === 0,
    namesOf(pod, (c) => c.securityContext?.runAsUser === 0),
  );
  return who === undefined ? undefined : { reason: 'runAsUser=0', detail: `${who} must not set runAsUser=0` };
};

const seccompRestricted: Check = (pod, version) => {
  if (version < 19 || isWindows(pod, version)) return undefined;
  const bad = badSeccomp(pod);
  if (bad !== undefined) return bad;
  const silent =
    pod.spec.securityContext?.seccompProfile === undefined ? namesOf(pod, (c) => c.securityContext?.seccompProfile === undefined) : [];
  if (silent.length === 0) return undefined;
  const detail = `pod or ${listed('container', silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`;
  return { reason: 'seccompProfile', detail };
};

/** Three of baseline say less than their stricter twins. */
const RESTRICTED: readonly Check[] = [
  ...BASELINE.filter((check) => check !== hostPathVolumes && check !== capabilitiesBaseline && check !== seccompBaseline),
  allowPrivilegeEscalation,
  capabilitiesRestricted,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccompRestricted,
];
