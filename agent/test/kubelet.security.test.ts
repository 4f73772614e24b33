/** Users, rights, names and environment as a process in a pod sees them, on a real containerd. */
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CgroupNames } from '#agent/kubelet/pods/cgroupNames.ts';
import { findMounts } from '#agent/linux/cgroup.ts';
import { hasAppArmor } from '#agent/linux/machine.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { toBytes, toMilli } from '#api/quantity.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { startKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest } from './harness/manifest.ts';
import { until } from './harness/until.ts';

const skip = missing() ?? false;
let containerd: TestContainerd;
let kubelet: TestKubelet;

/** What each pod prints about itself. */
const ABOUT =
  'cat /proc/self/status; id; cat /etc/hosts; cat /etc/resolv.conf; hostname; env; cat /proc/sys/kernel/shm_rmid_forced; touch /file && echo WRITABLE; pwd; busybox tty; echo OOM $(cat /proc/self/oom_score_adj); for n in net uts ipc pid; do echo NS $(busybox readlink /proc/self/ns/$n); done; grep " /proc/sys " /proc/mounts; echo THE END; exec sleep 3600';
const PODS: Readonly<Record<string, { spec?: object; container?: object }>> = {
  plain: {},
  user: {
    spec: { securityContext: { runAsUser: 1000, runAsGroup: 3000, supplementalGroups: [4000], runAsNonRoot: true } },
    container: { securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } } },
  },
  caps: {
    container: { securityContext: { capabilities: { add: ['NET_ADMIN'], drop: ['CHOWN'] }, seccompProfile: { type: 'RuntimeDefault' } } },
  },
  local: { container: { securityContext: { seccompProfile: { type: 'Localhost', localhostProfile: 'deny.json' } } } },
  privileged: { container: { securityContext: { privileged: true } } },
  sysctl: { spec: { securityContext: { sysctls: [{ name: 'kernel.shm_rmid_forced', value: '1' }] } } },
  forbidden: { spec: { securityContext: { sysctls: [{ name: 'kernel.msgmax', value: '1' }] } } },
  strict: { spec: { securityContext: { runAsUser: 1000, supplementalGroupsPolicy: 'Strict' } } },
  apparmor: { spec: { securityContext: { appArmorProfile: { type: 'RuntimeDefault' } } } },
  root: { container: { securityContext: { runAsNonRoot: true } } },
  crun: {
    spec: { runtimeClassName: 'light' },
    container: { resources: { requests: { cpu: '100m' }, limits: { cpu: '200m', memory: '32Mi' } } },
  },
  whole: { spec: { resources: { requests: { cpu: '100m' }, limits: { cpu: '300m', memory: '48Mi' } } } },
  elsewhere: { spec: { runtimeClassName: 'elsewhere' } },
  unknown: { spec: { runtimeClassName: 'unknown' } },
  handler: { spec: { runtimeClassName: 'no-handler' } },
  names: {
    spec: {
      hostname: 'db',
      subdomain: 'data',
      setHostnameAsFQDN: true,
      hostAliases: [{ ip: '192.0.2.9', hostnames: ['alias'] }],
      dnsConfig: { searches: ['more.example'], options: [{ name: 'ndots', value: '2' }] },
    },
  },
  env: {
    container: {
      resources: { limits: { memory: '64Mi' } },
      envFrom: [{ prefix: 'CM_', configMapRef: { name: 'settings' } }],
      env: [
        { name: 'PASSWORD', valueFrom: { secretKeyRef: { name: 'login', key: 'password' } } },
        { name: 'LIMIT', valueFrom: { resourceFieldRef: { resource: 'limits.memory', divisor: '1Mi' } } },
      ],
    },
  },
  shares: { spec: { shareProcessNamespace: true } },
  'of-host': { spec: { hostPID: true, hostIPC: true } },
  'dns-default': { spec: { dnsPolicy: 'Default' } },
  'dns-none': { spec: { dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.53'], searches: ['only.example'] } } },
  'dns-host': { spec: { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' } },
  terminal: { container: { stdin: true, tty: true, workingDir: '/sys' } },
  middle: { container: { resources: { requests: { memory: '64Mi' } } } },
  said: {
    spec: { restartPolicy: 'Never' },
    container: { command: ['sh', '-c', 'echo done as told > /said; exit 0'], terminationMessagePath: '/said' },
  },
  words: {
    spec: { restartPolicy: 'Never' },
    container: { command: ['sh', '-c', 'echo it broke >&2; exit 3'], terminationMessagePolicy: 'FallbackToLogsOnError' },
  },
};

/** Two containers, so that it can be seen what they share. */
const TWINS = ['plain', 'shares'];
const LIMITS = { podPidsLimit: 321, systemReserved: { cpu: '100m' }, kubeReserved: { memory: '64Mi' } };

before(async () => {
  if (skip !== false) return;
  containerd = await startContainerd();
  kubelet = await startKubelet(containerd, { config: { clusterDNS: ['10.96.0.10'], clusterDomain: 'cluster.local', ...LIMITS } });
  mkdirSync(join(kubelet.rootDir, 'seccomp'), { recursive: true });
  const deny = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }] };
  writeFileSync(join(kubelet.rootDir, 'seccomp/deny.json'), JSON.stringify(deny));
  const runtimeClass = (name: string, more: object): string =>
    JSON.stringify({ apiVersion: 'node.k8s.io/v1', kind: 'RuntimeClass', metadata: { name }, ...more });
  kubelet.apply('light.yaml', runtimeClass('light', { handler: 'crun', overhead: { podFixed: { cpu: '50m', memory: '16Mi' } } }));
  kubelet.apply('elsewhere-class.yaml', runtimeClass('elsewhere', { handler: 'crun', scheduling: { nodeSelector: { kind: 'big' } } }));
  kubelet.apply('no-handler-class.yaml', runtimeClass('no-handler', { handler: 'kata' }));
  for (const [name, { spec = {}, container = {} }] of Object.entries(PODS)) {
    const pod = JSON.parse(manifest({ name, script: ABOUT, spec: { ...spec }, container: { ...container } })) as {
      spec: { containers: object[] };
    };
    if (TWINS.includes(name)) pod.spec.containers.push({ ...pod.spec.containers[0], name: 'd' });
    kubelet.apply(`${name}.yaml`, JSON.stringify(pod));
  }
});
after(async () => {
  await kubelet?.stop();
  await containerd?.stop();
});

