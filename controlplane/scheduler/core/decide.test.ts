import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { defaultProfile } from '../plugins/profile.ts';
import { best, decide, enoughNodes, type Decision } from './decide.ts';
import { refusalText } from './message.ts';
import { podInfoOf } from './podInfo.ts';
import { clusterOf, nodeOf, podOf, type PodWish } from './testing.ts';

const profile = defaultProfile();
const GPU = 'example.com/gpu';
const HOST = 'kubernetes.io/hostname';
const ZONE = 'topology.kubernetes.io/zone';
const look = (pod: Pod, nodes: readonly Node[], pods: readonly Pod[] = []): Decision =>
  decide(podInfoOf(pod), { profile, cluster: clusterOf(nodes, pods), random: () => 0 });
const told = (d: Decision): string =>
  d.kind === 'fits'
    ? `fits ${d.feasible
        .map((n) => n.name)
        .toSorted()
        .join()}`
    : refusalText(d);

const requiredNode = (...matchExpressions: object[]) => ({
  affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] } } },
});
const term = (app: string, topologyKey: string, more: object = {}) => ({ labelSelector: { matchLabels: { app } }, topologyKey, ...more });
const near = (...terms: object[]) => ({ affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } });
const away = (...terms: object[]) => ({ affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: terms } } });
const spread = (topologyKey: string, more: object = {}) => ({
  topologySpreadConstraints: [
    { maxSkew: 1, topologyKey, whenUnsatisfiable: 'DoNotSchedule', labelSelector: { matchLabels: { app: 'web' } }, ...more },
  ],
});
const port = (hostPort: number, hostIP?: string) => ({ containers: [{ name: 'c', ports: [{ containerPort: 80, hostPort, hostIP }] }] });
const web = { app: 'web' };
const zoned = [
  nodeOf('a', { labels: { [ZONE]: 'x' } }),
  nodeOf('b', { labels: { [ZONE]: 'x' } }),
  nodeOf('c', { labels: { [ZONE]: 'y' } }),
];
const two = [nodeOf('a'), nodeOf('b')];

