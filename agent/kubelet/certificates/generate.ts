/**
 * Makes a key and a request for a certificate (PKCS #10) and prints both as JSON. A program of its own, because the library that makes
 * them would stay in the memory of the daemon for what is done now and then.
 *
 * Arguments: common name, organization, then the names and addresses it is for.
 */
import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

x509.cryptoProvider.set(webcrypto as never);
const [commonName = '', organization = '', ...names] = process.argv.slice(2);
const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
const request = await x509.Pkcs10CertificateRequestGenerator.create({
  name: [{ O: [organization] }, { CN: [commonName] }],
  keys: keys as never,
  signingAlgorithm: ALGORITHM,
  extensions:
    names.length === 0
      ? []
      : [
          new x509.SubjectAlternativeNameExtension(
            names.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const), value })),
          ),
        ],
});
const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
const key = `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
process.stdout.write(JSON.stringify({ key, request: request.toString('pem') }));
