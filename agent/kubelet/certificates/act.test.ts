import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Authority } from '../../../controlplane/pki/issue.ts';
import { factsOf } from '../../../controlplane/pki/request.ts';
import { Pkcs10CertificateRequest } from '@peculiar/x509';
import { currentFile, datesProblem, lifeOf, makeRequest, readCurrent, writeCurrent } from './act.ts';

const dir = mkdtempSync(join(tmpdir(), 'kijabi-certs-'));
after(() => rmSync(dir, { recursive: true }));
const NOW = Date.UTC(2026, 0, 1);

test('makeRequest: what an authority signs is for this name, these addresses and this key', async () => {
  const subject = { commonName: 'system:node:n1', organization: 'system:nodes', names: ['n1', '192.0.2.1'] };
  const made = await makeRequest(subject, new AbortController().signal);
  const facts = factsOf(new Pkcs10CertificateRequest(made.request));
  assert.deepEqual(
    [facts.commonName, facts.organizations, facts.dnsNames, facts.ips],
    ['system:node:n1', ['system:nodes'], ['n1'], ['192.0.2.1']],
  );
  const dates = { notBefore: new Date(NOW), notAfter: new Date(NOW + 60_000) };
  const authority = await Authority.make('ca', { notBefore: new Date(NOW), notAfter: new Date(NOW + 3_600_000) });
  const pem = await authority.signRequest(made.request, { ...dates, usages: ['digital signature', 'client auth'] });
  assert.deepEqual(lifeOf(pem), { fromMs: NOW, toMs: NOW + 60_000 });
  const text = { kind: 'text', text: pem } as const;
  assert.equal(datesProblem(text, NOW + 1_000), undefined);
  assert.match(datesProblem(text, NOW + 60_000) ?? '', /ended on 2026-01-01T00:01:00Z/);
  assert.match(datesProblem(text, NOW - 1_000) ?? '', /begins on 2026-01-01T00:00:00Z: is the clock right/);
});

test('writeCurrent: the link leads to the newest, for root alone, and older ones but the last go', async () => {
  for (const [i, text] of ['one', 'two', 'three'].entries()) await writeCurrent(dir, 'kubelet-client', text, NOW + i * 1_000);
  assert.equal(await readCurrent(dir, 'kubelet-client'), 'three');
  assert.equal(await readCurrent(dir, 'kubelet-server'), undefined);
  const files = readdirSync(dir).toSorted();
  assert.deepEqual(files, [
    'kubelet-client-2026-01-01-00-00-01.pem',
    'kubelet-client-2026-01-01-00-00-02.pem',
    'kubelet-client-current.pem',
  ]);
  assert.equal(readFileSync(currentFile(dir, 'kubelet-client'), 'utf8'), 'three');
  assert.equal(statSync(currentFile(dir, 'kubelet-client')).mode & 0o777, 0o600);
});
