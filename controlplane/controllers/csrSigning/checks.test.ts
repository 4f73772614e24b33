import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KeyUsage } from '#api/kinds/certificates/v1.ts';
import type { RequestFacts } from '../../pki/request.ts';
import { SIGNERS } from './checks.ts';

const request = (over: Partial<RequestFacts> = {}): RequestFacts => ({
  commonName: 'system:node:n1',
  organizations: ['system:nodes'],
  dnsNames: [],
  ips: [],
  emails: [],
  uris: [],
  ...over,
});
const CLIENT: readonly KeyUsage[] = ['digital signature', 'key encipherment', 'client auth'];
const SERVER: readonly KeyUsage[] = ['digital signature', 'server auth'];
const [client, kubelet, serving] = ['kube-apiserver-client', 'kube-apiserver-client-kubelet', 'kubelet-serving'].map(
  (n) => `kubernetes.io/${n}`,
);

for (const [name, signer, facts, usages, problem] of [
  ['a client of any name', client, request({ commonName: 'jane', organizations: [] }), CLIENT, undefined],
  ['a client that would be a server', client, request(), SERVER, /usages did not match/],
  ['a client that would sign', client, request(), [...CLIENT, 'cert sign'] as const, /usages/],
  ['the client certificate of a kubelet', kubelet, request(), CLIENT, undefined],
  ['... without key encipherment', kubelet, request(), ['digital signature', 'client auth'] as const, undefined],
  ['... of another group', kubelet, request({ organizations: ['system:masters'] }), CLIENT, /organization/],
  ['... of two groups', kubelet, request({ organizations: ['system:nodes', 'system:masters'] }), CLIENT, /organization/],
  ['... of somebody else', kubelet, request({ commonName: 'admin' }), CLIENT, /common name/],
  ['... of nobody', kubelet, request({ commonName: 'system:node:' }), CLIENT, /common name/],
  ['... with a host name', kubelet, request({ dnsNames: ['n1'] }), CLIENT, /DNS/],
  ['the serving certificate of a kubelet', serving, request({ dnsNames: ['n1'], ips: ['192.0.2.1'] }), SERVER, undefined],
  ['... for nothing', serving, request(), SERVER, /required/],
  ['... with an email', serving, request({ dnsNames: ['n1'], emails: ['a@b'] }), SERVER, /email/],
  ['... with a URI', serving, request({ dnsNames: ['n1'], uris: ['x://y'] }), SERVER, /URI/],
  ['... that would be a client too', serving, request({ dnsNames: ['n1'] }), [...SERVER, 'client auth'] as const, /usages/],
] as const)
  test(`signers: ${name}`, () => {
    const found = SIGNERS[signer ?? '']?.(facts, usages);
    if (problem === undefined) assert.equal(found, undefined);
    else assert.match(found ?? '', problem);
  });

test('signers: nobody signs legacy-unknown', () => assert.equal(SIGNERS['kubernetes.io/legacy-unknown'], undefined));
