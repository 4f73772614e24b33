import {
  always,
  atomicList,
  bytes,
  field,
  int32,
  knownTexts,
  list,
  map,
  object,
  oneOf,
  required,
  string,
  time,
  type Static,
} from '#api/schema.ts';
import { ConditionStatus } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const KeyUsage = oneOf([
  'signing',
  'digital signature',
  'content commitment',
  'key encipherment',
  'key agreement',
  'data encipherment',
  'cert sign',
  'crl sign',
  'encipher only',
  'decipher only',
  'any',
  'server auth',
  'client auth',
  'code signing',
  'email protection',
  's/mime',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'timestamping',
  'ocsp signing',
  'microsoft sgc',
  'netscape sgc',
]);
export type KeyUsage = Static<typeof KeyUsage>;

export const CertificateSigningRequestSpec = object('io.k8s.api.certificates.v1.CertificateSigningRequestSpec', {
  request: required(bytes('The request, PEM in base64')),
  signerName: required(string('Who should sign')),
  expirationSeconds: int32('Wanted life of the certificate'),
  usages: atomicList(KeyUsage, 'What the key is for'),
  username: string('Who asks'),
  uid: string('Identity of who asks'),
  groups: atomicList(string(), 'Groups of who asks'),
  extra: map(list(string()), 'More about who asks'),
});
export interface CertificateSigningRequestSpec extends Static<typeof CertificateSigningRequestSpec> {}

export const RequestConditionType = knownTexts(['Approved', 'Denied', 'Failed']);
export type RequestConditionType = Static<typeof RequestConditionType>;

export const CertificateSigningRequestCondition = object('io.k8s.api.certificates.v1.CertificateSigningRequestCondition', {
  type: always(field(RequestConditionType, 'Approved, Denied or Failed')),
  status: always(field(ConditionStatus, 'True, False or Unknown')),
  reason: string('Cause in one word, for programs'),
  message: string('Cause in a sentence, for people'),
  lastUpdateTime: time('When it was last written'),
  lastTransitionTime: time('When the status last changed'),
});
export interface CertificateSigningRequestCondition extends Static<typeof CertificateSigningRequestCondition> {}

export const CertificateSigningRequestStatus = object('io.k8s.api.certificates.v1.CertificateSigningRequestStatus', {
  conditions: list(CertificateSigningRequestCondition, 'Newest state of each aspect', { listType: 'map', mapKeys: ['type'] }),
  certificate: bytes('The certificate, PEM in base64'),
});
export interface CertificateSigningRequestStatus extends Static<typeof CertificateSigningRequestStatus> {}

export const CertificateSigningRequest = kind(
  'io.k8s.api.certificates.v1.CertificateSigningRequest',
  {
    spec: always(field(CertificateSigningRequestSpec, 'What is wanted')),
    status: field(CertificateSigningRequestStatus, 'What was last seen of it; written by the system'),
  },
  'Asks for a certificate.',
);
export interface CertificateSigningRequest extends Static<typeof CertificateSigningRequest> {}
