import { Endpoints } from '#api/kinds/core/endpoints.ts';
import { Service } from '#api/kinds/core/service.ts';
import { EndpointSlice } from '#api/kinds/discovery/v1.ts';
import { defineKind } from '#api/scheme.ts';
import { validateEndpoints } from '#api/validation/endpoints.ts';
import { validateEndpointSlice } from '#api/validation/endpointSlice.ts';
import { validateService } from '#api/validation/service.ts';

export const serviceKind = defineKind({
  apiVersion: 'v1',
  kind: 'Service',
  schema: Service,
  plural: 'services',
  namespaced: true,
  shortNames: ['svc'],
  categories: ['all'],
  subresources: ['proxy', 'status'],
  validate: validateService,
});

export const endpointsKind = defineKind({
  apiVersion: 'v1',
  kind: 'Endpoints',
  schema: Endpoints,
  plural: 'endpoints',
  singular: 'endpoints',
  namespaced: true,
  shortNames: ['ep'],
  validate: validateEndpoints,
});

export const endpointSliceKind = defineKind({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  schema: EndpointSlice,
  plural: 'endpointslices',
  namespaced: true,
  validate: validateEndpointSlice,
});
