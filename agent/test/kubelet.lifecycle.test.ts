/** Probes, hooks, signals, the order of ends and deadlines, on a real containerd. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import type { ContainerStatus } from '#api/kinds/core/containerStatus.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { startKubelet, type TestKubelet } from './harness/kubelet.ts';
import { manifest, type TestPod } from './harness/manifest.ts';
import { BUSYBOX_IMAGE } from './harness/ociImage.ts';
import { until } from './harness/until.ts';

const skip = missing() ?? false;
let containerd: TestContainerd;
let kubelet: TestKubelet;
/** Seen as /shared by every pod of this file. */
let shared: string;

before(async () => {
  if (skip !== false) return;
  containerd = await startContainerd();
  kubelet = await startKubelet(containerd, { config: { crashLoopBackOff: { maxContainerRestartPeriod: '1s' } } });
  shared = join(containerd.dir, 'shared');
  mkdirSync(shared);
});
after(async () => {
  await kubelet?.stop();
  await containerd?.stop();
});

const MOUNT = { volumeMounts: [{ name: 's', mountPath: '/shared' }] };
function apply({ spec = {}, container = {}, ...pod }: TestPod): void {
  const volumes = [{ name: 's', hostPath: { path: shared } }];
  kubelet.apply(`${pod.name}.yaml`, manifest({ ...pod, container: { ...MOUNT, ...container }, spec: { volumes, ...spec } }));
}
const of = async (name: string): Promise<ContainerStatus | undefined> => (await kubelet.pod(name))?.status?.containerStatuses?.[0];
const is = (name: string, what: string, check: (c: ContainerStatus) => boolean): Promise<void> =>
  until(`${name} ${what}`, async () => {
    const c = await of(name);
    return c !== undefined && check(c);
  });
async function drop(name: string): Promise<void> {
  kubelet.remove(`${name}.yaml`);
  await until(`${name} is gone`, async () => (await kubelet.pod(name)) === undefined);
}
const events = async (name: string): Promise<string[]> =>
  (await kubelet.client.events({ pod: `${name}-node1` }, new AbortController().signal)).map((e) => `${e.reason}: ${e.message}`);
const told = async (name: string, pattern: RegExp): Promise<void> =>
  until(`${name} has an event ${pattern}`, async () => (await events(name)).some((e) => pattern.test(e)));
const put = (file: string): void => writeFileSync(join(shared, file), '');
const lines = (file: string): string[] =>
  existsSync(join(shared, file)) ? readFileSync(join(shared, file), 'utf8').trim().split('\n') : [];

test('each kind of probe, as readiness: unready with its reason, ready when it answers well', { skip }, async () => {
  const probe = { periodSeconds: 1, failureThreshold: 1 };
  const script = 'until [ -e /shared/go ]; do sleep 0.1; done; echo ok > /index.html; exec httpd -f -p 8080 -h /';
  const ports = [{ name: 'web', containerPort: 8080 }];
  const ready = (name: string, readinessProbe: object, more: Partial<TestPod> = {}): void =>
    apply({ name, script, ...more, container: { ports, readinessProbe: { ...probe, ...readinessProbe } } });
  ready('by-exec', { exec: { command: ['test', '-e', '/shared/go'] } });
  ready('by-http', { httpGet: { port: 'web', path: '/index.html', httpHeaders: [{ name: 'X-Probe', value: 'yes' }] } });
  ready('by-tcp', { tcpSocket: { port: 8080 } });
  ready('by-grpc', { grpc: { port: 5051 } }, { spec: { hostNetwork: true }, script: 'exec sleep 3600' });
  ready('by-https', { httpGet: { scheme: 'HTTPS', host: '127.0.0.1', port: 5052, path: '/health' } });
  const names = ['by-exec', 'by-http', 'by-tcp', 'by-grpc', 'by-https'];
  await told('by-exec', /^Unhealthy: Readiness probe failed: $/);
  await told(
    'by-http',
    /^Unhealthy: Readiness probe failed: Get "http:\/\/10\.88\.\d+\.\d+:8080\/index.html": dial tcp 10\.88\S+:8080: connect: connection refused$/,
  );
  await told('by-tcp', /^Unhealthy: Readiness probe failed: dial tcp 10\.88\S+:8080: connect: connection refused$/);
  await told('by-grpc', /^Unhealthy: Readiness probe failed: (error|timeout): /);
  await told('by-https', /^Unhealthy: Readiness probe failed: Get "https:\/\/127\.0\.0\.1:5052\/health": dial tcp 127\.0\.0\.1:5052: /);
  for (const name of names) {
    await is(name, 'runs unready', (c) => c.started === true && !c.ready);
    const conditions = (await kubelet.pod(name))?.status?.conditions;
    assert.match(conditions?.find((c) => c.type === 'Ready')?.message ?? '', /^containers with unready status: \[c\]$/);
  }
  const servers = [
    ['grpcHealthServer.ts', '5051'],
    ['httpsHealthServer.ts', '5052'],
  ].map(([file = '', port = '']) => {
    const program = new URL(`./harness/${file}`, import.meta.url).pathname;
    return execa('nsenter', [`--net=/run/netns/${containerd.netns}`, process.execPath, program, port], { reject: false });
  });
  try {
    put('go');
    for (const name of names) await is(name, 'is ready', (c) => c.ready);
  } finally {
    for (const server of servers) server.kill();
    await Promise.all(servers);
  }
  for (const name of ['by-grpc', 'by-https']) await is(name, 'is unready again', (c) => !c.ready && c.restartCount === 0);
  await Promise.all(names.map(drop));
});

