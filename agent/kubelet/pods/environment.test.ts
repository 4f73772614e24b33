import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ConfigMap, Secret } from '#api/kinds/core/config.ts';
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { environment, envRefs } from './environment.ts';

const OBJECTS = new Map<string, ConfigMap | Secret>([
  ['ConfigMap/ns/cm', { metadata: { name: 'cm' }, data: { A: 'a', 'b=c': 'bad', 'd.e': 'dots' } }],
  ['Secret/ns/s', { metadata: { name: 's' }, data: { PASSWORD: Buffer.from('hünter').toString('base64') } }],
]);
const facts = {
  nodeName: 'n',
  hostIps: ['192.0.2.1'],
  podIps: ['10.0.0.2', 'fd00::2'],
  allocatable: { cpu: '2000m', memory: '4294967296' },
  objects: OBJECTS,
};
const of = (c: Partial<Container>): { variables: Record<string, string>; skipped: readonly string[] } => {
  const container: Container = { name: 'c', ...c };
  const pod: Pod = { metadata: { name: 'p', namespace: 'ns', labels: { app: 'x' } }, spec: { containers: [container] } };
  const { variables, skipped } = environment(pod, container, facts);
  return { variables: Object.fromEntries(variables), skipped };
};
const resource = (resource: string, divisor?: string): Partial<Container> => ({
  resources: { limits: { cpu: '250m' }, requests: { memory: '100Mi', cpu: '1500m' } },
  env: [{ name: 'X', valueFrom: { resourceFieldRef: { resource, ...(divisor === undefined ? {} : { divisor }) } } }],
});

test('environment: all of a config map, with a prefix; names that cannot be are told', () => {
  assert.deepEqual(of({ envFrom: [{ prefix: 'P_', configMapRef: { name: 'cm' } }, { secretRef: { name: 's' } }] }), {
    variables: { P_A: 'a', 'P_d.e': 'dots', PASSWORD: 'hünter' },
    skipped: ['Keys [P_b=c] from the EnvFrom configMap ns/cm were skipped since they are considered invalid environment variable names.'],
  });
});

test('environment: env comes after envFrom, replaces it and may refer to it', () => {
  const { variables } = of({
    envFrom: [{ configMapRef: { name: 'cm' } }],
    env: [
      { name: 'B', value: '$(A)-$(PW)' },
      { name: 'PW', valueFrom: { secretKeyRef: { name: 's', key: 'PASSWORD' } } },
      { name: 'A', value: 'own' },
      { name: 'NONE', valueFrom: { configMapKeyRef: { name: 'cm', key: 'nope', optional: true } } },
      { name: 'NONE2', valueFrom: { configMapKeyRef: { name: 'nope', key: 'nope', optional: true } } },
    ],
  });
  assert.deepEqual(
    [variables['B'], variables['PW'], variables['A'], 'NONE' in variables, 'NONE2' in variables],
    ['a-$(PW)', 'hünter', 'own', false, false],
  );
});

for (const [name, c, message] of [
  ['a config map that is not there', { envFrom: [{ configMapRef: { name: 'x' } }] }, 'configmap "x" not found'],
  ['a secret that is not there', { env: [{ name: 'A', valueFrom: { secretKeyRef: { name: 'x', key: 'k' } } }] }, 'secret "x" not found'],
  [
    'a key that is not there',
    { env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cm', key: 'k' } } }] },
    "couldn't find key k in ConfigMap ns/cm",
  ],
] as const) {
  test(`environment: ${name}`, () => assert.throws(() => of(c), { message }));
}

for (const [name, c, want] of [
  ['a limit in cores is rounded up', resource('limits.cpu'), '1'],
  ['a limit in thousandths', resource('limits.cpu', '1m'), '250'],
  ['a request', resource('requests.cpu'), '2'],
  ['memory in bytes', resource('requests.memory'), String(100 << 20)],
  ['memory in Mi', resource('requests.memory', '1Mi'), '100'],
  ['memory in Gi, rounded up', resource('requests.memory', '1Gi'), '1'],
  ['no limit is what the node can allot', resource('limits.memory', '1Gi'), '4'],
  ['no request is nothing', resource('requests.ephemeral-storage'), '0'],
  ['a field', { env: [{ name: 'X', valueFrom: { fieldRef: { fieldPath: "metadata.labels['app']" } } }] }, 'x'],
  ['addresses', { env: [{ name: 'X', valueFrom: { fieldRef: { fieldPath: 'status.podIPs' } } }] }, '10.0.0.2,fd00::2'],
] as const) {
  test(`environment: ${name}`, () => assert.equal(of(c as Partial<Container>).variables['X'], want));
}

test('envRefs: what has to be fetched', () => {
  const c: Container = {
    name: 'c',
    envFrom: [{ secretRef: { name: 's' } }],
    env: [{ name: 'A', valueFrom: { configMapKeyRef: { name: 'cm', key: 'A' } } }],
  };
  assert.deepEqual(envRefs({ metadata: { namespace: 'ns' }, spec: { containers: [c] } }, c), [
    { kind: 'Secret', namespace: 'ns', name: 's' },
    { kind: 'ConfigMap', namespace: 'ns', name: 'cm' },
  ]);
});
