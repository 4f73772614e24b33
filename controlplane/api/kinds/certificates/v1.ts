import {
  always,
  atomicList,
  bytes,
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
  request: required(bytes()),
  signerName: required(string()),
  expirationSeconds: int32(),
  usages: atomicList(KeyUsage),
  username: string(),
  uid: string(),
  groups: atomicList(string()),
  extra: map(list(string())),
});
export interface CertificateSigningRequestSpec extends Static<typeof CertificateSigningRequestSpec> {}

export const RequestConditionType = knownTexts(['Approved', 'Denied', 'Failed']);
export type RequestConditionType = Static<typeof RequestConditionType>;

export const CertificateSigningRequestCondition = object('io.k8s.api.certificates.v1.CertificateSigningRequestCondition', {
  type: always(RequestConditionType),
  status: always(ConditionStatus),
  reason: string(),
  message: string(),
  lastUpdateTime: time(),
  lastTransitionTime: time(),
});
export interface CertificateSigningRequestCondition extends Static<typeof CertificateSigningRequestCondition> {}

export const CertificateSigningRequestStatus = object('io.k8s.api.certificates.v1.CertificateSigningRequestStatus', {
  conditions: list(CertificateSigningRequestCondition, undefined, { listType: 'map', mapKeys: ['type'] }),
  certificate: bytes(),
});
export interface CertificateSigningRequestStatus extends Static<typeof CertificateSigningRequestStatus> {}

export const CertificateSigningRequest = kind('io.k8s.api.certificates.v1.CertificateSigningRequest', {
  spec: always(CertificateSigningRequestSpec),
  status: CertificateSigningRequestStatus,
});
export interface CertificateSigningRequest extends Static<typeof CertificateSigningRequest> {}
