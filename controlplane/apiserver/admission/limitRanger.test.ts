import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { refusalOf, TestRegistry, type TestRequest } from '../testing/registry.ts';
import { limitRanger } from './limitRanger.ts';

const bench = (...limits: object[]): TestRegistry =>
  new TestRegistry([['v1', 'limitranges', { metadata: { namespace: 'a', name: 'l' }, spec: { limits } }]]);
const container = (resources: object, name = 'c'): object => ({ name, image: 'i', resources });
const pod = (...containers: object[]): object => ({ metadata: { namespace: 'a', name: 'p' }, spec: { containers } });
const admit = (from: TestRegistry, request: TestRequest, plural = 'pods'): Promise<unknown> =>
  from.admit(limitRanger(from.parts), from.request('v1', plural, request));

test('what is not said is filled in, and noted', async () => {
  const from = bench({ type: 'Container', default: { cpu: '500m', memory: '64Mi' }, defaultRequest: { cpu: '100m' } });
  const made = (await admit(from, {
    object: pod(container({}), container({ limits: { cpu: '1' }, requests: { memory: '1Mi' } }, 'd')),
  })) as Pod;
  assert.deepEqual(
    made.spec.containers?.map((c) => c.resources),
    [
      { requests: { cpu: '100m', memory: '64Mi' }, limits: { cpu: '500m', memory: '64Mi' } },
      { requests: { memory: '1Mi', cpu: '1' }, limits: { cpu: '1', memory: '64Mi' } },
    ],
  );
  assert.equal(
    made.metadata.annotations?.['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c; memory limit for container d',
  );
});

test('other namespaces are left alone', async () => {
  const from = bench({ type: 'Container', default: { cpu: '1' } });
  const made = (await admit(from, { object: { ...pod(container({})), metadata: { namespace: 'b', name: 'p' } } })) as Pod;
  assert.equal(made.metadata.annotations, undefined);
});

const cpu = (request?: string, limit?: string): object =>
  container({
    ...(request === undefined ? {} : { requests: { cpu: request } }),
    ...(limit === undefined ? {} : { limits: { cpu: limit } }),
  });
const claim = (storage: string): object => ({ metadata: { namespace: 'a', name: 'd' }, spec: { resources: { requests: { storage } } } });

const ROWS: readonly (readonly [what: string, item: object, request: TestRequest, refusal: string, plural?: string])[] = [
  [
    'too small a request',
    { type: 'Container', min: { cpu: '100m' } },
    { object: pod(cpu('50m')) },
    'minimum cpu usage per Container is 100m, but request is 50m',
  ],
  [
    'no request',
    { type: 'Pod', min: { cpu: '100m' } },
    { object: pod(cpu()) },
    'minimum cpu usage per Pod is 100m.  No request is specified',
  ],
  ['enough', { type: 'Container', min: { cpu: '100m' }, max: { cpu: '1' } }, { object: pod(cpu('100m', '1')) }, ''],
  [
    'too large a limit',
    { type: 'Container', max: { cpu: '1' } },
    { object: pod(cpu('1', '2')) },
    'maximum cpu usage per Container is 1, but limit is 2',
  ],
  ['no limit', { type: 'Pod', max: { cpu: '1' } }, { object: pod(cpu('1')) }, 'maximum cpu usage per Pod is 1.  No limit is specified'],
  [
    'two faults',
    { type: 'Container', min: { cpu: '2' }, max: { cpu: '1' } },
    { object: pod(cpu('1', '3')) },
    '[minimum cpu usage per Container is 2, but request is 1, maximum cpu usage per Container is 1, but limit is 3]',
  ],
  [
    'a limit far above the request',
    { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
    { object: pod(cpu('1', '3')) },
    'cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
  ],
  [
    'a ratio without a limit',
    { type: 'Container', maxLimitRequestRatio: { cpu: '2' } },
    { object: pod(cpu('1')) },
    'cpu max limit to request ratio per Container is 2, but no limit is specified or limit is 0',
  ],
  [
    'a pod that is too large in all',
    { type: 'Pod', max: { cpu: '2' } },
    { object: pod(cpu('1', '1'), container({ limits: { cpu: '1500m' }, requests: { cpu: '1' } }, 'd')) },
    'maximum cpu usage per Pod is 2, but limit is 2500m',
  ],
  [
    'a resize beyond the limit',
    { type: 'Container', max: { cpu: '1' } },
    { subresource: 'resize', old: pod(cpu('1', '1')), object: pod(cpu('2', '2')) },
    'maximum cpu usage per Container is 1, but limit is 2',
  ],
  ['an update of something else', { type: 'Container', max: { cpu: '1' } }, { old: pod(cpu('2', '2')), object: pod(cpu('2', '2')) }, ''],
  [
    'a claim that is too small',
    { type: 'PersistentVolumeClaim', min: { storage: '1Gi' } },
    { object: claim('1Mi') },
    'minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi',
    'persistentvolumeclaims',
  ],
  [
    'a claim that grows too large',
    { type: 'PersistentVolumeClaim', max: { storage: '1Gi' } },
    { old: claim('1Gi'), object: claim('2Gi') },
    'maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi',
    'persistentvolumeclaims',
  ],
];
for (const [what, item, request, refusal, plural = 'pods'] of ROWS) {
  test(`${refusal === '' ? 'let in' : 'refused'}: ${what}`, async () => {
    const found = await refusalOf(admit(bench(item), request, plural));
    assert.equal(found, refusal === '' ? '' : `${plural} "${plural === 'pods' ? 'p' : 'd'}" is forbidden: ${refusal}`);
  });
}
