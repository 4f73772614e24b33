/** What a request for a certificate (PKCS #10) asks for. Touches no file. */
import { webcrypto } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

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

export function alternativeNames(request: x509.Pkcs10CertificateRequest): readonly x509.JsonGeneralName[] {
  const extension = request.extensions.find((e) => e.type === '2.5.29.17');
  return extension === undefined ? [] : new x509.SubjectAlternativeNameExtension(extension.rawData).names.toJSON();
}
