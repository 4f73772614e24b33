/** Priority, DefaultTolerationSeconds, AlwaysPullImages and RuntimeClass: what they set, and what they say when they refuse. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { refusalOf, TestRegistry, type Put } from '../testing/registry.ts';
import type { AdmissionPlugin } from './chain.ts';
import { alwaysPullImages, defaultTolerationSeconds, priority, runtimeClass } from './pods.ts';

const priorityClass = (name: string, value: number, more: object = {}): Put => [
  'scheduling.k8s.io/v1',
  'priorityclasses',
  { metadata: { name }, value, ...more },
];
const runtime = (name: string, more: object = {}): Put => [
  'node.k8s.io/v1',
  'runtimeclasses',
  { metadata: { name }, handler: 'h', ...more },
];
const podOf = (spec: object): object => ({
  metadata: { namespace: 'a', name: 'p' },
  spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
});

async function admitted(bench: TestRegistry, plugin: AdmissionPlugin, spec: object, old?: object): Promise<Pod['spec']> {
  const request = bench.request('v1', 'pods', { object: podOf(spec), ...(old === undefined ? {} : { old: podOf(old) }) });
  return ((await bench.admit(plugin, request)) as unknown as Pod).spec;
}
const refused = (bench: TestRegistry, plugin: AdmissionPlugin, spec: object): Promise<string> => refusalOf(admitted(bench, plugin, spec));

const classes = new TestRegistry([
  priorityClass('high', 1_000, { preemptionPolicy: 'Never' }),
  priorityClass('preset', 10, { globalDefault: true }),
  priorityClass('preset-too', 20, { globalDefault: true }),
]);

test('a pod gets the priority of its class', async () => {
  const { priority: value, preemptionPolicy } = await admitted(classes, priority(classes.parts), { priorityClassName: 'high' });
  assert.deepEqual([value, preemptionPolicy], [1_000, 'Never']);
});

test('without a class, it gets the least important of the defaults', async () => {
  const spec = await admitted(classes, priority(classes.parts), {});
  assert.deepEqual([spec.priorityClassName, spec.priority, spec.preemptionPolicy], ['preset', 10, 'PreemptLowerPriority']);
});

test('without any class at all, priority 0', async () => {
  const none = new TestRegistry();
  const spec = await admitted(none, priority(none.parts), {});
  assert.deepEqual([spec.priorityClassName, spec.priority, spec.preemptionPolicy], [undefined, 0, 'PreemptLowerPriority']);
});

test('an update without priority keeps it', async () => {
  const spec = await admitted(classes, priority(classes.parts), {}, { priority: 7, preemptionPolicy: 'Never' });
  assert.deepEqual([spec.priority, spec.preemptionPolicy], [7, 'Never']);
});

const PRIORITY_REFUSALS: readonly (readonly [what: string, spec: object, message: string])[] = [
  ['a class that is not there', { priorityClassName: 'nope' }, 'pods "p" is forbidden: no PriorityClass with name nope was found'],
  [
    'a number of its own',
    { priority: 5, priorityClassName: 'high' },
    'pods "p" is forbidden: the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 1000 from the given PriorityClass name',
  ],
  [
    'a policy of its own',
    { preemptionPolicy: 'Never' },
    'pods "p" is forbidden: the string value of PreemptionPolicy (Never) must not be provided in pod spec; priority admission controller computed PreemptLowerPriority from the given PriorityClass name',
  ],
];
for (const [what, spec, message] of PRIORITY_REFUSALS) {
  test(`Priority refuses ${what}`, async () => assert.equal(await refused(classes, priority(classes.parts), spec), message));
}

test('only one class is the default', async () => {
  const ask = (name: string): Promise<string> => {
    const object = { metadata: { name }, value: 1, globalDefault: true };
    return refusalOf(classes.admit(priority(classes.parts), classes.request('scheduling.k8s.io/v1', 'priorityclasses', { object })));
  };
  assert.equal(
    await ask('second'),
    'priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass preset is already marked as default. Only one default can exist',
  );
  assert.equal(await ask('preset'), '');
});

test('troubles of the node are tolerated for five minutes, unless the pod says otherwise', async () => {
  const bench = new TestRegistry();
  const keys = async (tolerations: object[]): Promise<unknown> =>
    ((await admitted(bench, defaultTolerationSeconds(), { tolerations })).tolerations ?? []).map((t) => [t.key, t.tolerationSeconds]);
  const [notReady, unreachable] = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
  assert.deepEqual(await keys([]), [
    [notReady, 300],
    [unreachable, 300],
  ]);
  assert.deepEqual(await keys([{ key: notReady, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }]), [
    [notReady, 5],
    [unreachable, 300],
  ]);
  assert.deepEqual(await keys([{ operator: 'Exists' }]), [[undefined, undefined]]);
  assert.deepEqual(await keys([{ key: notReady, operator: 'Exists', effect: 'NoSchedule' }]), [
    [notReady, undefined],
    [notReady, 300],
    [unreachable, 300],
  ]);
});

test('AlwaysPullImages asks for every image each time', async () => {
  const spec = await admitted(new TestRegistry(), alwaysPullImages(), {
    containers: [{ name: 'c', image: 'i:1', imagePullPolicy: 'Never' }],
    initContainers: [{ name: 'i', image: 'i:1', imagePullPolicy: 'IfNotPresent' }],
    volumes: [{ name: 'v', image: { reference: 'i', pullPolicy: 'Never' } }],
  });
  assert.deepEqual(
    [spec.containers?.[0]?.imagePullPolicy, spec.initContainers?.[0]?.imagePullPolicy, spec.volumes?.[0]?.image?.pullPolicy],
    ['Always', 'Always', 'Always'],
  );
});

const runtimes = new TestRegistry([
  runtime('kata', {
    overhead: { podFixed: { cpu: '250m' } },
    scheduling: { nodeSelector: { kata: 'yes' }, tolerations: [{ key: 'kata', operator: 'Exists' }] },
  }),
  runtime('plain'),
]);

test('a runtime class adds its overhead and where it runs', async () => {
  const toleration = { key: 'kata', operator: 'Exists' };
  const spec = await admitted(runtimes, runtimeClass(runtimes.parts), { runtimeClassName: 'kata', tolerations: [toleration] });
  assert.deepEqual([spec.overhead, spec.nodeSelector, spec.tolerations], [{ cpu: '250m' }, { kata: 'yes' }, [toleration]]);
});

const RUNTIME_REFUSALS: readonly (readonly [what: string, spec: object, message: string])[] = [
  ['a class that is not there', { runtimeClassName: 'nope' }, 'pod rejected: RuntimeClass "nope" not found'],
  [
    'overhead without a class',
    { overhead: { cpu: '1' } },
    'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
  ],
  [
    'another overhead',
    { runtimeClassName: 'kata', overhead: { cpu: '1' } },
    "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
  ],
  [
    'a node that the class does not run on',
    { runtimeClassName: 'kata', nodeSelector: { kata: 'no' } },
    'pod rejected: conflict: runtimeClass.scheduling.nodeSelector[kata] = yes; pod.spec.nodeSelector[kata] = no',
  ],
];
for (const [what, spec, message] of RUNTIME_REFUSALS) {
  test(`RuntimeClass refuses ${what}`, async () =>
    assert.equal(await refused(runtimes, runtimeClass(runtimes.parts), spec), `pods "p" is forbidden: ${message}`));
}
