/** What a request for a certificate (PKCS #10) asks for. Touches no file. */
import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import type { AlternativeName } from '#api/x509/certificate.ts';

x509.cryptoProvider.set(webcrypto as never);

export interface RequestFacts {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly dnsNames: readonly string[];
  readonly ips: readonly string[];
  readonly emails: readonly string[];
  readonly uris: readonly string[];
}

/** base64: of the PEM text, as the API has it. undefined: it is none. Whether its signature is right is found out when it is signed. */
export function readRequest(base64: string): RequestFacts | undefined {
  try {
    return factsOf(new x509.Pkcs10CertificateRequest(Buffer.from(base64, 'base64').toString()));
  } catch {
    return undefined;
  }
}

export function factsOf(request: x509.Pkcs10CertificateRequest): RequestFacts {
  const names = alternativeNames(request);
  const of = (type: string): string[] => names.filter((name) => name.type === type).map(({ value }) => value);
  return {
    commonName: request.subjectName.getField('CN')[0] ?? '',
    organizations: request.subjectName.getField('O'),
    dnsNames: of('dns'),
    ips: of('ip'),
    emails: of('email'),
    uris: of('url'),
  };
}

/** What a certificate for this request (PEM) is made of, as it is in DER. Throws RangeError when the signature is not by its own key. */
export async function verifiedRequest(
  pemText: string,
): Promise<{ readonly subject: Buffer; readonly publicKey: Buffer; readonly names: readonly AlternativeName[] }> {
  const request = new x509.Pkcs10CertificateRequest(pemText);
  if (!(await request.verify())) throw new RangeError('the request is not signed with its own key');
  return {
    subject: Buffer.from(request.subjectName.toArrayBuffer()),
    publicKey: Buffer.from(request.publicKey.rawData),
    names: alternativeNames(request),
  };
}

/** Throws RangeError for kinds of names that no certificate of a cluster has. */
function alternativeNames(request: x509.Pkcs10CertificateRequest): readonly AlternativeName[] {
  const extension = request.extensions.find((e) => e.type === '2.5.29.17');
  if (extension === undefined) return [];
  return new x509.SubjectAlternativeNameExtension(extension.rawData).names.toJSON().map(({ type, value }) => {
    if (type !== 'dns' && type !== 'ip' && type !== 'email' && type !== 'url') throw new RangeError(`cannot take a name of type ${type}`);
    return { type, value };
  });
}
