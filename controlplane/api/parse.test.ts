import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { podKind } from './definitions/pod.ts';
import { serviceKind } from './definitions/service.ts';
import { parseAs, parseObject, type ParseObjectOptions } from './parse.ts';
import { formatProblem } from './problem.ts';
import { defineKind, Scheme, splitApiVersion } from './scheme.ts';
import { arbitraryOf } from './test/arbitrary.ts';
import { allDefinitions } from './test/kinds.ts';

const scheme = new Scheme([podKind, serviceKind]);
const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default' },
  spec: { containers: [{ name: 'a', image: 'x' }] },
};

function told(value: unknown, options: Partial<ParseObjectOptions> = {}): readonly string[] {
  const parsed = parseObject(value, { scheme, ...options });
  return parsed.kind === 'object' ? [] : parsed.problems.map(formatProblem);
}

const ROWS: [what: string, value: unknown, problems: string[]][] = [
  ['no object', 5, ['want an object with apiVersion and kind']],
  ['nothing', null, ['want an object with apiVersion and kind']],
  ['a list', [], ['want an object with apiVersion and kind']],
  ['no kind', {}, ['apiVersion: Required value', 'kind: Required value']],
  ['a kind that is no text', { apiVersion: 1, kind: {} }, ['apiVersion: want a string, got 1', 'kind: want a string, got {}']],
  ['a misspelt kind', { apiVersion: 'v1', kind: 'Pdo' }, ['kind: no kind "Pdo" is registered for version "v1", did you mean kind Pod?']],
  [
    'a plural',
    { apiVersion: 'v1', kind: 'services' },
    ['kind: no kind "services" is registered for version "v1", did you mean kind Service?'],
  ],
  [
    'a wrong version',
    { apiVersion: 'v2', kind: 'Pod' },
    ['kind: no kind "Pod" is registered for version "v2", did you mean apiVersion v1?'],
  ],
  ['nothing like it', { apiVersion: 'v1', kind: 'Helicopter' }, ['kind: no kind "Helicopter" is registered for version "v1"']],
  ['a pod', POD, []],
];

for (const [what, value, problems] of ROWS) test(`parseObject: ${what}`, () => assert.deepEqual(told(value), problems));

test('parseObject: a missing field and a broken rule are told together, each once', () => {
  const spec = {
    containers: [{ image: 'x', ports: [{ containerPort: 0 }] }, {}],
    volumes: [{ name: 'v', hostPath: {} }],
    restartPolicy: 'X',
  };
  assert.deepEqual(told({ ...POD, spec }), [
    'spec.containers[0].name: Required value',
    'spec.containers[1].name: Required value',
    'spec.volumes[0].hostPath.path: Required value',
    'spec.restartPolicy: Unsupported value: "X": supported values: "Always", "Never", "OnFailure"',
    'spec.containers[0].ports[0].containerPort: Required value',
    'spec.containers[1].image: Required value',
  ]);
});

test('parseObject: rules do not run over values of the wrong type', () => {
  assert.deepEqual(told({ ...POD, spec: { containers: 'x', hostname: 'A_B' } }), ['spec.containers: Invalid value: "x": want a list']);
});

test('parseObject: unknown fields are refused, told as warnings, or dropped', () => {
  const value = { ...POD, spec: { ...POD.spec, contaners: [] } };
  assert.deepEqual(told(value), ['spec.contaners: unknown field, did you mean containers?']);
  const warned = parseObject(value, { scheme, unknownFields: 'warn' });
  assert.ok(warned.kind === 'object');
  assert.deepEqual(warned.warnings.map(formatProblem), ['spec.contaners: unknown field, did you mean containers?']);
  assert.ok(!('contaners' in (warned.object as unknown as { spec: object }).spec));
  const dropped = parseObject(value, { scheme, unknownFields: 'drop' });
  assert.ok(dropped.kind === 'object' && dropped.warnings.length === 0);
});

test('parseAs: prepare runs on the defaulted object before the rules', () => {
  const { namespace: _gone, ...metadata } = POD.metadata;
  const parsed = parseAs(
    podKind,
    { ...POD, metadata },
    { prepare: (pod) => void (pod.metadata.namespace = pod.spec.dnsPolicy === 'ClusterFirst' ? 'made' : 'x') },
  );
  assert.ok(parsed.kind === 'object');
  assert.equal(parsed.object.metadata.namespace, 'made');
});

test('parseAs: structure alone leaves the rules out', () => {
  assert.equal(parseAs(podKind, { ...POD, metadata: { name: '!' } }, { check: 'structure' }).kind, 'object');
  assert.equal(parseAs(podKind, { ...POD, metadata: { name: 5 } }, { check: 'structure' }).kind, 'problems');
});

test('parseObject: leaves the value as it is', () => {
  const value = structuredClone(POD);
  told(value);
  assert.deepEqual(value, POD);
});

test('scheme: kinds join and leave at run time; two kinds cannot share a name', () => {
  const own = new Scheme();
  const crontab = defineKind({
    apiVersion: 'example.com/v1',
    kind: 'CronTab',
    schema: podKind.schema,
    plural: 'crontabs',
    namespaced: true,
    shortNames: ['ct'],
  });
  own.register(crontab);
  own.register(crontab);
  assert.equal(own.find('example.com/v1', 'CronTab')?.singular, 'crontab');
  assert.equal(own.findResource('example.com/v1', 'crontabs')?.kind, 'CronTab');
  assert.throws(() => own.register(defineKind({ ...crontab, kind: 'Other' })), { code: 'KIND_TAKEN' });
  assert.match(
    told({ apiVersion: 'v1', kind: 'ct' }, { scheme: own })[0] ?? '',
    /did you mean kind CronTab with apiVersion example.com\/v1\?$/,
  );
  own.unregister(crontab);
  assert.equal(own.find('example.com/v1', 'CronTab'), undefined);
  assert.deepEqual(splitApiVersion('apps/v1'), { group: 'apps', version: 'v1' });
  assert.deepEqual(splitApiVersion('v1'), { group: '', version: 'v1' });
});

test('property: whatever the value, parseObject answers', async () => {
  const all = new Scheme(await allDefinitions());
  const kinds = fc.constantFrom(...all.all());
  fc.assert(fc.property(fc.anything(), (value) => void parseObject(value, { scheme: all })));
  fc.assert(
    fc.property(kinds, fc.jsonValue(), fc.jsonValue(), ({ apiVersion, kind }, spec, metadata) => {
      parseObject({ apiVersion, kind, spec, metadata, status: spec }, { scheme: all });
    }),
  );
  for (const definition of all.all()) {
    fc.assert(
      fc.property(arbitraryOf(definition.schema, { depth: 5 }), (value) => void parseAs(definition, value)),
      { numRuns: 30 },
    );
  }
});
