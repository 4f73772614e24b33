import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { Pod } from '#api/kinds/core/pod.ts';
import { EMPTY_FILE_SET, updateFileSet, viewOf, type FileReading, type FileSet } from './fileSet.ts';

const pod = (name: string, uid = name): Pod => ({ metadata: { name, namespace: 'default', uid }, spec: { containers: [] } });
const good = (...pods: Pod[]): FileReading => ({ kind: 'pods', pods });
const bad: FileReading = { kind: 'refused', problems: [{ code: 'MANIFEST_INVALID', line: 1, column: 1, message: 'broken' }] };
type Step = Readonly<Record<string, FileReading>>;

/** Each step: what the changed files say; a file stays until `gone` names it. */
function after(...steps: (Step | { gone: string })[]): FileSet {
  let set = EMPTY_FILE_SET;
  const present = new Set<string>();
  for (const step of steps) {
    const readings = new Map<string, FileReading>();
    if (typeof step['gone'] === 'string') present.delete(step['gone']);
    else
      for (const [file, reading] of Object.entries(step as Step)) {
        present.add(file);
        readings.set(file, reading);
      }
    set = updateFileSet(set, readings, present);
  }
  return set;
}
const show = (set: FileSet): string => {
  const { pods, refusals } = viewOf(set);
  return [...pods.map((p) => `${p.pod.metadata.uid} of ${p.file}`), ...refusals.map((r) => `${r.problem.code} ${r.file}`)].join(', ');
};

for (const [name, set, want] of [
  ['every pod of every file runs', after({ a: good(pod('x'), pod('y')), b: good(pod('z')) }), 'x of a, y of a, z of b'],
  ['a changed file changes its pod', after({ a: good(pod('x', 'x1')) }, { a: good(pod('x', 'x2')) }), 'x2 of a'],
  ['a file that is gone takes its pods', after({ a: good(pod('x')) }, { gone: 'a' }), ''],
  ['a file that becomes invalid keeps its last good pods', after({ a: good(pod('x')) }, { a: bad }), 'x of a, MANIFEST_INVALID a'],
  ['a file that never was good has none', after({ a: bad }), 'MANIFEST_INVALID a'],
  ['a mended file is believed again', after({ a: good(pod('x', 'x1')) }, { a: bad }, { a: good(pod('x', 'x2')) }), 'x2 of a'],
  [
    'of two files the one that had the pod first keeps it, whatever its name',
    after({ b: good(pod('x', 'b')) }, { a: good(pod('x', 'a')) }),
    'b of b, MANIFEST_DUPLICATE a',
  ],
  [
    'found together, the name of the file decides',
    after({ b: good(pod('x', 'b')), a: good(pod('x', 'a')) }),
    'a of a, MANIFEST_DUPLICATE b',
  ],
  ['when the first goes, the other takes over', after({ a: good(pod('x', 'a')) }, { b: good(pod('x', 'b')) }, { gone: 'a' }), 'b of b'],
  [
    'a duplicate does not stop the other pods of its file',
    after({ a: good(pod('x')) }, { b: good(pod('x'), pod('y')) }),
    'x of a, y of b, MANIFEST_DUPLICATE b',
  ],
  ['twice in one file: the first counts', after({ a: good(pod('x', '1'), pod('x', '2')) }), '1 of a, MANIFEST_DUPLICATE a'],
] as const) {
  test(`fileSet: ${name}`, () => assert.equal(show(set), want));
}

test('fileSet: a pod never runs twice, and none is lost while a file that defines it is there', () => {
  const files = fc.constantFrom('a', 'b', 'c');
  const readings = fc.oneof(
    fc.constant(bad),
    fc.uniqueArray(fc.constantFrom('x', 'y'), { minLength: 1 }).map((names) => good(...names.map((n) => pod(n)))),
  );
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.tuple(files, readings).map(([f, r]) => ({ [f]: r })),
          files.map((gone) => ({ gone })),
        ),
        { maxLength: 12 },
      ),
      (steps) => {
        const set = after(...(steps as (Step | { gone: string })[]));
        const { pods } = viewOf(set);
        assert.equal(new Set(pods.map((p) => p.key)).size, pods.length);
        const defined = new Set([...set.files.values()].flatMap((f) => f.pods.map((p) => p.metadata.name)));
        assert.equal(pods.length, defined.size);
      },
    ),
  );
});
