/**
 * A kubelet and its containerd under seeded chaos: manifests that come, change, break and go, killed containers, killed sandboxes, both
 * daemons killed with -9, several at once. After each round everything settles, and then exactly what is wanted runs, nothing was restarted
 * without a cause, and in the end nothing is left.
 *
 *   KIJABI_CHAOS_MINUTES=10 npm test -- chaos      as long as that; the gate runs a few rounds
 *   KIJABI_CHAOS_SEED=17                           another story than the gate's; a failure prints its seed and its last round
 */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { get } from 'node:http';
import { after, before, test } from 'node:test';
import { text } from 'node:stream/consumers';
import { execa } from 'execa';
import type { Pod } from '#api/kinds/core/pod.ts';
import { codeOf } from '#base/errors.ts';
import { Chaos, type Act } from './harness/chaos.ts';
import { missing, startContainerd, type TestContainerd } from './harness/containerd.ts';
import { startKubelet, type TestKubelet } from './harness/kubelet.ts';
import { podsOfTwoShims, shimsOf } from './harness/leftovers.ts';
import { until } from './harness/until.ts';

const skip = missing() ?? false;
const SEED = Number(process.env['KIJABI_CHAOS_SEED'] ?? 1);
const MINUTES = Number(process.env['KIJABI_CHAOS_MINUTES'] ?? 0);
const GATE_ROUNDS = 8;
/** Of pods that come and go, in a long run: what leaks shows. */
const LONG_WAVES = 10;
/** Until everything has been compiled and every cache has its size. */
const WARM_WAVES = 2;
/** What a collector of garbage may be late. */
const FLAT = 1.1;
/** Ends of containers and removals take their time when 30 things happen at once on a busy machine. */
const SETTLES_WITHIN_MS = 180_000;

let containerd: TestContainerd;
let kubelet: TestKubelet;

before(async () => {
  if (skip !== false) return;
  containerd = await startContainerd();
  kubelet = await startKubelet(containerd, { config: { crashLoopBackOff: { maxContainerRestartPeriod: '1s' } } });
});
after(async () => {
  await kubelet?.stop();
  await containerd?.stop();
});

interface Seen {
  readonly uid: string;
  readonly id: string;
  readonly restarts: number;
  /** The run before this one never began: whoever asked the runtime for it was killed meanwhile. It counts as a run all the same. */
  readonly brokenStart: boolean;
}

/** "pod/container" -> what runs there. */
function containersOf(pods: readonly Pod[]): Map<string, Seen> {
  return new Map(
    pods.flatMap(({ metadata, status }) =>
      (status?.containerStatuses ?? []).map(({ name, containerID = '', restartCount, lastState }): [string, Seen] => [
        `${metadata.name?.replace(/-node1$/, '')}/${name}`,
        {
          uid: metadata.uid ?? '',
          id: containerID.replace('containerd://', ''),
          restarts: restartCount,
          brokenStart: lastState?.terminated?.reason === 'StartError',
        },
      ]),
    ),
  );
}

const isRunning = ({ status }: Pod): boolean =>
  status?.phase === 'Running' && (status.containerStatuses ?? []).every(({ state }) => state?.running !== undefined);

async function tasks(): Promise<Map<string, number>> {
  const lines = (await containerd.ctr(['tasks', 'list'])).split('\n').slice(1);
  return new Map(lines.flatMap((line) => ((/^(\S+)\s+(\d+)\s+RUNNING/.exec(line) ?? []).slice(1, 3).length === 2 ? [pairOf(line)] : [])));
}
function pairOf(line: string): [string, number] {
  const [id = '', pid = ''] = line.trim().split(/\s+/);
  return [id, Number(pid)];
}

const lastOf = (log: string): string => log.split('\n').slice(-60).join('\n');
const runtimeComplaints = (): string =>
  readFileSync(join(containerd.dir, 'containerd.log'), 'utf8')
    .split('\n')
    .filter((line) => /level=(error|warning)/.test(line))
    .join('\n');