type Row = readonly [name: string, wish: object, nodes: readonly Node[], pods: readonly Pod[], want: string];
const ROWS: readonly Row[] = [
  ['there are no nodes', {}, [], [], 'no nodes available to schedule pods'],
  ['it asks for nothing', {}, two, [], 'fits a,b'],
  ['cpu', { requests: { cpu: '3' } }, two, [podOf('o', { node: 'a', requests: { cpu: '1500m' } })], 'fits b'],
  [
    'several resources at once, told in order',
    { requests: { cpu: '5', memory: '9Gi', [GPU]: '1' } },
    two,
    [],
    '0/2 nodes are available: 2 Insufficient cpu, 2 Insufficient example.com/gpu, 2 Insufficient memory.',
  ],
  [
    'exactly what is left',
    { requests: { cpu: '2500m' } },
    [nodeOf('a')],
    [podOf('o', { node: 'a', requests: { cpu: '1500m' } })],
    'fits a',
  ],
  [
    'too many pods',
    {},
    [nodeOf('a', { allocatable: { pods: '1' } })],
    [podOf('o', { node: 'a' })],
    '0/1 nodes are available: 1 Too many pods.',
  ],
  ['extended resources', { requests: { [GPU]: '1' } }, [nodeOf('a'), nodeOf('b', { allocatable: { [GPU]: '1' } })], [], 'fits b'],
  [
    'the largest init container counts, and a sidecar with both',
    {
      spec: {
        initContainers: [
          { name: 's', restartPolicy: 'Always', resources: { requests: { cpu: '1' } } },
          { name: 'i', resources: { requests: { cpu: '3500m' } } },
        ],
      },
    },
    [nodeOf('a')],
    [],
    '0/1 nodes are available: 1 Insufficient cpu.',
  ],
  [
    'overhead',
    { requests: { cpu: '4' }, spec: { overhead: { cpu: '1m' } } },
    [nodeOf('a')],
    [],
    '0/1 nodes are available: 1 Insufficient cpu.',
  ],
  [
    'resources of the whole pod win over those of its containers',
    { requests: { cpu: '1' }, spec: { resources: { requests: { cpu: '5' } } } },
    [nodeOf('a')],
    [],
    '0/1 nodes are available: 1 Insufficient cpu.',
  ],
  ['node selector', { spec: { nodeSelector: { [HOST]: 'b' } } }, two, [], 'fits b'],
  [
    'node affinity, and a cordoned node',
    { spec: requiredNode({ key: 'disk', operator: 'In', values: ['ssd'] }) },
    [nodeOf('a'), nodeOf('b', { spec: { unschedulable: true }, labels: { disk: 'ssd' } })],
    [],
    "0/2 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable.",
  ],
  [
    'taints, and one that has no room',
    { requests: { cpu: '5' } },
    [
      nodeOf('a', { spec: { taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] } }),
      nodeOf('b'),
      nodeOf('c', { spec: { taints: [{ key: 'gone', effect: 'NoExecute' }] } }),
    ],
    [],
    '0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {dedicated: db}, 1 node(s) had untolerated taint {gone: }.',
  ],
  [
    'tolerated taints',
    { spec: { tolerations: [{ key: 'dedicated', operator: 'Exists' }] } },
    [nodeOf('a', { spec: { taints: [{ key: 'dedicated', effect: 'NoSchedule' }] } })],
    [],
    'fits a',
  ],
  [
    'a cordoned node whose taint is tolerated',
    { spec: { tolerations: [{ operator: 'Exists' }] } },
    [nodeOf('a', { spec: { unschedulable: true } })],
    [],
    'fits a',
  ],
  ['a port that is taken', { spec: port(80) }, two, [podOf('o', { node: 'a', spec: port(80) })], 'fits b'],
  [
    'the same port of other addresses',
    { spec: port(80, '10.0.0.1') },
    [nodeOf('a')],
    [podOf('o', { node: 'a', spec: port(80, '10.0.0.2') })],
    'fits a',
  ],
  [
    'the same port of all addresses',
    { spec: port(80, '10.0.0.1') },
    [nodeOf('a')],
    [podOf('o', { node: 'a', spec: port(80) })],
    "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
  ],
  [
    'names of nodes in fields: the others are not even looked at',
    {
      spec: {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: {
              nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['gone'] }] }],
            },
          },
        },
      },
    },
    two,
    [],
    "0/2 nodes are available: node(s) didn't satisfy plugin(s) [NodeAffinity].",
  ],
  ['near another', { spec: near(term('db', ZONE)) }, zoned, [podOf('o', { node: 'a', labels: { app: 'db' } })], 'fits a,b'],
  ['near nobody', { spec: near(term('db', ZONE)) }, zoned, [], "0/3 nodes are available: 3 node(s) didn't match pod affinity rules."],
  ['the first of those that want to be together', { labels: web, spec: near(term('web', ZONE)) }, zoned, [], 'fits a,b,c'],
  ['away from another', { spec: away(term('db', ZONE)) }, zoned, [podOf('o', { node: 'a', labels: { app: 'db' } })], 'fits c'],
  [
    'away from one in another namespace does not count',
    { spec: away(term('db', ZONE)) },
    zoned,
    [podOf('o', { node: 'a', namespace: 'other', labels: { app: 'db' } })],
    'fits a,b,c',
  ],
  [
    'away from one in a named namespace',
    { spec: away(term('db', ZONE, { namespaces: ['other'] })) },
    zoned,
    [podOf('o', { node: 'a', namespace: 'other', labels: { app: 'db' } })],
    'fits c',
  ],
  [
    'one that is there wants nobody near it',
    { labels: web },
    zoned,
    [podOf('o', { node: 'a', spec: away(term('web', ZONE)) }), podOf('p', { node: 'c', spec: away(term('web', HOST)) })],
    "0/3 nodes are available: 3 node(s) didn't satisfy existing pods anti-affinity rules.",
  ],
  ['spread over zones', { labels: web, spec: spread(ZONE) }, zoned, [podOf('o', { node: 'a', labels: web })], 'fits c'],
  [
    'spread, terminating pods do not count',
    { labels: web, spec: spread(ZONE) },
    zoned,
    [podOf('o', { node: 'a', labels: web, metadata: { deletionTimestamp: '2026-01-01T00:00:00Z' } })],
    'fits a,b,c',
  ],
  [
    'spread, nodes without the label',
    { labels: web, spec: spread(ZONE) },
    two,
    [],
    "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints (missing required label).",
  ],
  [
    'spread over at least three domains',
    { labels: web, spec: spread(ZONE, { minDomains: 3 }) },
    zoned,
    [podOf('o', { node: 'a', labels: web })],
    'fits c',
  ],
  [
    'spread over at least three domains, where there are two and each has one',
    { labels: web, spec: spread(ZONE, { minDomains: 3 }) },
    zoned,
    [podOf('o', { node: 'a', labels: web }), podOf('p', { node: 'c', labels: web })],
    "0/3 nodes are available: 3 node(s) didn't match pod topology spread constraints.",
  ],
  [
    'spread: a domain that the pod may not use does not hold the others back',
    { labels: web, spec: { ...spread(ZONE), nodeSelector: { [ZONE]: 'x' } } },
    zoned,
    [podOf('o', { node: 'a', labels: web })],
    'fits a,b',
  ],
  [
    'spread: unless its policy says that it counts',
    { labels: web, spec: { ...spread(ZONE, { nodeAffinityPolicy: 'Ignore' }), nodeSelector: { [ZONE]: 'x' } } },
    zoned,
    [podOf('o', { node: 'a', labels: web })],
    "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 2 node(s) didn't match pod topology spread constraints.",
  ],
  [
    'spread: tainted nodes count, unless the policy honours taints',
    { labels: web, spec: spread(HOST, { nodeTaintsPolicy: 'Honor' }) },
    [nodeOf('a'), nodeOf('b', { spec: { taints: [{ key: 't', effect: 'NoSchedule' }] } })],
    [podOf('o', { node: 'a', labels: web })],
    'fits a',
  ],
  [
    'spread: only pods of the same version',
    { labels: { ...web, v: '2' }, spec: spread(ZONE, { matchLabelKeys: ['v'] }) },
    zoned,
    [podOf('o', { node: 'a', labels: { ...web, v: '1' } })],
    'fits a,b,c',
  ],
];
const numbered = [nodeOf('a', { labels: { disk: 'ssd', cores: '8' } }), nodeOf('b', { labels: { disk: 'hdd', cores: '16' } }), nodeOf('c')];
for (const [operator, key, values, want] of [
  ['In', 'disk', ['ssd', 'tape'], 'a'],
  ['NotIn', 'disk', ['ssd'], 'b,c'],
  ['Exists', 'disk', undefined, 'a,b'],
  ['DoesNotExist', 'disk', undefined, 'c'],
  ['Gt', 'cores', ['8'], 'b'],
  ['Lt', 'cores', ['16'], 'a'],
] as const)
  test(`decide: node affinity with ${operator}`, () =>
    assert.equal(
      told(look(podOf('p', { spec: requiredNode({ key, operator, ...(values === undefined ? {} : { values }) }) }), numbered)),
      `fits ${want}`,
    ));

