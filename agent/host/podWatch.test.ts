import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import type { HostNode } from './hostNode.ts';
import { KubeletClient } from './kubeletClient.ts';
import { LogTail, warningsOf } from './logTail.ts';
import type { Target } from './nodeRules.ts';
import { PodWatch } from './podWatch.ts';
import type { Progress } from './progress.ts';

let directory: string;
let kubelet: Server | undefined;
/** What the kubelet answers, by path. */
let answers: Record<string, unknown>;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kijabi-watch-'));
  answers = { '/pods': { items: [] }, '/manifests': { refusals: [] } };
});
afterEach(() => {
  kubelet?.close();
  kubelet?.closeAllConnections();
  kubelet = undefined;
  rmSync(directory, { recursive: true });
});

const socket = (): string => join(directory, 'k.sock');

function serve(): Promise<void> {
  kubelet = createServer((req, res) => {
    const answer = answers[req.url ?? ''];
    res.writeHead(answer === undefined ? 404 : 200).end(typeof answer === 'string' ? answer : JSON.stringify(answer ?? {}));
  });
  return new Promise((resolve) => void kubelet?.listen(socket(), resolve));
}

function pod(name: string, ip: string | undefined, ready: 'True' | 'False', restartCount = 0): object {
  return {
    metadata: { name, namespace: 'default', uid: `uid-${name}` },
    spec: { containers: [{ name: 'c', ports: [{ containerPort: 80 }] }] },
    status: {
      phase: ip === undefined ? 'Pending' : 'Running',
      podIP: ip,
      conditions: [{ type: 'Ready', status: ready }],
      containerStatuses: [{ name: 'c', ready: ready === 'True', restartCount, state: ip === undefined ? {} : { running: {} } }],
    },
  };
}

interface Watching {
  readonly watch: PodWatch;
  readonly clock: ManualClock;
  readonly forwarded: (Target | undefined)[];
  readonly reports: Progress[];
}

function watching(): Watching {
  const forwarded: (Target | undefined)[] = [];
  const reports: Progress[] = [];
  const clock = new ManualClock();
  const paths = { logs: { kubelet: join(directory, 'kubelet.log') }, cniResultsDir: join(directory, 'cni') };
  const node = { paths, forwardTo: (target: Target | undefined) => Promise.resolve(void forwarded.push(target)) } as unknown as HostNode;
  const watch = new PodWatch({ node, kubelet: new KubeletClient(socket()), clock, report: (progress) => reports.push(progress) });
  return { watch, clock, forwarded, reports };
}

