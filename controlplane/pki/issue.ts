/**
 * Makes authorities, certificates and keys: ECDSA P-256, PEM. Touches no file.
 * Units: dates; a subject is an RFC 4514 text whose order is that of the certificate: "O=system:nodes, CN=system:node:worker-1".
 * Differs: kubeadm makes RSA keys of 2,048 bits unless told otherwise; these are smaller, and a TLS handshake costs the server a tenth.
 */
import { createPrivateKey, createPublicKey, randomBytes, webcrypto, type KeyObject } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { alternativeNames } from './request.ts';

x509.cryptoProvider.set(webcrypto as never);

/** PEM texts. */
export interface KeyPairPem {
  readonly certificate: string;
  readonly key: string;
}

export interface Dates {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export type Usage = 'server' | 'client';

export interface LeafOptions extends Dates {
  readonly subject: string;
  readonly usages: readonly Usage[];
  /** DNS names and IP addresses. */
  readonly names: readonly string[];
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const RSA = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const;
const CURVES: Readonly<Record<string, string>> = { prime256v1: 'P-256', secp384r1: 'P-384' };
const USAGES = { server: x509.ExtendedKeyUsage.serverAuth, client: x509.ExtendedKeyUsage.clientAuth } as const;

export class Authority {
  readonly pem: KeyPairPem;
  readonly #certificate: x509.X509Certificate;
  readonly #key: webcrypto.CryptoKey;

  private constructor(pem: KeyPairPem, certificate: x509.X509Certificate, key: webcrypto.CryptoKey) {
    this.pem = pem;
    this.#certificate = certificate;
    this.#key = key;
  }

  /** key: one that is there already, PEM. */
  static async make(name: string, dates: Dates, key?: string): Promise<Authority> {
    const keys = await keysOf(key);
    const { keyCertSign, digitalSignature, cRLSign, keyEncipherment } = x509.KeyUsageFlags;
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      ...dates,
      serialNumber: serial(),
      name: `CN=${name}`,
      signingAlgorithm: signingWith(keys.privateKey),
      keys: keys as never,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(keyCertSign | digitalSignature | cRLSign | keyEncipherment, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new Authority({ certificate: certificate.toString('pem'), key: await privateKeyPem(keys) }, certificate, keys.privateKey);
  }

  /** An authority that is there, of other tools too: RSA, or ECDSA on P-256 or P-384. Throws on anything else. */
  static async from(pem: KeyPairPem): Promise<Authority> {
    return new Authority(pem, new x509.X509Certificate(pem.certificate), (await keysOf(pem.key)).privateKey);
  }

  /** key: one that is there already, PEM. */
  async issue(options: LeafOptions, key?: string): Promise<KeyPairPem> {
    const keys = await keysOf(key);
    return { certificate: await this.sign(keys.publicKey, options), key: key ?? (await privateKeyPem(keys)) };
  }

  /** When it ends. */
  get notAfterMs(): number {
    return this.#certificate.notAfter.getTime();
  }

  /**
   * A certificate for a request (PKCS #10, PEM): its subject, its key and its names as they are, the usages that the caller has checked.
   * Throws on a request whose signature is not by its own key.
   */
  async signRequest(pemText: string, { usages, notBefore, notAfter }: Dates & { readonly usages: readonly string[] }): Promise<string> {
    const request = new x509.Pkcs10CertificateRequest(pemText);
    if (!(await request.verify())) throw new RangeError('the request is not signed with its own key');
    const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
    const keyUsages = usages.includes('key encipherment')
      ? new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true)
      : new x509.KeyUsagesExtension(digitalSignature, true);
    const extended = [
      ...(usages.includes('server auth') ? [x509.ExtendedKeyUsage.serverAuth] : []),
      ...(usages.includes('client auth') ? [x509.ExtendedKeyUsage.clientAuth] : []),
    ];
    const names = alternativeNames(request);
    const certificate = await x509.X509CertificateGenerator.create({
      notBefore,
      notAfter,
      subject: request.subjectName.toJSON(),
      serialNumber: serial(),
      issuer: this.#certificate.subject,
      signingAlgorithm: signingWith(this.#key),
      publicKey: request.publicKey,
      signingKey: this.#key,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        keyUsages,
        new x509.ExtendedKeyUsageExtension(extended),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate),
        ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...names])]),
      ],
    });
    return certificate.toString('pem');
  }

  /** A certificate for somebody else's public key. */
  async sign(publicKey: webcrypto.CryptoKey, { subject, usages, names, notBefore, notAfter }: LeafOptions): Promise<string> {
    const { digitalSignature, keyEncipherment } = x509.KeyUsageFlags;
    const alternatives = names.map((value) => ({ type: isAddress(value) ? ('ip' as const) : ('dns' as const), value }));
    const certificate = await x509.X509CertificateGenerator.create({
      notBefore,
      notAfter,
      subject,
      serialNumber: serial(),
      issuer: this.#certificate.subject,
      signingAlgorithm: signingWith(this.#key),
      publicKey: publicKey as never,
      signingKey: this.#key,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(digitalSignature | keyEncipherment, true),
        new x509.ExtendedKeyUsageExtension(usages.map((usage) => USAGES[usage])),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate),
        ...(alternatives.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(alternatives)]),
      ],
    });
    return certificate.toString('pem');
  }
}

function curveOf({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): string {
  const curve = CURVES[details?.namedCurve ?? ''];
  if (curve === undefined) throw new RangeError(`want an RSA or ECDSA key (P-256, P-384), got ${details?.namedCurve ?? type}`);
  return curve;
}

/** A pair of keys without a certificate, for the tokens of service accounts. */
export async function makeSigningKey(): Promise<{ readonly privateKey: string; readonly publicKey: string }> {
  const keys = await makeKeys();
  const spki = Buffer.from(await webcrypto.subtle.exportKey('spki', keys.publicKey));
  return { privateKey: await privateKeyPem(keys), publicKey: pem('PUBLIC KEY', spki) };
}

function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function keysOf(pemText: string | undefined): Promise<webcrypto.CryptoKeyPair> {
  if (pemText === undefined) return makeKeys();
  const key = createPrivateKey(pemText);
  const algorithm = key.asymmetricKeyType === 'rsa' ? RSA : { ...ALGORITHM, namedCurve: curveOf(key) };
  const [pkcs8, spki] = [key.export({ type: 'pkcs8', format: 'der' }), createPublicKey(key).export({ type: 'spki', format: 'der' })];
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, true, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  };
}

function signingWith({ algorithm }: webcrypto.CryptoKey): NonNullable<x509.X509CertificateCreateParams['signingAlgorithm']> {
  return { ...algorithm, hash: 'SHA-256' } as never;
}

async function privateKeyPem({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return pem('PRIVATE KEY', Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey)));
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** Positive, and of 16 bytes: RFC 5280 allows 20. */
const serial = (): string => `01${randomBytes(15).toString('hex')}`;

const isAddress = (name: string): boolean => /^[\d.]+$|:/.test(name);
