import { field, int32, microTime, object, required, string, time, type Static } from '#api/schema.ts';
import { ObjectReference } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const EventSource = object('io.k8s.api.core.v1.EventSource', {
  component: string('Program that saw it'),
  host: string('Node it was seen on'),
});
export interface EventSource extends Static<typeof EventSource> {}

export const EventSeries = object('io.k8s.api.core.v1.EventSeries', {
  count: int32('How often it happened'),
  lastObservedTime: microTime('When it last happened'),
});
export interface EventSeries extends Static<typeof EventSeries> {}

export const Event = kind(
  'io.k8s.api.core.v1.Event',
  {
    involvedObject: required(field(ObjectReference, 'What it happened to')),
    reason: string('What happened, in one word'),
    message: string('What happened, in a sentence'),
    source: field(EventSource, 'Who saw it'),
    firstTimestamp: time('When it first happened'),
    lastTimestamp: time('When it last happened'),
    count: int32('How often it happened'),
    type: string('Normal or Warning'),
    eventTime: microTime('When it first happened'),
    series: field(EventSeries, 'Repetitions'),
    action: string('What was done'),
    related: field(ObjectReference, 'Another object that plays a part'),
    reportingComponent: string('Controller that reports it'),
    reportingInstance: string('Which copy of that controller'),
  },
  'Something that happened to an object.',
);
export interface Event extends Static<typeof Event> {}
