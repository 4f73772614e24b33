import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { chooseTarget, isSettled, podKey, sameTarget, troubleOf } from './target.ts';

interface Given {
  readonly name: string;
  readonly phase?: string;
  readonly ip?: string;
  readonly ports?: readonly { containerPort: number; protocol?: string }[];
  readonly deleting?: true;
}

function pod({ name, phase = 'Running', ip = '10.244.0.2', ports = [{ containerPort: 80 }], deleting }: Given): Pod {
  return {
    metadata: { name, namespace: 'default', ...(deleting === undefined ? {} : { deletionTimestamp: '2026-01-01T00:00:00Z' }) },
    spec: { containers: [{ name: 'c', ports }] },
    status: { phase, podIP: ip },
  } as unknown as Pod;
}

const web = (over: Partial<Given> = {}): Pod => pod({ name: 'web', ...over });
const rows: [why: string, pods: Pod[], before: string | undefined, chosen: string | undefined][] = [
  ['no pods', [], undefined, undefined],
  ['the first by name', [pod({ name: 'b' }), pod({ name: 'a' })], undefined, 'default/a'],
  ['the one from before stays', [pod({ name: 'a' }), pod({ name: 'b' })], 'default/b', 'default/b'],
  ['the one from before is gone: the next', [pod({ name: 'a' })], 'default/b', 'default/a'],
  ['one that does not run yet has no port', [web({ phase: 'Pending' })], undefined, undefined],
  ['one that is going is not chosen', [web({ deleting: true }), pod({ name: 'x' })], 'default/web', 'default/x'],
  ['UDP is nothing for a browser', [web({ ports: [{ containerPort: 53, protocol: 'UDP' }] })], undefined, undefined],
  ['no ports at all', [web({ ports: [] })], undefined, undefined],
];
for (const [why, pods, before, chosen] of rows) {
  test(`chooseTarget: ${why}`, () => {
    const previous = before === undefined ? undefined : { pod: before, address: '10.244.0.9', port: 1 };
    assert.equal(chooseTarget(pods, previous)?.pod, chosen);
  });
}

test('chooseTarget: a pod made anew has a new address, and the port goes there', () => {
  const before = chooseTarget([web({ ip: '10.244.0.2' })], undefined);
  const after = chooseTarget([web({ ip: '10.244.0.7', ports: [{ containerPort: 53, protocol: 'UDP' }, { containerPort: 8080 }] })], before);
  assert.deepEqual(after, { pod: 'default/web', address: '10.244.0.7', port: 8080 });
  assert.ok(!sameTarget(before, after));
  assert.ok(sameTarget(undefined, undefined));
  assert.ok(!sameTarget(before, undefined));
});

const ready = (value: string): object => ({ phase: 'Running', conditions: [{ type: 'Ready', status: value }] });
const settled: [why: string, status: object | undefined, restartPolicy: string, expected: boolean][] = [
  ['ready', ready('True'), 'Always', true],
  ['not ready', ready('False'), 'Always', false],
  ['nothing known yet', undefined, 'Always', false],
  ['a job that is done', { phase: 'Succeeded' }, 'Never', true],
  ['a job that failed for good', { phase: 'Failed' }, 'Never', true],
  ['a pod refused by the node may still come', { phase: 'Failed' }, 'Always', false],
];
for (const [why, status, restartPolicy, expected] of settled) {
  test(`isSettled: ${why}`, () => {
    assert.equal(isSettled({ metadata: {}, spec: { containers: [], restartPolicy }, status } as unknown as Pod), expected);
  });
}

const withStates = (...states: object[]): Pod =>
  ({
    metadata: {},
    spec: { containers: [] },
    status: { containerStatuses: states.map((state, i) => ({ name: `c${i}`, state })) },
  }) as unknown as Pod;
const troubles: [why: string, pod: Pod, text: string | undefined][] = [
  ['nothing wrong', withStates({ running: {} }), undefined],
  ['being created is no trouble', withStates({ waiting: { reason: 'ContainerCreating' } }), undefined],
  [
    'the first that has one',
    withStates({ running: {} }, { waiting: { reason: 'ErrImagePull', message: 'no such image' } }),
    'c1: ErrImagePull: no such image',
  ],
  ['ended badly', withStates({ terminated: { exitCode: 1, reason: 'Error' } }), 'c0: Error'],
  ['the whole pod', { ...web(), status: { reason: 'Evicted' } }, 'Evicted'],
];
for (const [why, given, text] of troubles) test(`troubleOf: ${why}`, () => assert.equal(troubleOf(given), text));

test('podKey: namespace and name', () => assert.equal(podKey(web()), 'default/web'));
