/**
 * Makes the kubelet's self-signed certificate and writes it. A program of its own, because the library that makes it would stay in the
 * memory of the daemon for ever for what is done once.
 *
 * Arguments: certificate file, key file, node name, then the addresses and other names it is for.
 */
import { randomBytes, webcrypto } from 'node:crypto';
import { chmod, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** As upstream's self-signed one. */
const VALID_MS = 365 * 24 * 3_600_000;
const BEFORE_MS = 3_600_000;

async function selfSign(certificateFile: string, keyFile: string, nodeName: string, names: readonly string[]): Promise<void> {
  x509.cryptoProvider.set(webcrypto as never);
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const nowMs = Date.now();
  const { digitalSignature, keyEncipherment, keyCertSign } = x509.KeyUsageFlags;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    notBefore: new Date(nowMs - BEFORE_MS),
    notAfter: new Date(nowMs + VALID_MS),
    serialNumber: `01${randomBytes(15).toString('hex')}`,
    name: [{ CN: [nodeName] }],
    signingAlgorithm: ALGORITHM,
    keys: keys as never,
    extensions: [
      // A root of itself, so that curl --cacert takes it.
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(digitalSignature | keyEncipherment | keyCertSign, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        [nodeName, ...names].map((value) => ({ type: /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const), value })),
      ),
    ],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey));
  const key = `-----BEGIN PRIVATE KEY-----\n${der
    .toString('base64')
    .match(/.{1,64}/g)
    ?.join('\n')}\n-----END PRIVATE KEY-----\n`;
  await mkdir(dirname(certificateFile), { recursive: true, mode: 0o700 });
  await writeWhole(keyFile, key);
  await writeWhole(certificateFile, `${certificate.toString('pem')}\n`);
}

/** Never half a file, and never one that others may read, not even for a moment. */
async function writeWhole(file: string, text: string): Promise<void> {
  const aside = `${file}.${process.pid}.new`;
  await writeFile(aside, text, { mode: 0o600, flag: 'wx' });
  await chmod(aside, 0o600);
  await rename(aside, file);
}

const [certificateFile = '', keyFile = '', nodeName = '', ...names] = process.argv.slice(2);
await selfSign(certificateFile, keyFile, nodeName, names);
