import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide, type Profile } from '../core/decide.ts';
import { refusalText } from '../core/message.ts';
import { podInfoOf } from '../core/podInfo.ts';
import { clusterOf, nodeOf, podOf } from '../core/testing.ts';
import { loadConfig } from './load.ts';
import { profilesOf } from './profiles.ts';

const HEAD = 'apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n';
const load = (text: string) => loadConfig('c.yaml', Buffer.from(HEAD + text));
const profiles = (text: string) => profilesOf(load(text));

for (const [what, text, want] of [
  ['an unknown field', 'parallelizm: 3', /c\.yaml:3:1: parallelizm: .*did you mean parallelism/s],
  ['a wrong type', 'parallelism: lots', /c\.yaml:3:\d+: parallelism/],
  [
    'an extender without a weight',
    'extenders: [{urlPrefix: "http://x", prioritizeVerb: p}]',
    /weight: .*must have a positive weight applied to it/,
  ],
  [
    'two that bind',
    'extenders: [{urlPrefix: "http://x", bindVerb: b}, {urlPrefix: "http://y", bindVerb: b}]',
    /only one extender can implement bind, got 2/,
  ],
  ['an extender nowhere', 'extenders: [{urlPrefix: "x"}]', /urlPrefix: .*want a URL that begins with http/],
  ['TLS over plain HTTP', 'extenders: [{urlPrefix: "http://x", enableHTTPS: true}]', /are about https:/],
  [
    'a resource of two',
    'extenders: [{urlPrefix: "http://x", managedResources: [{name: a.b/c}, {name: a.b/c}, {name: cpu}]}]',
    /duplicate extender managed resource name.*want the name of an extended resource/s,
  ],
  ['protobuf', 'clientConnection: {contentType: application/vnd.kubernetes.protobuf}', /the server is asked for JSON/],
  ['back-off the wrong way round', 'podInitialBackoffSeconds: 20', /want at least podInitialBackoffSeconds \(20\), got 10/],
  ['two profiles of one name', 'profiles: [{schedulerName: a}, {schedulerName: a}]', /two profiles have this name/],
  [
    'arguments of a plugin',
    'profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: Best}}}]}]',
    /profiles\[0\]\.pluginConfig\[0\]\.args\.scoringStrategy\.type/,
  ],
  ['a plugin that is not there', 'profiles: [{plugins: {multiPoint: {enabled: [{name: Nope}]}}}]', /there is no plugin Nope/],
  [
    'one that upstream has',
    'profiles: [{plugins: {multiPoint: {enabled: [{name: DynamicResources}]}}}]',
    /there is no plugin DynamicResources here/,
  ],
  ['permit', 'profiles: [{plugins: {permit: {enabled: [{name: NodeName}]}}}]', /plugins\.permit: plugins have no such part/],
  ['half of a plugin', 'profiles: [{plugins: {preFilter: {disabled: [{name: NodePorts}]}}}]', /take it out of both/],
  [
    'a shape that goes down',
    'profiles: [{pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: [{utilization: 5, score: 1}, {utilization: 5, score: 2}]}}}}]}]',
    /points of growing utilization/,
  ],
  [
    'scores by the capacity of volumes',
    'profiles: [{pluginConfig: [{name: VolumeBinding, args: {shape: [{utilization: 0, score: 0}, {utilization: 100, score: 10}]}}]}]',
    /args\.shape: .*not scored by the capacity of their volumes/,
  ],
  ['another version', undefined, /apiVersion: .*want kubescheduler\.config\.k8s\.io\/v1/],
] as [string, string | undefined, RegExp][])
  test(`refused: ${what}`, () => {
    const act = () =>
      text === undefined ? loadConfig('c.yaml', Buffer.from('apiVersion: v9\nkind: KubeSchedulerConfiguration')) : profiles(text);
    assert.throws(act, (err: Error & { code?: string }) => err.code === 'CONFIG_INVALID' && want.test(err.message));
  });

test('without a word: upstream’s plugins, order and weights', () => {
  const [profile] = profiles('');
  assert.deepEqual(
    profile?.filters.map((p) => p.name).filter((name) => !/Volume/.test(name)),
    [
      'NodeUnschedulable',
      'NodeName',
      'TaintToleration',
      'NodeAffinity',
      'NodePorts',
      'NodeResourcesFit',
      'PodTopologySpread',
      'InterPodAffinity',
    ],
  );
  assert.deepEqual(
    Object.fromEntries(
      (profile?.scores ?? []).filter(({ plugin }) => !/Volume/.test(plugin.name)).map(({ plugin, weight }) => [plugin.name, weight]),
    ),
    {
      TaintToleration: 3,
      NodeAffinity: 2,
      NodeResourcesFit: 1,
      PodTopologySpread: 2,
      InterPodAffinity: 2,
      NodeResourcesBalancedAllocation: 1,
      ImageLocality: 1,
    },
  );
  assert.deepEqual([profile?.schedulerName, profile?.preemption], ['default-scheduler', {}]);
});

