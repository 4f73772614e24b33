import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import { Authority } from '../../pki/issue.ts';
import { goesAtMs } from './plan.ts';

const HOUR = 3_600_000;
const madeMs = Date.parse('2026-01-01T00:00:00Z');
const at = (hours: number): string => new Date(madeMs + hours * HOUR).toISOString();
const condition = (type: 'Approved' | 'Denied' | 'Failed', hours: number) => ({ type, status: 'True' as const, lastUpdateTime: at(hours) });
const request = (status: CertificateSigningRequest['status']): CertificateSigningRequest => ({
  metadata: { name: 'csr-1', creationTimestamp: at(0) },
  spec: { request: '', signerName: 'kubernetes.io/kube-apiserver-client', usages: [] },
  ...(status === undefined ? {} : { status }),
});

for (const [name, status, hours] of [
  ['nobody decided', undefined, 24],
  ['denied', { conditions: [condition('Denied', 2)] }, 3],
  ['approved, and not signed', { conditions: [condition('Approved', 2)] }, 26],
  ['approved, and against the rules of its signer', { conditions: [condition('Approved', 2), condition('Failed', 4)] }, 5],
  ['issued, the certificate is not to be read', { conditions: [condition('Approved', 2)], certificate: 'eA==' }, 3],
  ['a condition that does not hold', { conditions: [{ ...condition('Denied', 2), status: 'False' as const }] }, 24],
  ['decided without a time', { conditions: [{ type: 'Denied', status: 'True' as const }] }, 1],
] as const)
  test(`it goes an hour after its end, a day after nothing: ${name}`, () =>
    assert.equal(((goesAtMs(request(status as CertificateSigningRequest['status'])) ?? 0) - madeMs) / HOUR, hours));

test('a certificate that was issued late can be fetched for an hour', async () => {
  const dates = { notBefore: new Date(madeMs + 20 * HOUR), notAfter: new Date(madeMs + 21 * HOUR) };
  const authority = await Authority.make('ca', dates);
  const { certificate } = await authority.issue({ ...dates, subject: 'CN=a', usages: ['client'], names: [] });
  const issued = request({ conditions: [condition('Approved', 2)], certificate: Buffer.from(certificate).toString('base64') });
  assert.equal(((goesAtMs(issued) ?? 0) - madeMs) / HOUR, 21);
});
