import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Secret, ServiceAccount } from '#api/kinds/core/config.ts';
import { filled, tokenStep } from './plan.ts';

const b64 = (text: string): string => Buffer.from(text).toString('base64');
const account = { metadata: { name: 'builder', namespace: 'ns', uid: 'u1' } } as ServiceAccount;
const secret = (
  over: { readonly uid?: string; readonly data?: object; readonly type?: string; readonly deletionTimestamp?: string } = {},
): Secret =>
  ({
    type: over.type ?? 'kubernetes.io/service-account-token',
    metadata: {
      name: 's',
      namespace: 'ns',
      ...(over.deletionTimestamp === undefined ? {} : { deletionTimestamp: over.deletionTimestamp }),
      annotations: {
        'kubernetes.io/service-account.name': 'builder',
        ...(over.uid === undefined ? {} : { 'kubernetes.io/service-account.uid': over.uid }),
      },
    },
    data: over.data,
  }) as Secret;
const WHOLE = { token: b64('t'), namespace: b64('ns'), 'ca.crt': b64('CA') };

for (const [why, given, of, step] of [
  ['new', secret(), account, 'fill'],
  ['whole', secret({ uid: 'u1', data: WHOLE }), account, 'nothing'],
  ['the authority changed', secret({ uid: 'u1', data: { ...WHOLE, 'ca.crt': b64('old') } }), account, 'fill'],
  ['somebody took the token out', secret({ uid: 'u1', data: { ...WHOLE, token: '' } }), account, 'fill'],
  ['of an account that was there before', secret({ uid: 'u0', data: WHOLE }), account, 'remove'],
  ['no account', secret(), undefined, 'remove'],
  ['it goes already', secret({ deletionTimestamp: 'x' }), undefined, 'nothing'],
  ['another kind of secret', secret({ type: 'Opaque' }), undefined, 'nothing'],
] as const)
  test(`secrets for tokens: ${why}`, () => assert.equal(tokenStep(given, of, 'CA'), step));

test('what is filled needs nothing more, and keeps a token that is there, and what else people put in', () => {
  const full = filled(secret({ data: { mine: 'x' } }), account, { token: 'new', rootCa: 'CA' });
  assert.equal(tokenStep(full, account, 'CA'), 'nothing');
  assert.deepEqual(full.data, { mine: 'x', token: b64('new'), namespace: b64('ns'), 'ca.crt': b64('CA') });
  assert.equal(filled(secret({ data: { token: b64('old') } }), account, { token: 'new', rootCa: undefined }).data?.['token'], b64('old'));
});
