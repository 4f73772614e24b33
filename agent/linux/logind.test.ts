import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseShutdown } from './logind.ts';

const line = (over: object = {}): string =>
  JSON.stringify({
    type: 'signal',
    path: '/org/freedesktop/login1',
    interface: 'org.freedesktop.login1.Manager',
    member: 'PrepareForShutdown',
    payload: { type: 'b', data: [true] },
    ...over,
  });

for (const [name, text, want] of [
  ['a shutdown begins', line(), true],
  ['it is called off', line({ payload: { type: 'b', data: [false] } }), false],
  ['another signal', line({ member: 'PrepareForSleep' }), undefined],
  ['a call of the same name', line({ type: 'method_call' }), undefined],
  ['a signal without a word', line({ payload: {} }), undefined],
  ['no JSON', 'Monitoring bus message stream.', undefined],
  ['no object', 'null', undefined],
] as const)
  test(`parseShutdown: ${name}`, () => assert.equal(parseShutdown(text), want));
