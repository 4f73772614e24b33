import assert from 'node:assert/strict';
import { test } from 'node:test';
import { amountOf, containersTotal, podTotal } from './podResources.ts';

const container = (cpu: string | undefined, restartPolicy?: 'Always'): { name: string; resources: object; restartPolicy?: 'Always' } => ({
  name: 'x',
  resources: cpu === undefined ? {} : { requests: { cpu } },
  ...(restartPolicy !== undefined && { restartPolicy }),
});

const ROWS: [what: string, init: ReturnType<typeof container>[], main: ReturnType<typeof container>[], cpu: string | undefined][] = [
  ['containers add up', [], [container('100m'), container('1')], '1100m'],
  ['init containers run alone: the largest counts', [container('2'), container('1')], [container('500m')], '2'],
  ['init containers that are smaller cost nothing', [container('100m')], [container('500m')], '500m'],
  ['sidecars run beside the others', [container('200m', 'Always')], [container('500m')], '700m'],
  ['an init container runs beside the sidecars before it', [container('200m', 'Always'), container('1')], [container('500m')], '1200m'],
  ['but not beside those after it', [container('1'), container('200m', 'Always')], [container('500m')], '1'],
  ['sidecars alone', [container('1', 'Always'), container('1', 'Always')], [container(undefined)], '2'],
  ['nothing asked for', [], [container(undefined)], undefined],
];

for (const [what, initContainers, containers, cpu] of ROWS) {
  test(`containersTotal: ${what}`, () => assert.equal(containersTotal({ initContainers, containers }, 'requests')['cpu'], cpu));
}

test('podTotal: what the pod says counts, and the overhead on top', () => {
  const spec = { containers: [container('1')], resources: { requests: { cpu: '3' } }, overhead: { cpu: '250m', memory: '10Mi' } };
  assert.deepEqual(podTotal(spec, 'requests'), { cpu: '3250m', memory: '10Mi' });
  assert.deepEqual(podTotal(spec, 'limits'), {});
});

test('amountOf: names of the language mean nothing special', () => {
  assert.equal(amountOf({}, '__proto__'), undefined);
  assert.equal(amountOf(undefined, 'cpu'), undefined);
  assert.equal(amountOf({ cpu: '1' }, 'cpu'), '1');
});