for (const [what, toleration, want] of [
  ['its value', { key: 't', operator: 'Equal', value: 'v' }, 'fits a'],
  ['another value', { key: 't', value: 'w' }, undefined],
  ['its key', { key: 't', operator: 'Exists' }, 'fits a'],
  ['its key and effect', { key: 't', operator: 'Exists', effect: 'NoSchedule' }, 'fits a'],
  ['its key and another effect', { key: 't', operator: 'Exists', effect: 'NoExecute' }, undefined],
  ['everything', { operator: 'Exists' }, 'fits a'],
  ['all of an effect', { operator: 'Exists', effect: 'NoSchedule' }, 'fits a'],
] as const)
  test(`decide: a taint, and a pod that tolerates ${what}`, () => {
    const tainted = nodeOf('a', { spec: { taints: [{ key: 't', value: 'v', effect: 'NoSchedule' }] } });
    const refused = '0/1 nodes are available: 1 node(s) had untolerated taint {t: v}.';
    assert.equal(told(look(podOf('p', { spec: { tolerations: [toleration] } }), [tainted])), want ?? refused);
  });

test('decide: namespaces by their labels, and pods of the same or of another version', () => {
  const cluster = clusterOf(zoned, [
    podOf('o', { node: 'a', namespace: 'team', labels: { app: 'db', v: '1' } }),
    podOf('q', { node: 'c', namespace: 'rest', labels: { app: 'db', v: '2' } }),
  ]);
  cluster.setNamespace('team', { metadata: { name: 'team', labels: { kind: 'ours' } }, spec: {} });
  cluster.setNamespace('rest', { metadata: { name: 'rest' }, spec: {} });
  const at = (spec: object, labels: Readonly<Record<string, string>> = {}): string =>
    told(decide(podInfoOf(podOf('p', { spec, labels })), { profile, cluster, random: () => 0 }));
  const all = { namespaceSelector: {} };
  assert.equal(at(near(term('db', ZONE, { namespaceSelector: { matchLabels: { kind: 'ours' } } }))), 'fits a,b');
  assert.equal(at(away(term('db', ZONE, { namespaceSelector: { matchLabels: { kind: 'ours' } } }))), 'fits c');
  assert.equal(at(near(term('db', ZONE, { ...all, matchLabelKeys: ['v'] })), { v: '2' }), 'fits c');
  assert.equal(at(away(term('db', ZONE, { ...all, mismatchLabelKeys: ['v'] })), { v: '2' }), 'fits c');
});

