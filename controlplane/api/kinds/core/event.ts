import { int32, microTime, object, required, string, time, type Static } from '#api/schema.ts';
import { ObjectReference } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const EventSource = object('io.k8s.api.core.v1.EventSource', {
  component: string(),
  host: string(),
});
export interface EventSource extends Static<typeof EventSource> {}

export const EventSeries = object('io.k8s.api.core.v1.EventSeries', {
  count: int32(),
  lastObservedTime: microTime(),
});
export interface EventSeries extends Static<typeof EventSeries> {}

export const Event = kind('io.k8s.api.core.v1.Event', {
  involvedObject: required(ObjectReference),
  reason: string(),
  message: string(),
  source: EventSource,
  firstTimestamp: time(),
  lastTimestamp: time(),
  count: int32(),
  type: string(),
  eventTime: microTime(),
  series: EventSeries,
  action: string(),
  related: ObjectReference,
  reportingComponent: string(),
  reportingInstance: string(),
});
export interface Event extends Static<typeof Event> {}
