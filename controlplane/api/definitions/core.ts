import { ComponentStatus } from '#api/kinds/core/componentStatus.ts';
import { ConfigMap, Secret, ServiceAccount } from '#api/kinds/core/config.ts';
import { Event } from '#api/kinds/core/event.ts';
import { Namespace } from '#api/kinds/core/namespace.ts';
import { Node } from '#api/kinds/core/node.ts';
import { LimitRange, ResourceQuota } from '#api/kinds/core/quota.ts';
import { ReplicationController } from '#api/kinds/core/replicationController.ts';
import { dns1123Subdomain } from '#api/names.ts';
import { defineKind } from '#api/scheme.ts';
import { validateConfigMap, validateNamespace, validateSecret } from '#api/validation/config.ts';
import { metadataOnly } from '#api/validation/named.ts';
import { validateReplicationController } from '#api/validation/workloads.ts';
import { validateLimitRange, validateResourceQuota } from '#api/validation/quota.ts';
import { validateEvent } from '#api/validation/events.ts';
import { validateNode } from '#api/validation/node.ts';

export const configMapKind = defineKind({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  schema: ConfigMap,
  plural: 'configmaps',
  namespaced: true,
  shortNames: ['cm'],
  validate: validateConfigMap,
});
export const secretKind = defineKind({
  apiVersion: 'v1',
  kind: 'Secret',
  schema: Secret,
  plural: 'secrets',
  namespaced: true,
  validate: validateSecret,
});
export const serviceAccountKind = defineKind({
  apiVersion: 'v1',
  kind: 'ServiceAccount',
  schema: ServiceAccount,
  plural: 'serviceaccounts',
  namespaced: true,
  shortNames: ['sa'],
  subresources: ['token'],
  validate: metadataOnly({ namespaced: true, name: dns1123Subdomain }),
});
export const namespaceKind = defineKind({
  apiVersion: 'v1',
  kind: 'Namespace',
  schema: Namespace,
  plural: 'namespaces',
  namespaced: false,
  shortNames: ['ns'],
  subresources: ['finalize', 'status'],
  validate: validateNamespace,
});
export const nodeKind = defineKind({
  apiVersion: 'v1',
  kind: 'Node',
  schema: Node,
  plural: 'nodes',
  namespaced: false,
  shortNames: ['no'],
  subresources: ['proxy', 'status'],
  validate: validateNode,
});
export const eventKind = defineKind({
  apiVersion: 'v1',
  kind: 'Event',
  schema: Event,
  plural: 'events',
  namespaced: true,
  shortNames: ['ev'],
  validate: validateEvent,
});
export const limitRangeKind = defineKind({
  apiVersion: 'v1',
  kind: 'LimitRange',
  schema: LimitRange,
  plural: 'limitranges',
  namespaced: true,
  shortNames: ['limits'],
  validate: validateLimitRange,
});
export const resourceQuotaKind = defineKind({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  schema: ResourceQuota,
  plural: 'resourcequotas',
  namespaced: true,
  shortNames: ['quota'],
  subresources: ['status'],
  validate: validateResourceQuota,
});
export const replicationControllerKind = defineKind({
  apiVersion: 'v1',
  kind: 'ReplicationController',
  schema: ReplicationController,
  plural: 'replicationcontrollers',
  namespaced: true,
  shortNames: ['rc'],
  categories: ['all'],
  subresources: ['scale', 'status'],
  validate: validateReplicationController,
});
export const componentStatusKind = defineKind({
  apiVersion: 'v1',
  kind: 'ComponentStatus',
  schema: ComponentStatus,
  plural: 'componentstatuses',
  namespaced: false,
  shortNames: ['cs'],
});
