import assert from 'node:assert/strict';
import { webcrypto } from 'node:crypto';
import { before, test } from 'node:test';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { UserInfo } from '../call.ts';
import { grant, rule } from '../testing/rbac.ts';
import { refusalOf, TestRegistry, type TestRequest } from '../testing/registry.ts';
import { certificateApproval, certificateSigning, certificateSubjectRestriction } from './certificates.ts';

const SIGNERS = 'certificates.k8s.io';
const bench = new TestRegistry([
  ...grant('a', 'User approver', [rule('approve', SIGNERS, 'signers', 'example.com/one')]),
  ...grant('b', 'User domain', [rule('approve sign', SIGNERS, 'signers', 'example.com/*')]),
  ...grant('c', 'User signer', [rule('sign', SIGNERS, 'signers', 'example.com/one')]),
]);
const user = (name: string): UserInfo => ({ name, groups: [] });
let requests: Readonly<Record<'plain' | 'masters', string>>;

before(async () => {
  x509.cryptoProvider.set(webcrypto as never);
  const make = async (name: string): Promise<string> => {
    const signingAlgorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
    const keys = (await webcrypto.subtle.generateKey(signingAlgorithm, true, ['sign', 'verify'])) as never;
    const csr = await x509.Pkcs10CertificateRequestGenerator.create({ name, keys, signingAlgorithm });
    return Buffer.from(csr.toString('pem')).toString('base64');
  };
  requests = { plain: await make('CN=a, O=devs'), masters: await make('CN=a, O=devs, O=system:masters') };
});

const csr = (status: object = {}, spec: object = {}): object => ({
  metadata: { name: 'x' },
  spec: { request: 'eA==', signerName: 'example.com/one', usages: ['client auth'], ...spec },
  status,
});
const condition = (type: string): object => ({ conditions: [{ type, status: 'True', reason: 'r' }] });
const ask = (plugin: typeof certificateApproval, request: TestRequest): Promise<string> =>
  refusalOf(bench.admit(plugin(bench.parts), bench.request(`${SIGNERS}/v1`, 'certificatesigningrequests', request)));
const about = 'certificatesigningrequests.certificates.k8s.io "x" is forbidden:';

test('whoever approves needs the right to approve for the signer, or for all of its domain', async () => {
  const approve = (name: string): Promise<string> =>
    ask(certificateApproval, { subresource: 'approval', old: csr(), object: csr(condition('Approved')), user: user(name) });
  assert.equal(await approve('approver'), '');
  assert.equal(await approve('domain'), '');
  const refusal = `${about} user not permitted to approve requests with signerName "example.com/one"`;
  assert.equal(await approve('signer'), refusal);
});

test('whoever signs needs the right to sign; other writes of the status do not', async () => {
  const write = (name: string, object: object): Promise<string> =>
    ask(certificateSigning, { subresource: 'status', old: csr(), object, user: user(name) });
  assert.equal(await write('signer', csr({ certificate: 'eA==' })), '');
  assert.equal(await write('domain', csr(condition('Failed'))), '');
  const refusal = `${about} user not permitted to sign requests with signerName "example.com/one"`;
  assert.equal(await write('approver', csr({ certificate: 'eA==' })), refusal);
  assert.equal(await write('approver', csr(condition('Failed'))), refusal);
  assert.equal(await write('approver', csr()), '');
});

test('nobody becomes system:masters by asking for a certificate', async () => {
  const create = (request: string, signerName: string): Promise<string> =>
    refusalOf(
      bench.admit(
        certificateSubjectRestriction(),
        bench.request(`${SIGNERS}/v1`, 'certificatesigningrequests', { object: csr({}, { request, signerName }) }),
      ),
    );
  const signer = 'kubernetes.io/kube-apiserver-client';
  assert.equal(await create(requests.plain, signer), '');
  assert.equal(await create(requests.masters, 'example.com/one'), '');
  assert.equal(
    await create(requests.masters, signer),
    `${about} use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed`,
  );
  assert.match(await create(Buffer.from('junk').toString('base64'), signer), /spec\.request: cannot be read/);
});