for (const [name, wish, nodes, pods, want] of ROWS)
  test(`decide: ${name}`, () => assert.equal(told(look(podOf('p', wish as PodWish), nodes, pods)), want));

const chosen = (pod: Pod, nodes: readonly Node[], pods: readonly Pod[] = []): string => {
  const d = look(pod, nodes, pods);
  return d.kind === 'fits' ? d.node.name : told(d);
};
const owned = { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'r', controller: true }] };

for (const [name, pod, nodes, pods, want] of [
  ['the emptier node', podOf('p', { requests: { cpu: '1' } }), two, [podOf('o', { node: 'a', requests: { cpu: '2' } })], 'b'],
  ['pods that ask for nothing count as well', podOf('p'), two, [podOf('o', { node: 'a' })], 'b'],
  ['the node with the image', podOf('p'), [nodeOf('a'), nodeOf('b', { images: [{ names: ['app:1'], sizeBytes: 900_000_000 }] })], [], 'b'],
  [
    'no taint that would rather not have it',
    podOf('p'),
    [nodeOf('a', { spec: { taints: [{ key: 't', effect: 'PreferNoSchedule' }] } }), nodeOf('b')],
    [],
    'b',
  ],
  [
    'preferred labels',
    podOf('p', {
      spec: {
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              { weight: 1, preference: { matchExpressions: [{ key: 'disk', operator: 'Exists' }] } },
            ],
          },
        },
      },
    }),
    [nodeOf('a'), nodeOf('b', { labels: { disk: 'ssd' } })],
    [],
    'b',
  ],
  [
    'near pods it likes',
    podOf('p', {
      spec: {
        affinity: {
          podAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term('db', HOST) }] },
        },
      },
    }),
    two,
    [podOf('o', { node: 'b', labels: { app: 'db' } })],
    'b',
  ],
  [
    'not near pods that would rather be alone',
    podOf('p', { labels: web }),
    two,
    [
      podOf('o', {
        node: 'a',
        spec: {
          affinity: {
            podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: term('web', HOST) }] },
          },
        },
      }),
      podOf('q', { node: 'b' }),
    ],
    'b',
  ],
  [
    'pods of one controller are spread without being asked to',
    podOf('p', { labels: web, metadata: owned }),
    zoned,
    [podOf('o', { node: 'a', labels: web }), podOf('q', { node: 'c' }), podOf('r', { node: 'b' })],
    'c',
  ],
  [
    'softly spread',
    podOf('p', { labels: web, spec: spread(ZONE, { whenUnsatisfiable: 'ScheduleAnyway' }) }),
    zoned,
    [podOf('o', { node: 'a', labels: web }), podOf('q', { node: 'c' }), podOf('r', { node: 'b' })],
    'c',
  ],
] as [string, Pod, Node[], Pod[], string][])
  test(`choose: ${name}`, () => assert.equal(chosen(pod, nodes, pods), want));

