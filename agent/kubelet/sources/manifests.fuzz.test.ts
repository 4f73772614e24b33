/** Broken manifests by the thousand: none crashes the reader, every refusal says where and why. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { objectMutation, spoil, spoilText, textMutation, validPod } from '../test/podArbitrary.ts';
import type { FileReading } from './fileSet.ts';
import { readManifest } from './manifests.ts';

const RUNS = 1_000;
const context = { nodeName: 'node1', file: '/m/x.yaml', seenAt: new Date(0) };
const read = (bytes: Uint8Array): FileReading => readManifest(bytes, context);
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const format = fc.constantFrom('yaml', 'flow', 'json', 'spaced json', 'quoted');
const CODES = ['MANIFEST_INVALID', 'MANIFEST_UNSUPPORTED'];

function write(value: unknown, as: string): string {
  switch (as) {
    case 'json':
      return JSON.stringify(value);
    case 'spaced json':
      return JSON.stringify(value, undefined, 2);
    case 'flow':
      return stringify(value, { collectionStyle: 'flow', version: '1.1', aliasDuplicateObjects: false });
    case 'quoted':
      return stringify(value, { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN', version: '1.1', aliasDuplicateObjects: false });
    default:
      return stringify(value, { version: '1.1', aliasDuplicateObjects: false });
  }
}

/** What every answer has to be like, whatever was read. */
function check(reading: FileReading, bytes: Uint8Array): void {
  if (reading.kind === 'pods') {
    assert.ok(reading.pods.length > 0, 'taken, without a pod');
    for (const { metadata, spec } of reading.pods) {
      assert.match(metadata.name ?? '', /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?-node1$/);
      assert.match(metadata.uid ?? '', /./);
      assert.ok(spec.containers.length > 0);
    }
    return;
  }
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  assert.ok(reading.problems.length > 0, 'refused, without a reason');
  for (const { line, column, path, message, code } of reading.problems) {
    assert.ok(CODES.includes(code), code);
    assert.ok(line !== undefined && column !== undefined, `no place: ${message}`);
    assert.ok(Number.isInteger(line) && line >= 1 && line <= lines.length, `line ${line} of ${lines.length}: ${message}`);
    assert.ok(Number.isInteger(column) && column >= 1, `column ${column}: ${message}`);
    assert.ok(column <= (lines[line - 1]?.length ?? 0) + 2, `column ${column} of a line of ${lines[line - 1]?.length}: ${message}`);
    assert.ok(message.trim().length > 5, `says nothing: ${JSON.stringify(message)}`);
    assert.ok(message.length < 2_000, `says ${message.length} characters`);
    assert.doesNotMatch(message, /(got|: |want) (undefined|NaN)|\[object |TypeError|Maximum call stack/);
    // What is wrong in a document has a path; what is wrong with the text has none.
    if (path !== undefined && path !== '') assert.ok(message.startsWith(`${path}: `), message);
  }
}

/** Prototypes are shared by the whole daemon. */
function checkPrototypes(): void {
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
  assert.deepEqual(Object.keys(Object.prototype), []);
}

test('readManifest takes every valid pod, and reads the same from YAML and from JSON', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(validPod, format, (pod, as) => {
      const reading = read(bytesOf(write(pod, as)));
      assert.deepEqual(reading.kind === 'refused' ? reading.problems : [], []);
      assert.deepEqual(reading, read(bytesOf(JSON.stringify(pod))), 'the format makes a difference');
      const spec = pod['spec'] as Record<string, unknown>;
      seen.add(as);
      for (const key of ['initContainers', 'volumes', 'hostname']) if (key in spec) seen.add(key);
    }),
    { numRuns: RUNS / 4 },
  );
  for (const wanted of ['yaml', 'flow', 'json', 'spaced json', 'quoted', 'initContainers', 'volumes', 'hostname'])
    assert.ok(seen.has(wanted), `never generated: ${wanted}`);
});

test('readManifest never throws on an object that was spoiled, and says where it is wrong', () => {
  const refused = new Map<string, number>();
  const taken = new Map<string, number>();
  const codes = new Set<string>();
  fc.assert(
    fc.property(validPod, fc.array(objectMutation, { minLength: 1, maxLength: 3 }), format, (pod, mutations, as) => {
      let value: unknown = pod;
      for (const m of mutations) value = spoil(value as Record<string, unknown>, m).value;
      const bytes = bytesOf(write(value, as));
      const reading = read(bytes);
      check(reading, bytes);
      checkPrototypes();
      const counts = reading.kind === 'pods' ? taken : refused;
      for (const { how } of mutations) counts.set(how, (counts.get(how) ?? 0) + 1);
      if (reading.kind === 'refused') for (const p of reading.problems) codes.add(p.code);
    }),
    { numRuns: RUNS },
  );
  for (const how of ['value replaced', 'field removed', 'field added', 'field renamed', 'field misspelt', 'item doubled', 'nested deeply'])
    assert.ok((refused.get(how) ?? 0) > 20, `hardly ever refused: ${how}`);
  assert.ok((taken.get('value replaced') ?? 0) > 0 && (taken.get('field removed') ?? 0) > 0, 'a harmless change was never generated');
  assert.deepEqual([...codes].sort(), CODES);
});

test('readManifest never throws on a text that was spoiled, and says where it is wrong', () => {
  const refused = new Map<string, number>();
  const kinds = { withPath: 0, withoutPath: 0, taken: 0 };
  fc.assert(
    fc.property(validPod, fc.array(textMutation, { minLength: 1, maxLength: 3 }), format, (pod, mutations, as) => {
      let bytes = bytesOf(write(pod, as));
      for (const m of mutations) bytes = spoilText(bytes, m);
      const reading = read(bytes);
      check(reading, bytes);
      if (reading.kind === 'pods') kinds.taken += 1;
      else {
        for (const { how } of mutations) refused.set(how, (refused.get(how) ?? 0) + 1);
        kinds[reading.problems.some((p) => p.path !== undefined) ? 'withPath' : 'withoutPath'] += 1;
      }
    }),
    { numRuns: RUNS + RUNS / 4 },
  );
  for (const how of [
    'cut',
    'line doubled',
    'line removed',
    'lines swapped',
    'indentation changed',
    'indentation swapped',
    'tab for spaces',
    'bytes put in',
    'byte changed',
  ])
    assert.ok((refused.get(how) ?? 0) > 20, `hardly ever refused: ${how}`);
  for (const [kind, count] of Object.entries(kinds)) assert.ok(count > 50, `${kind}: ${count}`);
});

test('readManifest never throws on bytes of any kind', () => {
  const notText = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.string({ unit: 'binary', maxLength: 200 }).map(bytesOf),
    fc.string({ unit: fc.constantFrom(...':-[]{}&*!|>\'"%@`#,? \n\t\0a1'.split('')), maxLength: 200 }).map(bytesOf),
    fc
      .tuple(fc.constantFrom('apiVersion: v1\nkind: Pod\n', '{"kind":"Pod",', 'a: &a ['), fc.uint8Array({ maxLength: 60 }))
      .map(([head, tail]) => Buffer.concat([bytesOf(head), tail])),
  );
  fc.assert(
    fc.property(notText, (bytes) => {
      const reading = read(bytes);
      assert.equal(reading.kind, 'refused');
      check(reading, bytes);
    }),
    { numRuns: RUNS / 2 },
  );
});
