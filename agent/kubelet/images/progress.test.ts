import assert from 'node:assert/strict';
import { test } from 'node:test';
import { progressText } from './progress.ts';

const MIB = 2 ** 20;
const part = (doneBytes: number, totalBytes: number): { ref: string; doneBytes: number; totalBytes: number } => ({
  ref: 'layer',
  doneBytes,
  totalBytes,
});

for (const [name, downloads, pulls, want] of [
  ['nothing is under way', [], 1, undefined],
  ['one layer', [part(MIB, 4 * MIB)], 1, '25%, 1.0 of 4.0 MiB (1 part under way)'],
  ['several', [part(MIB, 2 * MIB), part(0, 2 * MIB)], 1, '25%, 1.0 of 4.0 MiB (2 parts under way)'],
  ['several pulls cannot be told apart', [part(MIB, 2 * MIB)], 3, '50%, 1.0 of 2.0 MiB (1 part under way, of 3 pulls together)'],
  ['a size nobody knows', [part(MIB, 0)], 1, '1.0 MiB (1 part under way)'],
] as const) {
  test(`progressText: ${name}`, () => assert.equal(progressText(downloads, pulls), want));
}
