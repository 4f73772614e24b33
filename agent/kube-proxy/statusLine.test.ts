import assert from 'node:assert/strict';
import { test } from 'node:test';
import { statusLine } from './statusLine.ts';

const lane = (over: object = {}) => ({ family: 'IPv4' as const, pendingSinceMs: undefined, lastError: undefined, ...over });
const nowMs = Date.parse('2026-01-01T00:01:00Z');

for (const [name, lanes, services, line] of [
  ['nothing waits', [lane()], 1, '1 service by iptables'],
  ['a change is under way', [lane({ pendingSinceMs: nowMs - 10 })], 12, '12 services by iptables'],
  [
    'a change waits, and why',
    [lane(), lane({ family: 'IPv6', pendingSinceMs: nowMs - 60_000, lastError: new Error('no answer') })],
    3,
    'IPv6 rules are out of date since 2026-01-01T00:00:00.000Z: no answer, 3 services by iptables',
  ],
] as const)
  test(`statusLine: ${name}`, () => assert.equal(statusLine({ mode: 'iptables', services, lanes, nowMs }), line));
