import { Lease } from '#api/kinds/coordination/v1.ts';
import { Event } from '#api/kinds/events/v1.ts';
import { RuntimeClass } from '#api/kinds/node/v1.ts';
import { defineKind } from '#api/scheme.ts';
import { validateNewEvent } from '#api/validation/events.ts';
import { validateLease, validateRuntimeClass } from '#api/validation/small.ts';

export const leaseKind = defineKind({
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  schema: Lease,
  plural: 'leases',
  namespaced: true,
  validate: validateLease,
});
export const eventsEventKind = defineKind({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  schema: Event,
  plural: 'events',
  namespaced: true,
  shortNames: ['ev'],
  validate: validateNewEvent,
});
export const runtimeClassKind = defineKind({
  apiVersion: 'node.k8s.io/v1',
  kind: 'RuntimeClass',
  schema: RuntimeClass,
  plural: 'runtimeclasses',
  namespaced: false,
  validate: validateRuntimeClass,
});