const status = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0];

async function about(name: string, container = 'c'): Promise<string> {
  let text = '';
  await until(`${name} told all`, async () => {
    if ((await kubelet.pod(name))?.status?.containerStatuses?.find((c) => c.name === container)?.state?.running === undefined) return false;
    text = '';
    await kubelet.client.logs(
      { namespace: 'default', name: `${name}-node1`, container, query: new URLSearchParams() },
      (part) => (text += part),
      AbortSignal.timeout(30_000),
    );
    return /THE END\r?\n$/.test(text);
  });
  return text;
}
async function failed(name: string, reason: string, message: string): Promise<void> {
  await until(`${name} is refused`, async () => (await kubelet.pod(name))?.status?.phase === 'Failed');
  const { reason: why, message: text } = (await kubelet.pod(name))!.status!;
  assert.deepEqual([why, text], [reason, message]);
}

/** Of the pod's own control group. */
async function memoryLimitOf(pod: Pod): Promise<number> {
  const { mode, controllers } = findMounts();
  const file = mode === 'v2' ? 'memory.max' : 'memory.limit_in_bytes';
  return Number(await readFile(join(controllers.get('memory') ?? '', new CgroupNames(containerd.cgroupRoot).ofPod(pod), file), 'utf8'));
}

const field = (text: string, name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? '';
/** CAP_CHOWN is bit 0, CAP_NET_ADMIN bit 12. */
const has = (caps: string, bit: number): boolean => ((BigInt(`0x${caps}`) >> BigInt(bit)) & 1n) === 1n;

test('a container for which nothing is said: root, the usual capabilities, no seccomp, /proc/sys read-only', { skip }, async () => {
  const text = await about('plain');
  assert.match(text, /^uid=0\S* gid=0/m);
  assert.deepEqual([field(text, 'NoNewPrivs'), field(text, 'Seccomp')], ['0', '0']);
  assert.deepEqual([has(field(text, 'CapEff'), 0), has(field(text, 'CapEff'), 12)], [true, false]);
  assert.match(text, /WRITABLE/);
  assert.match(text, /^proc \/proc\/sys proc ro/m);
});

test('user, groups, no_new_privs, no capabilities, a root file system that cannot be written', { skip }, async () => {
  const text = await about('user');
  assert.match(text, /^uid=1000\S* gid=3000\S* groups=.*4000/m);
  assert.deepEqual([field(text, 'NoNewPrivs'), BigInt(`0x${field(text, 'CapEff')}`), BigInt(`0x${field(text, 'CapBnd')}`)], ['1', 0n, 0n]);
  assert.match(text, /Read-only file system/);
});

test('capabilities added and dropped, the seccomp profile of the runtime', { skip }, async () => {
  const text = await about('caps');
  assert.deepEqual([has(field(text, 'CapEff'), 0), has(field(text, 'CapEff'), 12), field(text, 'Seccomp')], [false, true, '2']);
});

test("a seccomp profile from the kubelet's directory is what it says", { skip }, async () => {
  const text = await about('local');
  assert.equal(field(text, 'Seccomp'), '2');
  const id = status(await kubelet.pod('local'))!.containerID!.replace('containerd://', '');
  await assert.rejects(containerd.ctr(['tasks', 'exec', '--exec-id', 'mk', id, 'busybox', 'mkdir', '/x']), /Operation not permitted/);
});

test('privileged: every capability, /proc/sys can be written', { skip }, async () => {
  const text = await about('privileged');
  assert.deepEqual([has(field(text, 'CapEff'), 12), field(text, 'Seccomp')], [true, '0']);
  assert.doesNotMatch(text, / \/proc\/sys /);
});

test("sysctls: a safe one is set in the pod's own namespace; another is refused by name", { skip }, async () => {
  const after = (text: string): string | undefined => /^([01])$/m.exec(text)?.[1];
  assert.deepEqual([after(await about('sysctl')), after(await about('plain'))], ['1', '0']);
  await failed('forbidden', 'SysctlForbidden', 'Pod was rejected: forbidden sysctl: "kernel.msgmax" not allowlisted');
});

test('what the runtime or the kernel cannot give is refused, never left out', { skip }, async () => {
  const able = (await kubelet.client.node(AbortSignal.timeout(30_000))).status?.features?.supplementalGroupsPolicy === true;
  const message = 'Pod was rejected: SupplementalGroupsPolicy=Strict is not supported in this node';
  if (able) assert.match(await about('strict'), /^uid=1000\S* gid=0/m);
  else await failed('strict', 'SupplementalGroupsPolicyNotSupported', message);
  if (!(await hasAppArmor()))
    await failed('apparmor', 'AppArmor', 'Pod was rejected: Cannot enforce AppArmor: AppArmor is not enabled on the host');
});

test('a runtime class: its handler runs the pod, its overhead is added to the limits, its labels choose the node', { skip }, async () => {
  await about('crun');
  const pod = (await kubelet.pod('crun'))!;
  const id = status(pod)!.containerID!.replace('containerd://', '');
  const info = JSON.parse(await containerd.ctr(['containers', 'info', id])) as { Runtime: { Options: { value: string } } };
  assert.match(Buffer.from(info.Runtime.Options.value, 'base64').toString('latin1'), /\/crun/);
  assert.deepEqual(pod.spec.overhead, { cpu: '50m', memory: '16Mi' });
  assert.equal(await memoryLimitOf(pod), 48 << 20);
  await failed(
    'elsewhere',
    'NodeAffinity',
    "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
  );
});

test('resources of the whole pod, the limit of processes, what all pods and each class of them get', { skip }, async () => {
  await about('whole');
  const pod = (await kubelet.pod('whole'))!;
  assert.equal(pod.status?.qosClass, 'Burstable');
  const at = (path: string, controller: string, v1: string, v2: string): string => {
    const { mode, controllers } = findMounts();
    return readFileSync(join(controllers.get(controller) ?? '', path, mode === 'v2' ? v2 : v1), 'utf8').trim();
  };
  const group = new CgroupNames(containerd.cgroupRoot).ofPod(pod);
  const id = status(pod)!.containerID!.replace('containerd://', '');
  assert.deepEqual(
    [await memoryLimitOf(pod), Number(at(`${group}/${id}`, 'memory', 'memory.limit_in_bytes', 'memory.max'))],
    [48 << 20, 48 << 20],
  );
  assert.match(at(group, 'cpu', 'cpu.cfs_quota_us', 'cpu.max'), /^30000\b/);
  assert.equal(at(group, 'pids', 'pids.max', 'pids.max'), '321');
  const kubepods = `${containerd.cgroupRoot}/kubepods`;
  const { capacity, allocatable } = (await kubelet.client.node(AbortSignal.timeout(30_000))).status!;
  const all = Number(at(kubepods, 'memory', 'memory.limit_in_bytes', 'memory.max'));
  const kept = toBytes(capacity!['memory']!) - all;
  assert.ok(kept >= (64 << 20) - 4_096 && kept <= (64 << 20) + 4_096, `${kept}`);
  assert.equal(toMilli(capacity!['cpu']!) - toMilli(allocatable!['cpu']!), 100);
  assert.ok(toBytes(allocatable!['memory']!) < all);
  assert.match(at(`${kubepods}/besteffort`, 'cpu', 'cpu.shares', 'cpu.weight'), /^[12]$/);
});

test('a runtime class that is not there is waited for; a handler that the runtime does not know is told', { skip }, async () => {
  await until('it is told', () => kubelet.log().includes('runtimeclass.node.k8s.io \\"unknown\\" not found'));
  await until('the runtime told', () => /no runtime for \\?"kata\\?" is configured/.test(kubelet.log()));
  assert.equal((await kubelet.pod('unknown'))?.status?.phase, 'Pending');
  kubelet.apply('unknown-class.yaml', 'apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: unknown}\nhandler: runc\n');
  await about('unknown');
});

test('runAsNonRoot and an image that runs as root: the container waits and says why', { skip }, async () => {
  await until('it waits', async () => status(await kubelet.pod('root'))?.state?.waiting?.reason === 'CreateContainerConfigError');
  assert.match(
    status(await kubelet.pod('root'))?.state?.waiting?.message ?? '',
    /^container has runAsNonRoot and image will run as root \(pod: "root-node1_default\(\w+\)", container: c\)$/,
  );
});

/** "net:[123]" and so on, by kind. */
const namespaces = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries([...text.matchAll(/^NS (\w+):\[(\d+)\]/gm)].map(([, kind = '', id = '']) => [kind, id]));

test(
  'namespaces: containers of a pod share network, names and IPC, processes when they shall, and those of the host when they shall',
  { skip },
  async () => {
    const [one, other] = [namespaces(await about('plain')), namespaces(await about('plain', 'd'))];
    assert.deepEqual([other['net'], other['uts'], other['ipc']], [one['net'], one['uts'], one['ipc']]);
    assert.notEqual(one['pid'], other['pid']);
    const [mine, yours] = [await about('shares'), await about('shares', 'd')];
    assert.equal(namespaces(mine)['pid'], namespaces(yours)['pid']);
    await until('they see each other', async () => {
      const id = status(await kubelet.pod('shares'))!.containerID!.replace('containerd://', '');
      const seen = await containerd.ctr(['tasks', 'exec', '--exec-id', `ps${Math.random().toString(36).slice(2)}`, id, 'busybox', 'ps']);
      return (seen.match(/sleep 3600/g) ?? []).length === 2 && /^\s*1 .*(pause|catatonit)/m.test(seen);
    });
    const host = namespaces(await about('of-host'));
    const own = (kind: string): string => /\d+/.exec(readlinkSync(`/proc/self/ns/${kind}`))?.[0] ?? '';
    assert.deepEqual([host['pid'], host['ipc']], [own('pid'), own('ipc')]);
    assert.notEqual(host['net'], own('net'));
  },
);

test(
  'every DNS policy; a terminal, a working directory, a termination message of its own; how the kernel chooses when memory ends',
  { skip },
  async () => {
    const servers = (text: string): string[] => [...text.matchAll(/^nameserver (\S+)/gm)].map(([, ip = '']) => ip);
    const ofNode = servers(readFileSync('/etc/resolv.conf', 'utf8'));
    assert.deepEqual(servers(await about('dns-default')), ofNode);
    const none = await about('dns-none');
    assert.deepEqual(servers(none), ['192.0.2.53']);
    assert.match(none, /^search only\.example$/m);
    assert.deepEqual(servers(await about('dns-host')), ['10.96.0.10']);
    const terminal = await about('terminal');
    assert.match(terminal, /^\/dev\/pts\/\d+\r?$/m);
    assert.match(terminal, /^\/sys\r?$/m);
    assert.match(await about('plain'), /^not a tty$/m);
    const oom = (text: string): number => Number(/^OOM (-?\d+)/m.exec(text)?.[1]);
    const [besteffort, burstable] = [oom(await about('plain')), oom(await about('middle'))];
    assert.equal(besteffort, 1_000);
    assert.ok(burstable > 2 && burstable < 1_000, `${burstable}`);
    await until('it ended', async () => status(await kubelet.pod('said'))?.state?.terminated !== undefined);
    assert.equal(status(await kubelet.pod('said'))?.state?.terminated?.message, 'done as told\n');
  },
);

test('seccompDefault, switched on while the kubelet runs, is for containers that are made from then on', { skip }, async () => {
  kubelet.configure({ seccompDefault: true });
  await until('it is in effect', () => /Configuration is in effect fields=seccompDefault/.test(kubelet.log()));
  kubelet.apply('guarded.yaml', manifest({ name: 'guarded', script: ABOUT }));
  assert.equal(field(await about('guarded'), 'Seccomp'), '2');
  assert.equal(field(await about('plain'), 'Seccomp'), '0');
});

test('host name, hosts file and resolv.conf', { skip }, async () => {
  const text = await about('names');
  const ip = (await kubelet.pod('names'))?.status?.podIP;
  assert.match(text, /^db\.data\.default\.svc\.cluster\.local$/m);
  assert.match(text, /^# Kubernetes-managed hosts file\.$/m);
  assert.match(text, new RegExp(`^${ip}\tdb\\.data\\.default\\.svc\\.cluster\\.local\tdb$`, 'm'));
  assert.match(text, /^192\.0\.2\.9\talias$/m);
  assert.match(text, /^nameserver 10\.96\.0\.10$/m);
  assert.match(text, /^search default\.svc\.cluster\.local svc\.cluster\.local cluster\.local .*more\.example$/m);
  assert.match(text, /^options ndots:2$/m);
});

test('environment from config maps and secrets: the container waits until they are there', { skip }, async () => {
  const waits = (message: string): Promise<void> =>
    until(`it waits: ${message}`, async () => status(await kubelet.pod('env'))?.state?.waiting?.message === message);
  await waits('configmap "settings" not found');
  assert.equal(status(await kubelet.pod('env'))?.state?.waiting?.reason, 'CreateContainerConfigError');
  kubelet.apply('settings.yaml', 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {COLOR: blue}\n');
  await waits('secret "login" not found');
  kubelet.apply('login.yaml', 'apiVersion: v1\nkind: Secret\nmetadata: {name: login}\nstringData: {password: hunter2}\n');
  const text = await about('env');
  assert.match(text, /^CM_COLOR=blue$/m);
  assert.match(text, /^PASSWORD=hunter2$/m);
  assert.match(text, /^LIMIT=64$/m);
  assert.doesNotMatch(kubelet.log(), /hunter2/);
  assert.doesNotMatch(JSON.stringify(await kubelet.pods()), /hunter2/);
});

test('FallbackToLogsOnError: the end of the log explains the end', { skip }, async () => {
  await until('it ended', async () => status(await kubelet.pod('words'))?.state?.terminated !== undefined);
  assert.equal(status(await kubelet.pod('words'))?.state?.terminated?.message, 'it broke\n');
});