/** What is wrong with the world now; nothing: it has settled. */
async function unsettled(chaos: Chaos): Promise<string | undefined> {
  const pods = await kubelet.pods();
  const names = pods.map(({ metadata }) => metadata.name?.replace(/-node1$/, '') ?? '').sort();
  const wanted = [...chaos.wanted.keys()].sort();
  if (names.join() !== wanted.join()) return `pods are ${names.join()}, wanted ${wanted.join()}`;
  const waiting = pods.filter((pod) => !isRunning(pod)).map(({ metadata }) => metadata.name);
  if (waiting.length > 0) return `${waiting.join()} do not run`;
  for (const pod of pods) {
    const name = pod.metadata.name?.replace(/-node1$/, '') ?? '';
    const marks = pod.spec.containers.map(({ env }) => env?.[0]?.value);
    if (marks.some((mark) => mark !== chaos.wanted.get(name)?.mark)) return `${name} is still the old one`;
  }
  const running = await tasks();
  const ids = [...containersOf(pods).values()].map(({ id }) => id);
  const dead = ids.filter((id) => !running.has(id));
  if (dead.length > 0) return `the status names ${dead.join()}, which containerd does not run`;
  const want = ids.length + pods.length; // a sandbox each
  return running.size === want ? undefined : `${running.size} tasks run, ${want} are wanted`;
}

async function settle(chaos: Chaos): Promise<void> {
  let why: string | undefined = 'nothing was looked at yet';
  await until('it settles', async () => (why = await unsettled(chaos).catch(String)) === undefined, SETTLES_WITHIN_MS).catch(() => {
    throw new Error(`It does not settle: ${why}\n${kubelet.log().split('\n').slice(-30).join('\n')}`);
  });
}

async function carryOut(act: Act, chaos: Chaos): Promise<void> {
  switch (act.kind) {
    case 'write':
      return kubelet.apply(act.file, act.text);
    case 'remove':
      return kubelet.remove(act.file);
    case 'killContainer':
    case 'killSandbox': {
      const pod = (await kubelet.pods().catch(() => [])).find(({ metadata }) => metadata.name === `${act.pod}-node1`);
      if (pod === undefined) return;
      const running = await answered(tasks);
      const ids = act.kind === 'killContainer' ? idsOf(pod).slice(0, 1) : await answered(() => sandboxesOf(act.pod));
      for (const id of ids) {
        const pid = running.get(id);
        if (pid === undefined || !killed(pid)) continue;
        chaos.cause(pod.metadata.uid ?? '', act.kind === 'killContainer' ? [pod.spec.containers[0]?.name ?? ''] : namesOf(pod));
      }
      return;
    }
    case 'killKubelet':
      await kubelet.kill('SIGKILL');
      return kubelet.start();
    case 'killContainerd': {
      const pods = await kubelet.pods().catch(() => []);
      await containerd.kill();
      const split = podsOfTwoShims(containerd);
      for (const pod of pods) if (split.has(pod.metadata.name ?? '')) chaos.cause(pod.metadata.uid ?? '', namesOf(pod));
      if (split.size > 0) told(`containerd has two shims for ${[...split].join()} and forgets the sandbox when it starts again`);
      return containerd.start();
    }
    default:
      return act satisfies never;
  }
}

let told: (what: string) => void = () => undefined;

/** A containerd that is killed at the same time is asked until it is back. */
async function answered<T>(ask: () => Promise<T>): Promise<T> {
  const answers: T[] = [];
  await until('containerd answers', async () =>
    ask().then(
      (answer) => answers.push(answer) > 0,
      () => false,
    ),
  );
  return answers[0]!;
}

/** False when it has ended by itself, or by another act. */
function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch (err) {
    if (codeOf(err) === 'ESRCH') return false;
    throw err;
  }
}

const namesOf = (pod: Pod): string[] => pod.spec.containers.map(({ name }) => name);
const idsOf = (pod: Pod): string[] =>
  (pod.status?.containerStatuses ?? []).map(({ containerID = '' }) => containerID.replace('containerd://', ''));
