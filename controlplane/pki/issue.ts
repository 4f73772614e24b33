/**
 * Makes authorities, certificates and keys: ECDSA P-256, PEM. Touches no file.
 * Units: dates; subjects as in api/x509/certificate.ts.
 * Differs: kubeadm makes RSA keys of 2,048 bits unless told otherwise; these are smaller, and a TLS handshake costs the server a tenth.
 */
import { createPrivateKey, createPublicKey, generateKeyPair, randomBytes, X509Certificate, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import {
  alternativeNames,
  authorityKey,
  extendedUsage,
  issuerOf,
  IS_AUTHORITY,
  IS_LEAF,
  keyIdOf,
  keyUsage,
  makeCertificate,
  nameOf,
  subjectKey,
  type AlternativeName,
  type Usage,
} from '#api/x509/certificate.ts';

export type { Usage } from '#api/x509/certificate.ts';

/** PEM texts. */
export interface KeyPairPem {
  readonly certificate: string;
  readonly key: string;
}

export interface Dates {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface LeafOptions extends Dates {
  readonly subject: string;
  readonly usages: readonly Usage[];
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
}

interface Issuer {
  readonly name: Buffer;
  readonly keyId: Buffer;
  readonly key: KeyObject;
}

export class Authority {
  readonly pem: KeyPairPem;
  /** When it ends. */
  readonly notAfterMs: number;
  readonly #issuer: Issuer;

  private constructor(pem: KeyPairPem, issuer: Issuer) {
    this.pem = pem;
    this.notAfterMs = Date.parse(new X509Certificate(pem.certificate).validTo);
    this.#issuer = issuer;
  }

  /** key: one that is there already, PEM. */
  static async make(commonName: string, dates: Dates, key?: string): Promise<Authority> {
    const keys = await keysOf(key);
    const name = nameOf(`CN=${commonName}`);
    const keyId = keyIdOf(keys.publicKey);
    const certificate = makeCertificate({
      ...dates,
      serial: serial(),
      issuer: name,
      subject: name,
      publicKey: keys.publicKey,
      signingKey: keys.privateKey,
      extensions: [IS_AUTHORITY, keyUsage('keyCertSign', 'digitalSignature', 'cRLSign', 'keyEncipherment'), subjectKey(keyId)],
    });
    return new Authority({ certificate, key: key ?? privatePem(keys.privateKey) }, { name, keyId, key: keys.privateKey });
  }

  /** An authority that is there, of other tools too: RSA, or ECDSA on P-256 or P-384. Throws on anything else. */
  static async from(pem: KeyPairPem): Promise<Authority> {
    return new Authority(pem, { ...issuerOf(new X509Certificate(pem.certificate)), key: (await keysOf(pem.key)).privateKey });
  }

  /** key: one that is there already, PEM. */
  async issue({ subject, usages, names, ...dates }: LeafOptions, key?: string): Promise<KeyPairPem> {
    const keys = await keysOf(key);
    const alternatives = names.map((value): AlternativeName => ({ type: isAddress(value) ? 'ip' : 'dns', value }));
    const certificate = this.#sign({
      ...dates,
      subject: nameOf(subject),
      publicKey: keys.publicKey,
      alternatives,
      extensions: [keyUsage('digitalSignature', 'keyEncipherment'), extendedUsage(usages)],
    });
    return { certificate, key: key ?? privatePem(keys.privateKey) };
  }

  /**
   * A certificate for a request (PKCS #10, PEM): its subject, its key and its names as they are, the usages that the caller has checked.
   * Throws on a request whose signature is not by its own key.
   */
  async signRequest(pemText: string, { usages, ...dates }: Dates & { readonly usages: readonly string[] }): Promise<string> {
    // Requests are read by a library that takes long to load, and most programs never see one.
    const { verifiedRequest } = await import('./request.ts');
    const { subject, publicKey, names } = await verifiedRequest(pemText);
    const extended = [
      ...(usages.includes('server auth') ? ['server' as const] : []),
      ...(usages.includes('client auth') ? ['client' as const] : []),
    ];
    return this.#sign({
      ...dates,
      subject,
      publicKey,
      alternatives: names,
      extensions: [
        usages.includes('key encipherment') ? keyUsage('digitalSignature', 'keyEncipherment') : keyUsage('digitalSignature'),
        extendedUsage(extended),
      ],
    });
  }

  #sign({
    alternatives,
    extensions,
    ...parts
  }: Dates & {
    readonly subject: Buffer;
    readonly publicKey: Buffer;
    readonly alternatives: readonly AlternativeName[];
    readonly extensions: readonly Buffer[];
  }): string {
    const { name, keyId, key } = this.#issuer;
    return makeCertificate({
      ...parts,
      serial: serial(),
      issuer: name,
      signingKey: key,
      extensions: [IS_LEAF, ...extensions, authorityKey(keyId), ...(alternatives.length === 0 ? [] : [alternativeNames(alternatives)])],
    });
  }
}

/** A pair of keys without a certificate, for the tokens of service accounts. */
export async function makeSigningKey(): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const { privateKey } = await makeKeys();
  return { privateKey: privatePem(privateKey), publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }) };
}

interface Keys {
  readonly privateKey: KeyObject;
  /** DER, of a SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
}

const generate = promisify(generateKeyPair);

async function makeKeys(): Promise<Keys> {
  return keysFrom((await generate('ec', { namedCurve: 'P-256' })).privateKey);
}

const CURVES: readonly (string | undefined)[] = ['prime256v1', 'secp384r1'];

async function keysOf(pemText: string | undefined): Promise<Keys> {
  if (pemText === undefined) return makeKeys();
  const key = createPrivateKey(pemText);
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  if (type !== 'rsa' && !CURVES.includes(details?.namedCurve)) {
    throw new RangeError(`want an RSA or ECDSA key (P-256, P-384), got ${details?.namedCurve ?? type}`);
  }
  return keysFrom(key);
}

const keysFrom = (privateKey: KeyObject): Keys => ({
  privateKey,
  publicKey: createPublicKey(privateKey).export({ type: 'spki', format: 'der' }),
});

const privatePem = (key: KeyObject): string => key.export({ type: 'pkcs8', format: 'pem' });

/** Positive, and of 16 bytes: RFC 5280 allows 20. */
const serial = (): string => `01${randomBytes(15).toString('hex')}`;

const isAddress = (name: string): boolean => /^[\d.]+$|:/.test(name);
