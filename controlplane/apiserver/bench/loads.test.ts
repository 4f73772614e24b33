import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventCounter } from './loads.ts';

test('events are counted however the bytes are cut', () => {
  const event = '{"type":"MODIFIED","object":{"kind":"Pod"}}\n';
  const bytes = Buffer.from(`{"type":"ADDED"}\n${event}${event}{"type":"BOOKMARK"}\n${event}`);
  for (let size = 1; size <= bytes.length; size++) {
    let counted = 0;
    const take = eventCounter((events) => void (counted += events));
    for (let at = 0; at < bytes.length; at += size) take(bytes.subarray(at, at + size));
    assert.equal(counted, 3, `pieces of ${size}`);
  }
});
