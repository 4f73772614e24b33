import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { decide } from '../core/decide.ts';
import { refusalText } from '../core/message.ts';
import { podInfoOf } from '../core/podInfo.ts';
import { clusterOf, nodeOf, podOf } from '../core/testing.ts';
import { profilesOf } from '../config/profiles.ts';
import { SchedulingQueue } from '../queue/queue.ts';
import { Decisions } from './decisions.ts';
import { explainRoute } from './route.ts';

const clock = new ManualClock(Date.parse('2026-01-02T03:04:05Z'));
const [profile] = profilesOf({});
const cluster = clusterOf(
  [
    nodeOf('cordoned', { spec: { unschedulable: true } }),
    nodeOf('small', { allocatable: { cpu: '1' } }),
    nodeOf('tainted', { spec: { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] } }),
    nodeOf('nearly'),
  ],
  [podOf('other', { node: 'nearly', requests: { cpu: '2500m' } }), podOf('more', { node: 'tainted', requests: { cpu: '3500m' } })],
);
const queue = new SchedulingQueue({ gate: () => undefined, helps: () => false });
const decisions = new Decisions();
const route = explainRoute({ cluster, queue, profileOf: () => profile }, decisions);
const ask = async (name: string, output = 'text'): Promise<string> =>
  (await route(`/explain/scheduling/default/${name}`, new URLSearchParams({ output })))?.text ?? '';

function attempt(pod: Pod): void {
  const info = podInfoOf(pod);
  queue.set(pod, 0);
  queue.pop(0);
  const decision = decide(info, { profile: profile!, cluster, random: () => 0 });
  const message = decision.kind === 'fits' ? undefined : refusalText(decision);
  decisions.take({ pod: info, profile: profile!, decision, preemption: undefined, message, atMs: clock.nowMs() });
  if (decision.kind === 'fits') {
    cluster.assume(info, decision.node.name);
    queue.delete(info.key);
  } else queue.failed(info.key, decision.plugins, 0);
}

test('a pod that waits: all that stands in its way on each node, the smallest change first', async () => {
  attempt(podOf('big', { requests: { cpu: '2' } }));
  assert.equal(
    await ask('big'),
    `default/big waits (unschedulable, tried 1 times).
Last decision (default-scheduler, 2026-01-02T03:04:05.000Z): 0/4 nodes are available: 1 node(s) had untolerated taint {dedicated: db}, 1 node(s) were unschedulable, 2 Insufficient cpu.

What would have to change, the smallest change first:
  nearly  (2 of 3 plugins take it)
    - 500m of cpu have to become free (asks for 2, 1500m are free of 4)
  cordoned  (2 of 3 plugins take it)
    - make it schedulable: kubectl uncordon cordoned
  tainted  (1 of 3 plugins take it)
    - tolerate the taint dedicated=db:NoSchedule, or remove it: kubectl taint node tainted dedicated=db:NoSchedule-
    - 1500m of cpu have to become free (asks for 2, 500m are free of 4)
  small  (2 of 3 plugins take it)
    - 1 more cpu than the node has in all (asks for 2 of 1)
`,
  );
  const json = JSON.parse(await ask('big', 'json')) as {
    now: { nodes: { node: string; verdicts: { plugin: string; reasons: string[] }[] }[] };
  };
  assert.deepEqual(
    json.now.nodes[2]?.verdicts.filter((v) => v.reasons.length > 0).map((v) => v.plugin),
    ['TaintToleration', 'NodeResourcesFit'],
  );
});

test('a pod that was placed: scores of the nodes that passed, and who refused the others', async () => {
  attempt(podOf('tiny', { requests: { cpu: '100m' } }));
  const text = await ask('tiny');
  assert.match(text, /^default\/tiny is on \w+\.\nDecided by default-scheduler at 2026/);
  assert.match(text, /NODE +TOTAL +TaintToleration x3 +NodeResourcesFit +/);
  assert.match(text, /tainted +TaintToleration +node\(s\) had untolerated taint \{dedicated: db\}/);
});

test('what was decided about another pod of its name is not told, nor what extenders said about that one', async () => {
  const first = podOf('twice', { requests: { cpu: '9' } });
  const info = podInfoOf(first);
  const refused = new Map([
    [cluster.nodes[0]!, { plugin: 'Extender https://a', verdict: { reasons: ['the rack is full'], helpedByPreemption: false } }],
  ]);
  const decision = { kind: 'doesNotFit', refused, before: undefined, plugins: new Set(['Extender']), nodes: 4 } as const;
  queue.set(first, 0);
  decisions.take({ pod: info, profile: profile!, decision, preemption: undefined, message: 'no', atMs: clock.nowMs() });
  assert.match(await ask('twice'), /Extender https:\/\/a: the rack is full/);
  queue.delete(info.key);
  queue.set({ ...first, metadata: { ...first.metadata, uid: 'another' } }, 0);
  const text = await ask('twice');
  assert.doesNotMatch(text, /the rack is full|Last decision/);
  assert.match(text, /more cpu than the node has/);
  queue.delete(info.key);
});

test('nobody knows it; what is kept is bounded', async () => {
  assert.match(await ask('nobody'), /No pod default\/nobody is known here/);
  for (let i = 0; i < 300; i++) attempt(podOf(`p${i}`, { requests: { cpu: '9' } }));
  assert.equal(decisions.all().length, 256);
  assert.equal(decisions.of('default/p0'), undefined);
});
