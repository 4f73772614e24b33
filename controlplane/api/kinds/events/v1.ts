import { field, int32, microTime, object, required, string, time, type Static } from '#api/schema.ts';
import { EventSource } from '#api/kinds/core/event.ts';
import { ObjectReference } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const EventSeries = object('io.k8s.api.events.v1.EventSeries', {
  count: required(int32('How often it happened')),
  lastObservedTime: required(microTime('When it last happened')),
});
export interface EventSeries extends Static<typeof EventSeries> {}

export const Event = kind(
  'io.k8s.api.events.v1.Event',
  {
    eventTime: required(microTime('When it first happened')),
    series: field(EventSeries, 'Repetitions'),
    reportingController: string('Controller that reports it'),
    reportingInstance: string('Which copy of that controller'),
    action: string('What was done'),
    reason: string('What happened, in one word'),
    regarding: field(ObjectReference, 'What it happened to'),
    related: field(ObjectReference, 'Another object that plays a part'),
    note: string('What happened, in a sentence'),
    type: string('Normal or Warning'),
    deprecatedSource: field(EventSource, 'Who saw it, in the old form'),
    deprecatedFirstTimestamp: time('When it first happened, in the old form'),
    deprecatedLastTimestamp: time('When it last happened, in the old form'),
    deprecatedCount: int32('How often it happened, in the old form'),
  },
  'Something that happened to an object.',
);
export interface Event extends Static<typeof Event> {}
