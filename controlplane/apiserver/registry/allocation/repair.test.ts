import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '#api/kinds/core/service.ts';
import type { Write } from '../../storage/store.ts';
import { nameOf, planRepair, type Held } from './repair.ts';

const service = (name: string, spec: object): Service => ({ metadata: { name, namespace: 'default' }, spec });
const remove = (key: string): Write => ({ kind: 'delete', key, ifRevision: 1 });
const take = (key: string, of: Service): Write => ({ kind: 'create', key, value: Buffer.from(nameOf(of)) });
const held = (key: string, owner: string): Held => ({ key, owner, remove: remove(key) });

function plan(services: readonly Service[], addresses: readonly Held[] = [], ports: readonly Held[] = []): readonly string[] {
  const { writes, clashes } = planRepair({ services, addresses, ports, takeAddress: take, takePort: take });
  return [
    ...writes.map((write) => `${write.kind} ${write.key}${write.kind === 'create' ? ` for ${write.value.toString()}` : ''}`),
    ...clashes.map((clash) => `clash ${clash}`),
  ];
}

const A = service('a', { clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', 'fd00::1'] });
const NODE = service('n', {
  clusterIP: 'None',
  ports: [
    { port: 53, protocol: 'TCP', nodePort: 30_001 },
    { port: 53, protocol: 'UDP', nodePort: 30_001 },
  ],
  healthCheckNodePort: 30_002,
});

const ROWS: readonly (readonly [what: string, found: readonly string[], wanted: readonly string[]])[] = [
  ['nothing to do', plan([A], [held('10.0.0.1', 'default/a'), held('fd00::1', 'default/a')]), []],
  ['a record that is missing is made', plan([A], [held('10.0.0.1', 'default/a')]), ['create fd00::1 for default/a']],
  ['a record that nobody needs goes', plan([], [held('10.0.0.9', 'default/gone')]), ['delete 10.0.0.9']],
  [
    'headless services have no address, and one port for two protocols is one',
    plan([NODE]),
    ['create 30001 for default/n', 'create 30002 for default/n'],
  ],
  ['ports too', plan([], [], [held('30001', 'default/gone')]), ['delete 30001']],
  ['an old service of one address only', plan([service('o', { clusterIP: '10.0.0.5' })]), ['create 10.0.0.5 for default/o']],
  ['a service of another kind', plan([service('e', { type: 'ExternalName', clusterIPs: ['10.0.0.5'] })]), []],
  [
    'two services with one address are told of, and one record stands for it',
    plan([A, service('b', { clusterIPs: ['10.0.0.1'] })], [held('fd00::1', 'default/a')]),
    ['create 10.0.0.1 for default/a', 'clash 10.0.0.1: default/a, default/b'],
  ],
  [
    'a record of somebody who does not have it',
    plan([service('b', { clusterIPs: ['10.0.0.1'] })], [held('10.0.0.1', 'default/gone')]),
    ['clash 10.0.0.1: default/b, default/gone'],
  ],
];

for (const [what, found, wanted] of ROWS) test(what, () => assert.deepEqual(found, wanted));
