/** The kinds that controllers follow, without the rules of validation: the server has applied them. */
import { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import { ConfigMap, ServiceAccount } from '#api/kinds/core/config.ts';
import { Endpoints } from '#api/kinds/core/endpoints.ts';
import { Namespace } from '#api/kinds/core/namespace.ts';
import { Service } from '#api/kinds/core/service.ts';
import { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import type { ResourceType } from '#client/query.ts';

export const SERVICE_NAME_LABEL = 'kubernetes.io/service-name';
export const MANAGED_BY_LABEL = 'endpointslice.kubernetes.io/managed-by';

export const SERVICES: ResourceType<Service> = { apiVersion: 'v1', kind: 'Service', plural: 'services', namespaced: true, schema: Service };
export const ENDPOINTS: ResourceType<Endpoints> = {
  apiVersion: 'v1',
  kind: 'Endpoints',
  plural: 'endpoints',
  namespaced: true,
  schema: Endpoints,
};
export const ENDPOINT_SLICES: ResourceType<EndpointSlice> = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  plural: 'endpointslices',
  namespaced: true,
  schema: EndpointSlice,
};
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
