import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalMicroTime, canonicalTime, durationMs, isBase64, isDuration, isTime, rfc3339Micro } from './formats.ts';

test('isTime: RFC 3339, and a day that exists', () => {
  for (const good of [
    '2026-01-31T23:59:59Z',
    '2024-02-29T00:00:00Z',
    '2026-01-31T23:59:59.123456Z',
    '2026-01-31T23:59:59+02:00',
    '0001-01-01T00:00:00Z',
  ]) {
    assert.ok(isTime(good), good);
  }
  for (const bad of [
    '',
    'now',
    '2026-01-31',
    '2026-01-31 23:59:59Z',
    '2025-02-29T00:00:00Z',
    '2026-13-01T00:00:00Z',
    '2026-01-01T24:00:00Z',
    '2026-01-01T00:60:00Z',
    '2026-01-01T00:00:00',
    '2026-1-1T00:00:00Z',
    '2026-01-01T00:00:00+99:00',
  ]) {
    assert.ok(!isTime(bad), bad);
  }
});

test('canonicalTime: UTC and whole seconds; canonicalMicroTime and rfc3339Micro: six digits', () => {
  assert.equal(canonicalTime('2026-01-31T23:59:59Z'), '2026-01-31T23:59:59Z');
  assert.equal(canonicalTime('2026-01-31T23:59:59.999Z'), '2026-01-31T23:59:59Z');
  assert.equal(canonicalTime('2026-02-01T01:00:00+02:00'), '2026-01-31T23:00:00Z');
  assert.equal(canonicalMicroTime('2026-01-31T23:59:59Z'), '2026-01-31T23:59:59.000000Z');
  assert.equal(rfc3339Micro(Date.UTC(2026, 0, 31, 23, 59, 59, 7)), '2026-01-31T23:59:59.007000Z');
  assert.equal(canonicalMicroTime('2026-02-01T01:00:00.1234567+02:00'), '2026-01-31T23:00:00.123456Z');
});

test('durations are those of Go', () => {
  assert.deepEqual(['1h30m', '250ms', '1.5s', '-2s', '0', '1us'].map(durationMs), [5_400_000, 250, 1_500, -2_000, 0, 0.001]);
  for (const bad of ['', '5', '1d', 's', '1 s', '1h 2m']) assert.ok(!isDuration(bad) && durationMs(bad) === undefined, bad);
});

test('isBase64: the standard alphabet with padding, line breaks let through', () => {
  for (const good of ['', 'aGk=', 'aGkh', 'aA==', 'aG\nkh', '+/+/']) assert.ok(isBase64(good), good);
  for (const bad of ['a', 'aGk', '=', 'aG=k', '-_-_', 'aGk= ', 'ä===']) assert.ok(!isBase64(bad), bad);
});