test('a kubelet killed with -9 and started again knows which containers were ready: none is unready for a moment', { skip }, async () => {
  apply({ name: 'keeps', container: { ...MOUNT, readinessProbe: { exec: { command: ['true'] }, periodSeconds: 60 } } });
  await is('keeps', 'is ready', (c) => c.ready);
  const before = await of('keeps');
  await until('the verdict is on disk', () => existsSync(join(kubelet.rootDir, 'probe_results')));
  await kubelet.kill('SIGKILL');
  await kubelet.start();
  await is('keeps', 'is seen', (c) => c.containerID === before?.containerID);
  assert.equal((await of('keeps'))?.ready, true);
  await drop('keeps');
});

test(
  'startup and liveness: nothing but the startup probe asks at first; what stops answering is ended and started again',
  { skip },
  async () => {
    const container = {
      ...MOUNT,
      startupProbe: { exec: { command: ['test', '-e', '/shared/up'] }, periodSeconds: 1, failureThreshold: 100 },
      livenessProbe: {
        exec: { command: ['test', '!', '-e', '/shared/sick'] },
        periodSeconds: 1,
        failureThreshold: 1,
        terminationGracePeriodSeconds: 1,
      },
    };
    put('sick');
    apply({ name: 'lives', container, spec: { terminationGracePeriodSeconds: 3_600 } });
    await told('lives', /^Unhealthy: Startup probe failed: /);
    await is('lives', 'runs and is not started', (c) => c.state?.running !== undefined && c.started === false && !c.ready);
    put('up');
    await is('lives', 'was restarted', (c) => c.restartCount > 0);
    assert.ok((await events('lives')).includes('Killing: Container c failed liveness probe, will be restarted'));
    // sh as process 1 ignores SIGTERM: the grace period of the probe ended it, not the hour of the pod.
    assert.equal((await of('lives'))?.lastState?.terminated?.exitCode, 137);
    await execa('rm', [join(shared, 'sick')]);
    kubelet.remove('lives.yaml');
  },
);

test(
  'hooks: postStart before the container counts as started, preStop before it is told to end, stopSignal instead of SIGTERM',
  { skip },
  async () => {
    const script =
      'trap "echo usr1 >> /shared/hooks; exit 0" USR1; trap "echo term >> /shared/hooks; exit 0" TERM; while :; do sleep 0.1; done';
    const say = (word: string): object => ({ exec: { command: ['sh', '-c', `echo ${word} >> /shared/hooks`] } });
    const lifecycle = { postStart: say('postStart'), preStop: say('preStop'), stopSignal: 'SIGUSR1' };
    apply({
      name: 'hooked',
      script,
      container: { ...MOUNT, lifecycle },
      spec: { terminationGracePeriodSeconds: 30, os: { name: 'linux' } },
    });
    await is('hooked', 'runs', (c) => c.state?.running !== undefined);
    assert.deepEqual(lines('hooks'), ['postStart']);
    assert.equal((await of('hooked'))?.stopSignal, 'SIGUSR1');
    // The hook is known although manifest and kubelet went away meanwhile.
    await kubelet.kill('SIGKILL');
    kubelet.remove('hooked.yaml');
    await kubelet.start();
    await until('hooked is gone', async () => (await kubelet.pod('hooked')) === undefined && lines('hooks').length >= 2);
    assert.deepEqual(lines('hooks').slice(0, 2), ['postStart', 'preStop']);
  },
);

test('stopSignal: the container gets the signal its manifest names', { skip }, async () => {
  const script =
    'trap "echo usr1 >> /shared/signal; exit 0" USR1; trap "echo term >> /shared/signal; exit 0" TERM; touch /shared/ready1; while :; do sleep 0.1; done';
  const lifecycle = { stopSignal: 'SIGUSR1' };
  apply({
    name: 'signalled',
    script,
    container: { ...MOUNT, lifecycle },
    spec: { terminationGracePeriodSeconds: 30, os: { name: 'linux' } },
  });
  await until('it traps', () => existsSync(join(shared, 'ready1')));
  await drop('signalled');
  assert.deepEqual(lines('signal'), ['usr1']);
});

test('a postStart hook that fails ends its container', { skip }, async () => {
  apply({
    name: 'nohook',
    container: { ...MOUNT, lifecycle: { postStart: { exec: { command: ['false'] } } } },
    spec: { restartPolicy: 'Never' },
  });
  await until('it failed', async () => (await kubelet.pod('nohook'))?.status?.phase === 'Failed');
  assert.ok((await events('nohook')).includes('FailedPostStartHook: PostStartHook failed'));
  await drop('nohook');
});