async function sandboxesOf(pod: string): Promise<string[]> {
  const filter = `labels."io.cri-containerd.kind"==sandbox,labels."io.kubernetes.pod.name"==${pod}-node1`;
  return (await containerd.ctr(['containers', 'list', '-q', filter])).split('\n').filter(Boolean);
}

/**
 * Restarted are those that had a cause, at least once and at most once for each; all others are the same containers as before.
 * A start that was broken off because a daemon was killed is one more.
 */
function check(
  chaos: Chaos,
  { before, now, kills }: { before: ReadonlyMap<string, Seen>; now: ReadonlyMap<string, Seen>; kills: number },
): void {
  for (const [key, { uid, id, restarts, brokenStart }] of now) {
    const was = before.get(key);
    const killed = chaos.causes(uid, key.split('/')[1] ?? '');
    const causes = killed + (brokenStart ? kills : 0);
    if (was === undefined || was.uid !== uid) {
      assert.ok(restarts <= causes, `${key} is new and was restarted ${restarts} times for ${causes} causes`);
    } else if (killed === 0) {
      assert.deepEqual({ id, restarts }, { id: was.id, restarts: was.restarts }, `${key} was restarted without a cause`);
    } else {
      const more = restarts - was.restarts;
      assert.ok(more >= 1 && more <= causes, `${key} was restarted ${more} times for ${causes} causes`);
      assert.notEqual(id, was.id);
    }
  }
}

interface Held {
  readonly files: number;
  readonly timers: number;
}

/** What the kubelet keeps open, and how many timers it has. */
async function heldByKubelet(): Promise<Held> {
  const files = readdirSync(`/proc/${kubelet.pid()}/fd`).length;
  const metrics = await new Promise<string>((resolve, reject) => {
    get({ socketPath: join(kubelet.rootDir, 'kubelet.sock'), path: '/metrics', agent: false }, (res) => resolve(text(res))).on(
      'error',
      reject,
    );
  });
  return { files, timers: Number(/^nodejs_active_resources\{type="Timeout"\} (\d+)$/m.exec(metrics)?.[1] ?? NaN) };
}

/** In every hierarchy. */
const belowCgroups = (): string[] =>
  ['', ...readdirSync('/sys/fs/cgroup')].flatMap((hierarchy) => {
    const root = join('/sys/fs/cgroup', hierarchy, containerd.cgroupRoot);
    if (!existsSync(root)) return [];
    return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => /(^|\/)pod[0-9a-f-]{32,}$/.test(name));
  });

test('chaos: what is wanted runs, nothing restarts without a cause, nothing is left', { skip }, async (t) => {
  told = (what) => t.diagnostic(what);
  const chaos = new Chaos(SEED);
  const endAtMs = performance.now() + MINUTES * 60_000;
  let seen: ReadonlyMap<string, Seen> = new Map();
  let rounds = 0;
  for (; MINUTES > 0 ? performance.now() < endAtMs : rounds < GATE_ROUNDS; rounds++) {
    const acts = chaos.round();
    const story = `seed ${SEED}, round ${rounds}: ${acts.map(({ about }) => about).join('; ')}`;
    try {
      for (const group of chaos.overlapping(acts)) await Promise.all(group.map((act) => carryOut(act, chaos)));
      await settle(chaos);
      const now = containersOf(await kubelet.pods());
      check(chaos, { before: seen, now, kills: acts.filter(({ kind }) => kind === 'killKubelet' || kind === 'killContainerd').length });
      seen = now;
      chaos.forgetCauses();
    } catch (err) {
      if (MINUTES > 0) process.stderr.write(`${story}: ${String(err)}\n`); // a long run says the rest much later
      throw new Error(`${story}\n${lastOf(kubelet.log())}\n${lastOf(runtimeComplaints())}`, { cause: err });
    }
  }
  t.diagnostic(`${rounds} rounds, ${chaos.done} acts: ${chaos.tally()}`);
  for (const kind of ['write', 'remove', 'killContainer', 'killSandbox', 'killKubelet', 'killContainerd'] as const)
    assert.ok(chaos.tally().includes(kind), `${kind} never happened`);

  await emptied(chaos);
  // What a runtime that was killed half-way through a sandbox has forgotten is nobody's to remove: told, not judged.
  const { shims, addresses, interfaces } = await ofTheRuntime();
  t.diagnostic(`left: ${shims} shims, ${addresses} addresses, ${interfaces} interfaces`);
});