/** Lets time pass until done says so. */
async function pass(clock: ManualClock, done: () => boolean): Promise<void> {
  while (!done()) {
    await clock.advance(40);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('untilSettled: waits for a pod and its readiness, shows its steps, and leads the port to it', async () => {
  await serve();
  const { watch, clock, forwarded, reports } = watching();
  answers['/timeline/default/web'] = { steps: [{ step: 'sandbox', startedAtMs: 1, tookMs: 80 }] };
  let refusalsSeen = 0;
  let settled = false;
  const waiting = watch.untilSettled(new AbortController().signal, () => void refusalsSeen++).then(() => (settled = true));
  await pass(clock, () => refusalsSeen > 0);
  answers['/pods'] = { items: [pod('web', undefined, 'False')] };
  await pass(clock, () => reports.some(({ kind }) => kind === 'pods'));
  answers['/pods'] = { items: [pod('web', '10.244.0.2', 'False')] };
  await pass(clock, () => forwarded.length > 0);
  assert.ok(!settled);
  answers['/pods'] = { items: [pod('web', '10.244.0.2', 'True')] };
  await pass(clock, () => settled);
  await waiting;
  assert.deepEqual(forwarded, [{ pod: 'default/web', address: '10.244.0.2', port: 80 }]);
  const last = reports.findLast(({ kind }) => kind === 'pods');
  assert.deepEqual(last?.kind === 'pods' ? last.views[0]?.steps : undefined, [{ step: 'sandbox', startedAtMs: 1, tookMs: 80 }]);
});

test('untilSettled: the first by name gets the port, whichever started first', async () => {
  await serve();
  const { watch, clock, forwarded } = watching();
  answers['/timeline/default/a'] = answers['/timeline/default/b'] = { steps: [] };
  answers['/pods'] = { items: [pod('a', undefined, 'False'), pod('b', '10.244.0.2', 'True')] };
  let settled = false;
  const waiting = watch.untilSettled(new AbortController().signal, () => undefined).then(() => (settled = true));
  await pass(clock, () => forwarded.length === 1);
  answers['/pods'] = { items: [pod('a', '10.244.0.3', 'True'), pod('b', '10.244.0.2', 'True')] };
  await pass(clock, () => settled);
  await waiting;
  assert.deepEqual(
    forwarded.map((target) => target?.address),
    ['10.244.0.2', '10.244.0.3'],
  );
});

test('untilSettled: what refusals make the caller throw is thrown', async () => {
  await serve();
  answers['/manifests'] = { refusals: [{ file: 'web.yaml', problem: { message: 'no' } }] };
  const { watch } = watching();
  const waiting = watch.untilSettled(new AbortController().signal, (refusals) => {
    if (refusals.length > 0) throw new Error(`refused ${refusals[0]?.file}`);
  });
  await assert.rejects(waiting, /refused web\.yaml/);
});

test('follow: a line per change, the port follows a pod made anew, and a silent kubelet changes nothing', async () => {
  await serve();
  const { watch, clock, forwarded, reports } = watching();
  answers['/timeline/default/web'] = { steps: [] };
  answers['/pods'] = { items: [pod('web', '10.244.0.2', 'True')] };
  await watch.untilSettled(new AbortController().signal, () => undefined);
  const stop = new AbortController();
  const following = watch.follow(stop.signal);
  const changes = (): string[] => reports.flatMap((progress) => (progress.kind === 'change' ? [progress.text] : []));
  answers['/pods'] = { items: [pod('web', '10.244.0.3', 'True')] };
  await pass(clock, () => forwarded.length === 2);
  answers['/pods'] = { items: [pod('web', '10.244.0.3', 'True', 1)] };
  await pass(clock, () => changes().length === 2);
  answers['/pods'] = 'no JSON';
  await clock.advance(1_000);
  answers['/pods'] = { items: [] };
  await pass(clock, () => changes().length === 3);
  stop.abort();
  await clock.advance(1_000);
  await following;
  assert.deepEqual(changes(), ['Running, 1/1 ready, 10.244.0.3', 'Running, 1/1 ready, restarts 1, 10.244.0.3', 'gone']);
  assert.deepEqual(
    forwarded.map((target) => target?.address),
    ['10.244.0.2', '10.244.0.3', undefined],
  );
});

test('KubeletClient: nobody there, an error, no JSON', async () => {
  const client = new KubeletClient(socket());
  const { signal } = new AbortController();
  await assert.rejects(client.pods(signal), { code: 'KUBELET_UNREACHABLE' });
  await serve();
  answers['/pods'] = 'hello';
  await assert.rejects(client.pods(signal), { code: 'KUBELET_ANSWER', message: /no JSON/ });
  answers['/pods'] = { items: 5 };
  await assert.rejects(client.pods(signal), { code: 'KUBELET_ANSWER', message: /no list/ });
  await assert.rejects(client.timeline('a', 'b', signal), { code: 'KUBELET_ANSWER', message: /404/ });
  assert.equal(await client.healthy(signal), false);
  await assert.rejects(client.pods(AbortSignal.abort(new Error('enough'))), /enough/);
});

test('warningsOf: warnings, errors and what a crash prints; not what is only told', () => {
  assert.deepEqual(
    warningsOf(['<6>Kubelet is ready', '<4>Pod is waiting pod=a', '<3>Refused manifest', 'node:internal/x', '', '<7>Detail']),
    ['Pod is waiting pod=a', 'Refused manifest', 'node:internal/x'],
  );
});

test('LogTail: each line once, a half one when it is whole, and again after the file was begun anew', () => {
  const path = join(directory, 'log');
  const tail = new LogTail(path);
  assert.deepEqual(tail.warnings(), []);
  writeFileSync(path, '<4>one\n<4>tw');
  assert.deepEqual(tail.warnings(), ['one']);
  writeFileSync(path, 'o\n', { flag: 'a' });
  assert.deepEqual(tail.warnings(), ['two']);
  assert.deepEqual(tail.warnings(), []);
  writeFileSync(path, '<4>x\n');
  assert.deepEqual(tail.warnings(), ['x']);
});