test(
  'hooks by HTTP, by TCP and by a sleep: a server of another pod is asked after the start and before the end, which waits',
  { skip },
  async () => {
    apply({ name: 'web', script: 'touch /index.html; exec httpd -f -vv -p 8080 -h / 2>> /shared/asked' });
    await is('web', 'runs', (c) => c.state?.running !== undefined);
    const host = (await kubelet.pod('web'))?.status?.podIP ?? '';
    const fetch = ['busybox', 'wget', '-q', '-O', '/dev/null', `http://${host}:8080/index.html`];
    await until(
      'it serves',
      async () => (await execa('nsenter', [`--net=/run/netns/${containerd.netns}`, ...fetch], { reject: false })).exitCode === 0,
    );
    const get = (path: string): object => ({ httpGet: { host, port: 8080, path } });
    const script = 'trap "exit 0" TERM; while :; do sleep 0.1; done';
    const spec = { terminationGracePeriodSeconds: 60 };
    apply({ name: 'asks', script, spec, container: { ...MOUNT, lifecycle: { postStart: get('/began'), preStop: get('/ends') } } });
    apply({
      name: 'waits',
      script,
      spec,
      container: { ...MOUNT, lifecycle: { postStart: { tcpSocket: { host, port: 8080 } }, preStop: { sleep: { seconds: 2 } } } },
    });
    const step = async (name: string, want: string) =>
      (await kubelet.client.timeline('default', `${name}-node1`, new AbortController().signal)).find((s) => s.step === want);
    await Promise.all(['asks', 'waits'].map((name) => is(name, 'runs', (c) => c.state?.running !== undefined)));
    await until('the start was told', () => lines('asked').some((l) => l.includes('/began')));
    kubelet.remove('asks.yaml');
    kubelet.remove('waits.yaml');
    await until('both are gone', async () => (await kubelet.pod('asks')) === undefined && (await kubelet.pod('waits')) === undefined);
    assert.ok(
      lines('asked').some((l) => l.includes('/ends')),
      lines('asked').join('\n'),
    );
    assert.ok(((await step('waits', 'preStop'))?.tookMs ?? 0) >= 2_000);
    await drop('web');
  },
);

test('sidecars end after the container they serve, the last one first', { skip }, async () => {
  const say = (word: string): string[] => [
    'sh',
    '-c',
    `trap "sleep 0.2; echo ${word} >> /shared/order; exit 0" TERM; touch /shared/up-${word}; while :; do sleep 0.1; done`,
  ];
  const side = (name: string): object => ({
    name,
    image: BUSYBOX_IMAGE,
    imagePullPolicy: 'IfNotPresent',
    restartPolicy: 'Always',
    command: say(name),
    ...MOUNT,
  });
  apply({
    name: 'order',
    container: { ...MOUNT, command: say('main') },
    spec: { terminationGracePeriodSeconds: 60, initContainers: [side('one'), side('two')] },
  });
  await until('all run', () => ['one', 'two', 'main'].every((w) => existsSync(join(shared, `up-${w}`))));
  await drop('order');
  assert.deepEqual(lines('order'), ['main', 'two', 'one']);
});

test('what ended says why: out of memory, past its deadline, an exit code with a rule', { skip }, async () => {
  const never = { restartPolicy: 'Never' };
  apply({
    name: 'hungry',
    script: `exec busybox awk 'BEGIN { s = "x"; while (1) s = s s }'`,
    container: { resources: { limits: { memory: '16Mi' } } },
    spec: never,
  });
  apply({ name: 'late', spec: { ...never, activeDeadlineSeconds: 2 } });
  const restartPolicyRules = [{ action: 'Restart', exitCodes: { operator: 'In', values: [42] } }];
  const script = 'if [ -e /shared/tried ]; then exit 3; fi; touch /shared/tried; exit 42';
  apply({ name: 'ruled', script, container: { ...MOUNT, restartPolicy: 'Never', restartPolicyRules }, spec: never });
  await is('hungry', 'was killed for memory', (c) => c.state?.terminated?.reason === 'OOMKilled' && c.state.terminated.exitCode === 137);
  await until('ruled failed', async () => (await kubelet.pod('ruled'))?.status?.phase === 'Failed');
  const ruled = await of('ruled');
  assert.deepEqual([ruled?.restartCount, ruled?.state?.terminated?.exitCode, ruled?.lastState?.terminated?.exitCode], [1, 3, 42]);
  await until('late is past its deadline', async () => (await kubelet.pod('late'))?.status?.reason === 'DeadlineExceeded');
  const late = (await kubelet.pod('late'))?.status;
  assert.deepEqual([late?.phase, late?.message], ['Failed', 'Pod was active on the node longer than the specified deadline']);
  await Promise.all(['hungry', 'late', 'ruled'].map(drop));
});
