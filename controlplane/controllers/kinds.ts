/** The kinds that controllers follow, without the rules of validation: the server has applied them. */
import { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import { ConfigMap, ServiceAccount } from '#api/kinds/core/config.ts';
import { Namespace } from '#api/kinds/core/namespace.ts';
import type { ResourceType } from '#client/query.ts';

export const NAMESPACES: ResourceType<Namespace> = {
  apiVersion: 'v1',
  kind: 'Namespace',
  plural: 'namespaces',
  namespaced: false,
  schema: Namespace,
};
export const SERVICE_ACCOUNTS: ResourceType<ServiceAccount> = {
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  namespaced: true,
  schema: ServiceAccount,
};
export const CONFIG_MAPS: ResourceType<ConfigMap> = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  plural: 'configmaps',
  namespaced: true,
  schema: ConfigMap,
};
export const SIGNING_REQUESTS: ResourceType<CertificateSigningRequest> = {
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  namespaced: false,
  schema: CertificateSigningRequest,
};
