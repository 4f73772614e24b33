/**
 * X.509 certificates as a cluster's authority makes them, in DER. Pure but for the signature.
 * A subject is an RFC 4514 text whose order is that of the certificate: "O=system:nodes, CN=system:node:worker-1".
 * Throws RangeError: a subject or address that is none.
 * Source: RFC 5280.
 */
import { createHash, sign, type KeyObject, type X509Certificate } from 'node:crypto';
import { parseIp } from '#api/ip.ts';
import { bitString, context, elements, namedBits, oid, sequence, TAG, time, tlv } from './der.ts';

export interface CertificateParts {
  /** Hexadecimal, positive. */
  readonly serial: string;
  /** DER, of a Name. */
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER, of a SubjectPublicKeyInfo. */
  readonly publicKey: Buffer;
  readonly extensions: readonly Buffer[];
  readonly signingKey: KeyObject;
}

const VERSION_3 = tlv(context(0, 'around'), tlv(TAG.integer, Buffer.from([2])));

/** PEM. */
export function makeCertificate(parts: CertificateParts): string {
  const { serial, issuer, subject, notBefore, notAfter, publicKey, extensions, signingKey } = parts;
  const algorithm = algorithmOf(signingKey);
  const body = sequence(
    VERSION_3,
    tlv(TAG.integer, Buffer.from(serial, 'hex')),
    algorithm,
    issuer,
    sequence(time(notBefore), time(notAfter)),
    subject,
    publicKey,
    tlv(context(3, 'around'), sequence(...extensions)),
  );
  return pem('CERTIFICATE', sequence(body, algorithm, bitString(sign('sha256', body, signingKey))));
}

/** Source: RFC 5758, ECDSA with SHA-256 without parameters; RFC 8017, RSA with SHA-256 with none spelled out. */
function algorithmOf({ asymmetricKeyType: type }: KeyObject): Buffer {
  return type === 'rsa' ? sequence(oid('1.2.840.113549.1.1.11'), tlv(TAG.null)) : sequence(oid('1.2.840.10045.4.3.2'));
}

export function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

const ATTRIBUTES: Readonly<Record<string, string>> = {
  CN: '2.5.4.3',
  C: '2.5.4.6',
  L: '2.5.4.7',
  ST: '2.5.4.8',
  O: '2.5.4.10',
  OU: '2.5.4.11',
};

export function nameOf(subject: string): Buffer {
  const parts: Buffer[] = [];
  const attribute = /([A-Za-z]+)=((?:\\.|[^,\\])*)(?:, *|$)/gy;
  for (let at = 0; at < subject.length; at = attribute.lastIndex) {
    const found = attribute.exec(subject);
    const type = ATTRIBUTES[found?.[1] ?? ''];
    if (found === null || type === undefined)
      throw new RangeError(`want a subject such as "O=system:nodes, CN=system:node:a", got ${JSON.stringify(subject)}`);
    const value = Buffer.from((found[2] ?? '').replaceAll(/\\(.)/g, '$1'));
    // A country is two letters in a string type of its own.
    parts.push(tlv(TAG.set, sequence(oid(type), tlv(found[1] === 'C' ? TAG.printable : TAG.utf8, value))));
  }
  return sequence(...parts);
}

const OIDS = {
  subjectKey: '2.5.29.14',
  keyUsage: '2.5.29.15',
  names: '2.5.29.17',
  basic: '2.5.29.19',
  authorityKey: '2.5.29.35',
  extendedUsage: '2.5.29.37',
} as const;

const TRUE = tlv(TAG.boolean, Buffer.from([0xff]));

function extension(id: string, value: Buffer, weight: 'critical' | 'plain'): Buffer {
  return sequence(oid(id), ...(weight === 'critical' ? [TRUE] : []), tlv(TAG.octetString, value));
}

export const IS_AUTHORITY = extension(OIDS.basic, sequence(TRUE), 'critical');
export const IS_LEAF = extension(OIDS.basic, sequence(), 'critical');

const USAGE_BITS = { digitalSignature: 0, keyEncipherment: 2, keyCertSign: 5, cRLSign: 6 } as const;

export const keyUsage = (...usages: readonly (keyof typeof USAGE_BITS)[]): Buffer =>
  extension(OIDS.keyUsage, namedBits(...usages.map((usage) => USAGE_BITS[usage])), 'critical');

const PURPOSES = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;
export type Usage = keyof typeof PURPOSES;

export const extendedUsage = (usages: readonly Usage[]): Buffer =>
  extension(OIDS.extendedUsage, sequence(...usages.map((usage) => oid(PURPOSES[usage]))), 'plain');

export const subjectKey = (keyId: Buffer): Buffer => extension(OIDS.subjectKey, tlv(TAG.octetString, keyId), 'plain');
export const authorityKey = (keyId: Buffer): Buffer => extension(OIDS.authorityKey, sequence(tlv(context(0, 'primitive'), keyId)), 'plain');

export interface AlternativeName {
  readonly type: 'dns' | 'ip' | 'email' | 'url';
  readonly value: string;
}

const NAME_TAGS = { email: context(1, 'primitive'), dns: context(2, 'primitive'), url: context(6, 'primitive') } as const;

export function alternativeNames(names: readonly AlternativeName[]): Buffer {
  const parts = names.map(({ type, value }) =>
    type === 'ip' ? tlv(context(7, 'primitive'), addressBytes(value)) : tlv(NAME_TAGS[type], Buffer.from(value, 'latin1')),
  );
  return extension(OIDS.names, sequence(...parts), 'plain');
}

function addressBytes(text: string): Buffer {
  const ip = parseIp(text);
  if (ip === undefined) throw new RangeError(`want an IP address, got ${JSON.stringify(text)}`);
  return Buffer.from(ip.bits.toString(16).padStart(ip.family === 'IPv4' ? 8 : 32, '0'), 'hex');
}

/** Source: RFC 5280 section 4.2.1.2 (1): SHA-1 of the bits of the key. */
export function keyIdOf(publicKey: Buffer): Buffer {
  const [info] = elements(publicKey);
  const bits = elements(info?.content ?? publicKey)[1]?.content.subarray(1) ?? Buffer.alloc(0);
  return createHash('sha1').update(bits).digest();
}

/** What certificates signed by this one's key say of it. */
export function issuerOf(certificate: X509Certificate): { readonly name: Buffer; readonly keyId: Buffer } {
  const body = elements(elements(certificate.raw)[0]?.content ?? Buffer.alloc(0))[0]?.content ?? Buffer.alloc(0);
  const fields = elements(body).filter(({ tag }) => tag !== context(0, 'around'));
  // serial, algorithm, issuer, validity, subject
  const name = fields[4]?.whole;
  if (name === undefined) throw new RangeError('no certificate');
  const extensions = fields.find(({ tag }) => tag === context(3, 'around'));
  const all = extensions === undefined ? [] : elements(elements(extensions.content)[0]?.content ?? Buffer.alloc(0));
  const id = oid(OIDS.subjectKey);
  const own = all.map(({ content }) => elements(content)).find(([type]) => type?.whole.equals(id) === true);
  const value = own?.at(-1)?.content;
  const keyId = value === undefined ? undefined : elements(value)[0]?.content;
  return { name, keyId: keyId ?? keyIdOf(certificate.publicKey.export({ type: 'spki', format: 'der' })) };
}