/** Everything that was wanted is not wanted any more: waits until nothing of it is left, wherever a kubelet puts things. */
async function emptied(chaos: Chaos): Promise<void> {
  for (const file of readdirSync(kubelet.manifests)) kubelet.remove(file);
  chaos.wanted.clear();
  await settle(chaos);
  await until('no container is known', async () => (await containerd.ctr(['containers', 'list', '-q'])) === '');
  for (const [what, dir] of [
    ['directory of a pod', join(kubelet.rootDir, 'pods')],
    ['log of a pod', kubelet.podLogs],
    ['link to a log', join(kubelet.podLogs, '../containers')],
  ] as const)
    await until(`no ${what} is left`, () => !existsSync(dir) || readdirSync(dir).length === 0);
  await until('no cgroup of a pod is left', () => belowCgroups().length === 0);
  const mounts = (): string[] =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .filter((line) => line.includes(` ${containerd.dir}/`));
  await until('no mount is left', () => mounts().length === 0).catch(() => assert.deepEqual(mounts(), []));
}

/** What the runtime keeps for pods: processes, addresses, and the ends of network namespaces. */
async function ofTheRuntime(): Promise<{ shims: number; addresses: number; interfaces: number }> {
  const { stdout } = await execa('ip', ['-n', containerd.netns, '-o', 'link', 'show', 'type', 'veth']);
  return {
    shims: shimsOf(containerd.socket).length,
    addresses: readdirSync(join(containerd.dir, 'cni/ipam/test')).filter((name) => /^[\d.]+$/.test(name)).length,
    interfaces: stdout.split('\n').filter(Boolean).length,
  };
}

const rssKib = (pid: number): number => Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

test('a life without kills leaves nothing behind and no file open: twenty pods come and go', { skip }, async (t) => {
  const pod = new Chaos(SEED + 1);
  await emptied(pod); // when the story before was broken off
  const wave = async (): Promise<void> => {
    for (let i = 0; i < 10; i++) for (const act of pod.add(`wave-${i}`)) await carryOut(act, pod);
    await settle(pod);
    await emptied(pod);
  };
  await wave(); // what is opened once and kept, such as connections
  const left = await ofTheRuntime();
  const before = await heldByKubelet();
  if (MINUTES > 0) for (let i = 0; i < WARM_WAVES; i++) await wave();
  const rssBefore = rssKib(kubelet.pid());
  for (let i = 0; i < (MINUTES > 0 ? LONG_WAVES : 1); i++) await wave();
  await until('the runtime keeps no more than before', async () => isDeepStrictEqual(await ofTheRuntime(), left)).catch(async () =>
    assert.deepEqual(await ofTheRuntime(), left),
  );
  let held = before;
  const noMore = async (): Promise<boolean> => {
    held = await heldByKubelet();
    return held.files <= before.files && held.timers <= before.timers;
  };
  await until('the kubelet holds no more than before', noMore).catch(() => assert.deepEqual(held, before));
  const count = ({ files, timers }: Held): string => `${files} open files, ${timers} timers`;
  t.diagnostic(`${count(held)} (before ${count(before)}), RSS ${rssKib(kubelet.pid())} KiB (${rssBefore} before)`);
  if (MINUTES > 0) assert.ok(rssKib(kubelet.pid()) <= rssBefore * FLAT, `RSS ${rssKib(kubelet.pid())} KiB, it was ${rssBefore}`);
});
