import assert from 'node:assert/strict';
import { test } from 'node:test';
import { outcomeOf, renewAtMs } from './plan.ts';

const csr = (status: object): Parameters<typeof outcomeOf>[0] => ({ metadata: {}, spec: { request: '', signerName: 's' }, status });
const condition = (type: string, more: object = {}): object => ({ type, status: 'True', ...more });

for (const [name, status, want] of [
  ['nobody has looked at it', {}, { kind: 'waiting', for: 'approval' }],
  ['approved', { conditions: [condition('Approved')] }, { kind: 'waiting', for: 'signature' }],
  [
    'signed',
    { conditions: [condition('Approved')], certificate: Buffer.from('PEM').toString('base64') },
    { kind: 'issued', certificate: 'PEM' },
  ],
  ['denied', { conditions: [condition('Denied', { reason: 'No', message: 'not you' })] }, { kind: 'refused', why: 'Denied: No: not you' }],
  [
    'approved and then failed',
    { conditions: [condition('Approved'), condition('Failed', { reason: 'R' })] },
    { kind: 'refused', why: 'Failed: R' },
  ],
] as const)
  test(`outcomeOf: ${name}`, () => assert.deepEqual(outcomeOf(csr(status)), want));

test('renewAtMs: after 70 to 90 per cent of its life', () => {
  const life = { fromMs: 1_000, toMs: 2_000 };
  assert.equal(Math.round(renewAtMs(life, 0)), 1_700);
  assert.ok(renewAtMs(life, 0.999) < 1_900);
});
