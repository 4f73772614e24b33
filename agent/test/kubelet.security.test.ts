/** Users, rights, names and environment as a process in a pod sees them, on a real containerd. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { startKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest } from './harness/manifest.ts';
import { until } from './harness/until.ts';

const skip = missing() ?? false;
let containerd: TestContainerd;
let kubelet: TestKubelet;

/** What each pod prints about itself. */
const ABOUT =
  'cat /proc/self/status; id; cat /etc/hosts; cat /etc/resolv.conf; hostname; env; cat /proc/sys/kernel/shm_rmid_forced; touch /file && echo WRITABLE; grep " /proc/sys " /proc/mounts; echo THE END; exec sleep 3600';
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
  root: { container: { securityContext: { runAsNonRoot: true } } },
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
  words: {
    spec: { restartPolicy: 'Never' },
    container: { command: ['sh', '-c', 'echo it broke >&2; exit 3'], terminationMessagePolicy: 'FallbackToLogsOnError' },
  },
};

before(async () => {
  if (skip !== false) return;
  containerd = await startContainerd();
  kubelet = await startKubelet(containerd, { config: { clusterDNS: ['10.96.0.10'], clusterDomain: 'cluster.local' } });
  mkdirSync(join(kubelet.rootDir, 'seccomp'), { recursive: true });
  const deny = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO' }] };
  writeFileSync(join(kubelet.rootDir, 'seccomp/deny.json'), JSON.stringify(deny));
  for (const [name, { spec = {}, container = {} }] of Object.entries(PODS))
    kubelet.apply(`${name}.yaml`, manifest({ name, script: ABOUT, spec: { ...spec }, container: { ...container } }));
});
after(async () => {
  await kubelet?.stop();
  await containerd?.stop();
});

const status = (pod: Pod | undefined) => pod?.status?.containerStatuses?.[0];

async function about(name: string): Promise<string> {
  let text = '';
  await until(`${name} told all`, async () => {
    if (status(await kubelet.pod(name))?.state?.running === undefined) return false;
    text = '';
    await kubelet.client.logs(
      { namespace: 'default', name: `${name}-node1`, container: 'c', query: new URLSearchParams() },
      (part) => (text += part),
      AbortSignal.timeout(30_000),
    );
    return text.endsWith('THE END\n');
  });
  return text;
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
  await until('the refusal is told', () => kubelet.log().includes('POD_REFUSED'));
  assert.match(kubelet.log(), /forbidden sysctl: \\"kernel\.msgmax\\" not allowlisted/);
});

test('runAsNonRoot and an image that runs as root: the container waits and says why', { skip }, async () => {
  await until('it waits', async () => status(await kubelet.pod('root'))?.state?.waiting?.reason === 'CreateContainerConfigError');
  assert.match(
    status(await kubelet.pod('root'))?.state?.waiting?.message ?? '',
    /^container has runAsNonRoot and image will run as root \(pod: "root-node1_default\(\w+\)", container: c\)$/,
  );
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
