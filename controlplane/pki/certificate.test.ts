/** Certificates of our own DER, as a library that knows all of X.509 and OpenSSL (inside Node) read them. */
import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { nameOf } from '#api/x509/certificate.ts';
import { elements, namedBits, oid, time, tlv } from '#api/x509/der.ts';
import { Authority } from './issue.ts';

const dates = { notBefore: new Date('2026-01-02T03:04:05Z'), notAfter: new Date('2051-06-07T08:09:10Z') };

test('what is issued is read the same by others: names, dates past 2049, usages, addresses, keys', async () => {
  const authority = await Authority.make('kubernetes', dates);
  const names = ['a.example', '10.0.0.1', 'fd00::1:2', 'localhost'];
  const { certificate, key } = await authority.issue({
    ...dates,
    subject: 'O=system:nodes, CN=system:node:ü\\,x',
    usages: ['server', 'client'],
    names,
  });
  const [ca, leaf] = [new X509Certificate(authority.pem.certificate), new X509Certificate(certificate)];
  assert.ok(leaf.checkIssued(ca) && leaf.verify(ca.publicKey) && ca.verify(ca.publicKey) && ca.ca && !leaf.ca);
  assert.ok(leaf.checkPrivateKey(createPrivateKey(key)));
  assert.equal(leaf.subjectAltName, 'DNS:a.example, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:1:2, DNS:localhost');
  const read = new x509.X509Certificate(certificate);
  assert.deepEqual([read.notBefore, read.notAfter], [dates.notBefore, dates.notAfter]);
  assert.deepEqual([read.subjectName.getField('O'), read.subjectName.getField('CN')], [['system:nodes'], ['system:node:ü,x']]);
  assert.deepEqual(
    Array.from(read.extensions, ({ type, critical }) => [type, critical]),
    [
      ['2.5.29.19', true],
      ['2.5.29.15', true],
      ['2.5.29.37', false],
      ['2.5.29.35', false],
      ['2.5.29.17', false],
    ],
  );
  const { digitalSignature, keyEncipherment, keyCertSign, cRLSign } = x509.KeyUsageFlags;
  assert.equal(read.getExtension(x509.KeyUsagesExtension)?.usages, digitalSignature | keyEncipherment);
  assert.deepEqual([...(read.getExtension(x509.ExtendedKeyUsageExtension)?.usages ?? [])], ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
  const readCa = new x509.X509Certificate(authority.pem.certificate);
  assert.equal(readCa.getExtension(x509.KeyUsagesExtension)?.usages, digitalSignature | keyEncipherment | keyCertSign | cRLSign);
  assert.equal(
    read.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId,
    readCa.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId,
  );
  // One that is read back from its files signs with the same name and key id.
  const again = await Authority.from(authority.pem);
  const other = new x509.X509Certificate((await again.issue({ ...dates, subject: 'CN=b', usages: ['client'], names: [] })).certificate);
  assert.equal(other.issuer, readCa.subject);
  assert.equal(
    other.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId,
    read.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId,
  );
});

test('subjects that are none are refused', () => {
  for (const text of ['system:admin', 'CN=a, X=b', 'CN=a,b', 'CN', '=a']) assert.throws(() => nameOf(text), /want a subject such as/, text);
});

test('DER: lengths of every size are read back; what ends too early is refused', () => {
  const sizes = fc.oneof(fc.nat(300), fc.constantFrom(127, 128, 255, 256, 65_535, 65_536));
  fc.assert(
    fc.property(fc.array(sizes, { maxLength: 4 }), (lengths) => {
      const all = Buffer.concat(lengths.map((length) => tlv(0x04, Buffer.alloc(length, 7))));
      assert.deepEqual(
        elements(all).map(({ content }) => content.length),
        lengths,
      );
      if (all.length > 0) assert.throws(() => elements(all.subarray(0, -1)), RangeError);
    }),
    { numRuns: 50 },
  );
  for (const bad of ['30', '3081', '3080', '308500000000', '30ff']) assert.throws(() => elements(Buffer.from(bad, 'hex')), RangeError, bad);
});

test('DER: object identifiers, bits and times as X.690 and RFC 5280 have them', () => {
  assert.equal(oid('1.2.840.10045.4.3.2').toString('hex'), '06082a8648ce3d040302');
  assert.equal(oid('2.5.29.17').toString('hex'), '0603551d11');
  assert.equal(namedBits(5, 6).toString('hex'), '03020106');
  assert.equal(time(new Date('2049-12-31T23:59:59Z')).toString('latin1', 2), '491231235959Z');
  assert.equal(time(new Date('2050-01-01T00:00:00Z')).toString('latin1', 2), '20500101000000Z');
});