test('a pod that others are to make room for keeps its place from those that are less important', () => {
  const cluster = clusterOf([nodeOf('a')]);
  cluster.nominate(podInfoOf(podOf('vip', { requests: { cpu: '3' }, priority: 10 })), 'a');
  const at = (priority: number): string =>
    told(decide(podInfoOf(podOf('p', { requests: { cpu: '2' }, priority })), { profile, cluster, random: () => 0 }));
  assert.equal(at(5), '0/1 nodes are available: 1 Insufficient cpu.');
  assert.equal(at(11), 'fits a');
  assert.equal(cluster.node('a')?.requested.cpuMilli, 0, 'and nothing is left behind');
});

test('how many nodes are looked at', () => {
  assert.deepEqual(
    [50, 99, 100, 1_000, 5_000, 6_250].map((n) => enoughNodes(n)),
    [50, 99, 100, 420, 500, 312],
  );
  assert.deepEqual([enoughNodes(6_000, 0), enoughNodes(1_000, 5), enoughNodes(1_000, 100)], [300, 100, 1_000]);
});

test('of equals each is taken as often', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((n) => clusterOf([nodeOf(n)]).nodes[0]!);
  const counts = new Map<string, number>();
  let seed = 1;
  const random = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (let i = 0; i < 4_000; i++) {
    const { name } = best(nodes, new Float64Array([5, 7, 7, 7]), random);
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  assert.deepEqual([...counts.keys()].toSorted(), ['b', 'c', 'd']);
  for (const count of counts.values()) assert.ok(Math.abs(count - 1_333) < 200, `${count}`);
});

const rarely = fc.integer({ min: 0, max: 4 }).map((n) => n === 0);
const zoneName = fc.constantFrom('x', 'y', 'z');
const nodeArb = fc.record({
  cpu: fc.integer({ min: 1, max: 6 }),
  pods: fc.integer({ min: 1, max: 5 }),
  zone: zoneName,
  taint: rarely,
  cordoned: rarely,
});
const podArb = fc.record({
  cpu: fc.integer({ min: 0, max: 3 }),
  app: fc.constantFrom('web', 'db'),
  avoid: fc.option(fc.record({ app: fc.constantFrom('web', 'db'), key: fc.constantFrom(ZONE, HOST) }), { nil: undefined, freq: 2 }),
  tolerates: fc.boolean(),
  spread: fc.boolean(),
  at: fc.nat(4),
});
type NodeGiven = typeof nodeArb extends fc.Arbitrary<infer T> ? T : never;
type PodGiven = typeof podArb extends fc.Arbitrary<infer T> ? T : never;
const makeNode = (n: NodeGiven, i: number): Node =>
  nodeOf(`n${i}`, {
    labels: { [ZONE]: n.zone },
    allocatable: { cpu: String(n.cpu), pods: String(n.pods) },
    spec: { unschedulable: n.cordoned, taints: n.taint ? [{ key: 't', effect: 'NoSchedule' }] : [] },
  });
const makePod = (p: PodGiven, name: string, node?: string): Pod =>
  podOf(name, {
    requests: p.cpu === 0 ? {} : { cpu: String(p.cpu) },
    labels: { app: p.app },
    ...(node === undefined ? {} : { node }),
    spec: {
      ...(p.tolerates ? { tolerations: [{ key: 't', operator: 'Exists' }] } : {}),
      ...(p.avoid === undefined ? {} : away(term(p.avoid.app, p.avoid.key))),
      ...(p.spread ? spread(ZONE) : {}),
    },
  });

