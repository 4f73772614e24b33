/**
 * The object of an event, in the two forms that upstream's programs send. Pure.
 * Source: client-go. The kubelet and the controllers count (tools/record: source, firstTimestamp, lastTimestamp, count), the scheduler tells
 * series (tools/events: eventTime, reportingInstance "component-host", and a series from the second time on).
 * Differs: in a series upstream keeps the first message whatever comes after it; here another message is another event, so that a pod's first
 * trouble does not hide the next one.
 */
import { rfc3339, rfc3339Micro } from '#api/formats.ts';
import type { Event } from '#api/kinds/core/event.ts';
import type { Sent } from './eventCorrelation.ts';

export interface EventSource {
  /** Who reports: "kubelet", "default-scheduler". */
  readonly component: string;
  /** The node, where a component runs on every one; with series, the machine. */
  readonly host?: string;
  /** Default: counted. */
  readonly form?: 'counted' | 'series';
}

export function eventOf(sent: Sent, { component, host, form = 'counted' }: EventSource): Event {
  const { regarding, text, name: eventName, count, firstAtMs, lastAtMs } = sent;
  const { apiVersion, kind, namespace, name, uid, resourceVersion, fieldPath } = regarding;
  const { type, reason, message, action } = text;
  const told = {
    metadata: { name: eventName, namespace: namespace ?? 'default' },
    involvedObject: {
      apiVersion,
      kind,
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
      ...(resourceVersion === undefined ? {} : { resourceVersion }),
      ...(fieldPath === undefined ? {} : { fieldPath }),
    },
    type,
    reason,
    message,
    ...(action === undefined ? {} : { action }),
    reportingComponent: component,
  };
  if (form === 'series')
    return {
      ...told,
      eventTime: rfc3339Micro(firstAtMs),
      reportingInstance: `${component}-${host ?? ''}`,
      ...(count === 1 ? {} : { series: { count, lastObservedTime: rfc3339Micro(lastAtMs) } }),
    };
  return {
    ...told,
    source: { component, ...(host === undefined ? {} : { host }) },
    reportingInstance: host ?? '',
    firstTimestamp: rfc3339(firstAtMs),
    lastTimestamp: rfc3339(lastAtMs),
    count,
  };
}

/** What changes in the object when it is told once more. */
export function patchOf({ series, count, lastTimestamp, message }: Event): unknown {
  return series === undefined ? { count, lastTimestamp, message } : { series };
}
