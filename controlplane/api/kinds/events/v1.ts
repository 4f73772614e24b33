import { int32, microTime, object, required, string, time, type Static } from '#api/schema.ts';
import { EventSource } from '#api/kinds/core/event.ts';
import { ObjectReference } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const EventSeries = object('io.k8s.api.events.v1.EventSeries', {
  count: required(int32()),
  lastObservedTime: required(microTime()),
});
export interface EventSeries extends Static<typeof EventSeries> {}

export const Event = kind('io.k8s.api.events.v1.Event', {
  eventTime: required(microTime()),
  series: EventSeries,
  reportingController: string(),
  reportingInstance: string(),
  action: string(),
  reason: string(),
  regarding: ObjectReference,
  related: ObjectReference,
  note: string(),
  type: string(),
  deprecatedSource: EventSource,
  deprecatedFirstTimestamp: time(),
  deprecatedLastTimestamp: time(),
  deprecatedCount: int32(),
});
export interface Event extends Static<typeof Event> {}