/** The rules once more, as plainly as they can be said, with no index and no sum that is kept. */
function mayGo(p: PodGiven, i: number, nodes: readonly NodeGiven[], others: readonly PodGiven[]): boolean {
  const node = nodes[i]!;
  const there = (j: number) => others.filter((o) => o.at === j);
  const sameTopology = (key: string, j: number): boolean => (key === HOST ? i === j : nodes[j]!.zone === node.zone);
  const clash = others.some((o) => {
    if (o.at >= nodes.length) return false;
    const mine = p.avoid?.app === o.app && sameTopology(p.avoid.key, o.at);
    const theirs = o.avoid?.app === p.app && sameTopology(o.avoid.key, o.at);
    return mine || theirs;
  });
  const inZone = (zone: string): number =>
    others.filter((o) => o.at < nodes.length && o.app === 'web' && nodes[o.at]!.zone === zone).length;
  const zones = [...new Set(nodes.map((n) => n.zone))];
  const skew = inZone(node.zone) + (p.app === 'web' ? 1 : 0) - Math.min(...zones.map(inZone));
  return (
    !node.cordoned &&
    (!node.taint || p.tolerates) &&
    there(i).length < node.pods &&
    (p.cpu === 0 || there(i).reduce((sum, o) => sum + o.cpu, 0) + p.cpu <= node.cpu) &&
    !clash &&
    (!p.spread || skew <= 1)
  );
}

test('property: which nodes pass is what the plain rules say, in whatever order nodes and pods came', () => {
  let passed = 0;
  let refused = 0;
  fc.assert(
    fc.property(
      fc.array(nodeArb, { minLength: 1, maxLength: 5 }),
      fc.array(podArb, { maxLength: 8 }),
      podArb,
      fc.infiniteStream(fc.nat()),
      (nodes, others, pod, chance) => {
        const all = nodes.map(makeNode);
        const pods = others.filter((o) => o.at < nodes.length).map((o, i) => makePod(o, `o${i}`, `n${o.at}`));
        const want = nodes.flatMap((_, i) => (mayGo(pod, i, nodes, others) ? [`n${i}`] : []));
        const shuffled = <T>(list: readonly T[]): T[] =>
          list
            .map((x) => [chance.next().value, x] as const)
            .toSorted((a, b) => a[0] - b[0])
            .map(([, x]) => x);
        for (const cluster of [clusterOf(all, pods), clusterOf(shuffled(all), shuffled(pods))]) {
          const d = decide(podInfoOf(makePod(pod, 'p')), { profile, cluster, random: () => 0.5 });
          assert.deepEqual(d.kind === 'fits' ? d.feasible.map((n) => n.name).toSorted() : [], want);
          for (const { scores } of d.kind === 'fits' ? d.scores : [])
            for (const score of scores) assert.ok(score >= 0 && score <= 100 && Number.isInteger(score));
        }
        passed += want.length;
        refused += nodes.length - want.length;
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(passed > 100 && refused > 100, `both happened (${passed}, ${refused})`);
});

test('property: pod after pod, no node is ever over-committed', () => {
  fc.assert(
    fc.property(fc.array(nodeArb, { minLength: 1, maxLength: 5 }), fc.array(podArb, { maxLength: 30 }), (nodes, pods) => {
      const cluster = clusterOf(nodes.map(makeNode));
      for (const [i, given] of pods.entries()) {
        const info = podInfoOf(makePod(given, `p${i}`));
        const d: Decision = decide(info, { profile, cluster, random: () => 0 });
        if (d.kind === 'fits') cluster.assume(info, d.node.name);
        // Now and then one goes again.
        if (given.at === 4) cluster.removePod(`default/p${i >> 1}`);
      }
      for (const node of cluster.nodes) {
        const sum = [...node.pods.values()].reduce((total, p) => total + p.requests.cpuMilli, 0);
        assert.ok(node.pods.size <= node.podLimit && sum === node.requested.cpuMilli);
        assert.ok(sum <= node.allocatable.cpuMilli);
      }
    }),
    { numRuns: 100 },
  );
});
