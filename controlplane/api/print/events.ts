/** The table of events of both groups. Pure. Source: the columns of Kubernetes 1.36. */
import type { Event } from '#api/kinds/core/event.ts';
import type { Event as NewEvent } from '#api/kinds/events/v1.ts';
import { since, text, wide, type Column } from '#api/print/column.ts';

export const event: readonly Column<Event>[] = [
  text('Last Seen', 'Time since it last happened', (e, now) => lastSeen(e, now)),
  text('Type', 'Normal or Warning', (e) => e.type ?? ''),
  text('Reason', 'What happened, in one word', (e) => e.reason ?? ''),
  text(
    'Object',
    'What it happened to',
    ({ involvedObject: { kind = '', name = '' } }) => `${kind.toLowerCase()}${name === '' ? '' : `/${name}`}`,
  ),
  wide(text('Subobject', 'Part of the object', (e) => e.involvedObject.fieldPath ?? '')),
  wide(text('Source', 'Who saw it, and where', sourceText)),
  text('Message', 'What happened, in a sentence', (e) => (e.message ?? '').trim()),
  wide(text('First Seen', 'Time since it first happened', (e, now) => firstSeen(e, now))),
  wide(text('Count', 'How often it happened', countOf)),
  wide({
    ...text('Name', 'Name of the event', (e: Event) => e.metadata.name ?? ''),
    heading: { name: 'Name', type: 'string', format: 'name', description: 'Name of the event', priority: 1 },
  }),
];

function firstSeen({ firstTimestamp, eventTime }: Event, nowMs: number): string {
  return since(firstTimestamp ?? eventTime, nowMs);
}

function lastSeen(e: Event, nowMs: number): string {
  if (e.series !== undefined) return since(e.series.lastObservedTime, nowMs);
  return e.lastTimestamp === undefined ? firstSeen(e, nowMs) : since(e.lastTimestamp, nowMs);
}

/** Events of the new kind that happened once do not count. */
function countOf({ series, count = 0 }: Event): number {
  return series === undefined ? Math.max(count, 1) : (series.count ?? 0);
}

function sourceText({ source, reportingComponent, reportingInstance }: Event): string {
  const first = (...texts: readonly (string | undefined)[]): string => texts.find((t) => t !== undefined && t !== '') ?? '';
  const component = first(source?.component, reportingComponent);
  const instance = first(source?.host, reportingInstance);
  return instance === '' ? component : `${component}, ${instance}`;
}

/** An event of events.k8s.io, under the names of the core group. */
function asCore(e: NewEvent): Event {
  const out = {
    metadata: e.metadata,
    involvedObject: e.regarding ?? {},
    reason: e.reason,
    message: e.note,
    source: e.deprecatedSource,
    firstTimestamp: e.deprecatedFirstTimestamp,
    lastTimestamp: e.deprecatedLastTimestamp,
    count: e.deprecatedCount,
    type: e.type,
    eventTime: e.eventTime,
    series: e.series,
    reportingComponent: e.reportingController,
    reportingInstance: e.reportingInstance,
  };
  return out as Event;
}

export const newEvent: readonly Column<NewEvent>[] = event.map(({ heading, cell }) => ({
  heading,
  cell: (e, now) => cell(asCore(e), now),
}));
