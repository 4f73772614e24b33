/**
 * A throw-away PKI: a CA, a certificate for the server, one for an administrator, and a key for service account tokens. Lives in memory.
 * Units: validity in milliseconds.
 */
import { randomBytes, webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

export interface Pki {
  /** PEM texts. */
  readonly ca: string;
  readonly server: KeyPairPem;
  readonly admin: KeyPairPem;
  readonly serviceAccountKey: string;
  /** One more client: subject "O=system:nodes, CN=system:node:worker-1". */
  issueClient(subject: string, dates?: { readonly notBefore: Date; readonly notAfter: Date }): Promise<KeyPairPem>;
}

export interface KeyPairPem {
  readonly certificate: string;
  readonly key: string;
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
/** Clocks of machines differ. */
const BEFORE_MS = 3_600_000;

interface Issuer {
  readonly certificate: x509.X509Certificate;
  readonly keys: webcrypto.CryptoKeyPair;
}

export async function makePki({
  names,
  nowMs,
  validMs,
}: {
  readonly names: readonly string[];
  readonly nowMs: number;
  readonly validMs: number;
}): Promise<Pki> {
  x509.cryptoProvider.set(webcrypto as never);
  const dates = { notBefore: new Date(nowMs - BEFORE_MS), notAfter: new Date(nowMs + validMs) };
  const ca = await makeCa(dates);
  const [server, admin, account] = await Promise.all([
    issue(ca, { ...dates, subject: 'CN=kube-apiserver', usage: x509.ExtendedKeyUsage.serverAuth, names }),
    issue(ca, { ...dates, subject: 'O=system:masters, CN=kubernetes-admin', usage: x509.ExtendedKeyUsage.clientAuth, names: [] }),
    makeKeys(),
  ]);
  return {
    ca: ca.certificate.toString('pem'),
    server,
    admin,
    serviceAccountKey: await keyPem(account.privateKey),
    issueClient: (subject, other = dates) => issue(ca, { ...other, subject, usage: x509.ExtendedKeyUsage.clientAuth, names: [] }),
  };
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

const serial = (): string => `01${randomBytes(15).toString('hex')}`;

async function makeCa(dates: { readonly notBefore: Date; readonly notAfter: Date }): Promise<Issuer> {
  const keys = await makeKeys();
  const { keyCertSign, digitalSignature, cRLSign } = x509.KeyUsageFlags;
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    ...dates,
    serialNumber: serial(),
    name: 'CN=kubernetes',
    signingAlgorithm: ALGORITHM,
    keys: keys as never,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(keyCertSign | digitalSignature | cRLSign, true),
    ],
  });
  return { certificate, keys };
}

async function issue(
  ca: Issuer,
  wanted: {
    readonly notBefore: Date;
    readonly notAfter: Date;
    readonly subject: string;
    readonly usage: string;
    readonly names: readonly string[];
  },
): Promise<KeyPairPem> {
  const { subject, usage, names, ...dates } = wanted;
  const keys = await makeKeys();
  const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
  const alternatives = names.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? ('ip' as const) : ('dns' as const), value }));
  const certificate = await x509.X509CertificateGenerator.create({
    ...dates,
    serialNumber: serial(),
    subject,
    issuer: ca.certificate.subject,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey as never,
    signingKey: ca.keys.privateKey,
    extensions: [
      new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true),
      new x509.ExtendedKeyUsageExtension([usage]),
      ...(alternatives.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(alternatives)]),
    ],
  });
  return { certificate: certificate.toString('pem'), key: await keyPem(keys.privateKey) };
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN PRIVATE KEY-----\n${lines.join('\n')}\n-----END PRIVATE KEY-----\n`;
}