test('profiles of their own: others, taken out, weighed and ordered', () => {
  const [packed, plain, bare] = profiles(`
profiles:
- schedulerName: packed
  percentageOfNodesToScore: 70
  plugins:
    score: {disabled: [{name: '*'}], enabled: [{name: NodeResourcesFit, weight: 5}]}
    filter: {disabled: [{name: TaintToleration}]}
    preFilter: {disabled: [{name: TaintToleration}]}
  pluginConfig:
  - name: NodeResourcesFit
    args: {scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: 1}]}}
  - name: DefaultPreemption
    args: {minCandidateNodesPercentage: 20}
- schedulerName: plain
- schedulerName: bare
  plugins: {multiPoint: {disabled: [{name: '*'}], enabled: [{name: NodeName}]}, postFilter: {disabled: [{name: DefaultPreemption}]}}
`);
  assert.deepEqual(
    packed?.scores.map(({ plugin, weight }) => `${plugin.name} ${weight}`),
    ['NodeResourcesFit 5'],
  );
  assert.ok(packed?.filters.every((p) => p.name !== 'TaintToleration'));
  assert.deepEqual([packed?.percentageOfNodesToScore, packed?.preemption], [70, { minCandidateNodesPercentage: 20 }]);
  assert.equal(plain?.scores.length, profiles('')[0]?.scores.length);
  assert.deepEqual([bare?.plugins.map((p) => p.name), bare?.preemption], [['NodeName'], undefined]);
  const cluster = clusterOf([nodeOf('a'), nodeOf('b')], [podOf('o', { node: 'a', requests: { cpu: '2' } })]);
  const at = (profile: Profile | undefined) => {
    const d = decide(podInfoOf(podOf('p', { requests: { cpu: '1' } })), { profile: profile!, cluster, random: () => 0 });
    return d.kind === 'fits' ? d.node.name : refusalText(d);
  };
  assert.deepEqual([at(packed), at(plain)], ['a', 'b']);
});

for (const [what, args, want] of [
  ['least', '{type: LeastAllocated}', 'b'],
  ['most', '{type: MostAllocated}', 'a'],
  [
    'a shape that likes them half full',
    '{type: RequestedToCapacityRatio, resources: [{name: cpu}], requestedToCapacityRatio: {shape: [{utilization: 0, score: 0}, {utilization: 75, score: 10}, {utilization: 100, score: 0}]}}',
    'a',
  ],
] as const)
  test(`scoring strategies: ${what}`, () => {
    const [profile] = profiles(
      `profiles: [{plugins: {score: {disabled: [{name: '*'}], enabled: [{name: NodeResourcesFit}]}}, pluginConfig: [{name: NodeResourcesFit, args: {scoringStrategy: ${args}}}]}]`,
    );
    const cluster = clusterOf([nodeOf('a'), nodeOf('b')], [podOf('o', { node: 'a', requests: { cpu: '2' } })]);
    const d = decide(podInfoOf(podOf('p', { requests: { cpu: '1' } })), { profile: profile!, cluster, random: () => 0 });
    assert.equal(d.kind === 'fits' ? d.node.name : '', want);
  });

test('spreading and nearness that the profile adds to each pod', () => {
  const [spread, near] = profiles(`
profiles:
- schedulerName: spread
  pluginConfig:
  - name: PodTopologySpread
    args: {defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: DoNotSchedule}]}
- schedulerName: near
  plugins: {score: {disabled: [{name: '*'}], enabled: [{name: InterPodAffinity}]}}
  pluginConfig: [{name: InterPodAffinity, args: {hardPodAffinityWeight: 100}}]
`);
  const metadata = { ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'r', uid: 'r', controller: true }] };
  const labels = { app: 'web' };
  const at = (profile: Profile | undefined, cluster: ReturnType<typeof clusterOf>): string => {
    const d = decide(podInfoOf(podOf('p', { labels, metadata: { ...metadata } })), { profile: profile!, cluster, random: () => 0.99 });
    return d.kind === 'fits' ? `${d.node.name} of ${d.feasible.length}` : refusalText(d);
  };
  const two = [nodeOf('a'), nodeOf('b')];
  assert.equal(at(spread, clusterOf(two, [podOf('o', { node: 'a', labels, metadata })])), 'b of 1');
  // Who is there wants such pods near it, and has its wish.
  const podAffinity = {
    requiredDuringSchedulingIgnoredDuringExecution: [{ labelSelector: { matchLabels: labels }, topologyKey: 'kubernetes.io/hostname' }],
  };
  assert.equal(at(near, clusterOf(two, [podOf('o', { node: 'a', spec: { affinity: { podAffinity } } })])), 'a of 2');
});

test('affinity that the profile adds to each pod', () => {
  const [profile] = profiles(`
profiles:
- pluginConfig:
  - name: NodeAffinity
    args: {addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: pool, operator: Exists}]}]}}}`);
  const d = decide(podInfoOf(podOf('p')), { profile: profile!, cluster: clusterOf([nodeOf('a')]), random: () => 0 });
  assert.equal(
    d.kind === 'fits' ? '' : refusalText(d),
    "0/1 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity.",
  );
});
