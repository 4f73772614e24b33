/** `kijabi events`: what happened to the pods of this node, as its kubelet keeps it, the newest last. */
import { parseArgs } from 'node:util';
import { humanDuration } from '#api/print/age.ts';
import { formatTable } from '#api/print/table.ts';
import { AppError } from '#base/errors.ts';
import type { NodeEvent } from '#agent/host/kubeletClient.ts';
import { findKubelet } from './node.ts';
import type { Command } from './io.ts';

export const USAGE = `Usage: kijabi events [--for pod/NAME] [--types Normal,Warning] [-n NAMESPACE | -A] [-w] [-o json] [--socket PATH]

Shows what happened to the pods of this node, the newest last. Without -n: of the namespace "default".
-w goes on with each as it happens.
`;

const OPTIONS = {
  for: { type: 'string' },
  types: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  'all-namespaces': { type: 'boolean', short: 'A' },
  output: { type: 'string', short: 'o' },
  watch: { type: 'boolean', short: 'w' },
  socket: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const eventsCommand: Command = async (argv, io) => {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  if (values.help === true) return (io.out(USAGE), 0);
  if (values.output !== undefined && values.output !== 'json')
    throw new AppError('USAGE', `-o: want json, got ${JSON.stringify(values.output)}`);
  const pod = values.for === undefined ? undefined : /^(?:pods?|po)\/(.+)$/.exec(values.for)?.[1];
  if (values.for !== undefined && pod === undefined) throw new AppError('USAGE', `--for: want pod/NAME, got ${JSON.stringify(values.for)}`);
  const types = values.types?.split(',').map((type) => type.toLowerCase());
  const all = values['all-namespaces'] === true;
  const namespace = values.namespace ?? 'default';
  const isWanted = (e: NodeEvent): boolean =>
    (all || e.namespace === namespace) &&
    (pod === undefined || e.pod === pod) &&
    (types === undefined || types.includes(e.type.toLowerCase()));
  if (values.watch === true) {
    if (values.output !== undefined) throw new AppError('USAGE', '-w goes without -o');
    let heading = true;
    await findKubelet(io, values.socket).watchEvents((event) => {
      if (!isWanted(event)) return;
      const [head = '', line = ''] = eventTable([event], all, io.clock.nowMs()).split('\n');
      io.out(heading ? `${head}\n${line}\n` : `${line}\n`);
      heading = false;
    }, io.signal);
    return 0;
  }
  const kept = await findKubelet(io, values.socket).events(
    { ...(all ? {} : { namespace }), ...(pod === undefined ? {} : { pod }) },
    io.signal,
  );
  const events = kept.filter(({ type }) => types === undefined || types.includes(type.toLowerCase()));
  if (values.output === 'json')
    io.out(`${JSON.stringify({ apiVersion: 'v1', kind: 'List', metadata: {}, items: events.map(asEvent) }, undefined, 4)}\n`);
  else if (events.length === 0) io.err(`No events found${all ? '' : ` in ${namespace} namespace`}.\n`);
  else io.out(eventTable(events, all, io.clock.nowMs()));
  return 0;
};

export function eventTable(events: readonly NodeEvent[], all: boolean, nowMs: number): string {
  const headings = [...(all ? ['NAMESPACE'] : []), 'LAST SEEN', 'TYPE', 'REASON', 'OBJECT', 'MESSAGE'];
  return formatTable(
    headings,
    events
      .toSorted((a, b) => a.lastAtMs - b.lastAtMs)
      .map((e) => [...(all ? [e.namespace] : []), lastSeen(e, nowMs), e.type, e.reason, `Pod/${e.pod}`, e.message.trim()]),
  );
}

/** "12s", or "12s (x5 over 3m)". */
export function lastSeen({ firstAtMs, lastAtMs, count }: NodeEvent, nowMs: number): string {
  const last = humanDuration(nowMs - lastAtMs);
  return count === 1 ? last : `${last} (x${count} over ${humanDuration(nowMs - firstAtMs)})`;
}

/** As an API server would give it. */
export function asEvent(e: NodeEvent & { readonly uid?: string; readonly fieldPath?: string }): object {
  const time = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: {
      name: `${e.pod}.${Math.round(e.firstAtMs * 1_000).toString(16)}`,
      namespace: e.namespace,
      creationTimestamp: time(e.firstAtMs),
    },
    involvedObject: {
      apiVersion: 'v1',
      kind: 'Pod',
      namespace: e.namespace,
      name: e.pod,
      ...(e.uid === undefined ? {} : { uid: e.uid }),
      ...(e.fieldPath === undefined ? {} : { fieldPath: e.fieldPath }),
    },
    type: e.type,
    reason: e.reason,
    message: e.message,
    source: { component: 'kubelet' },
    reportingComponent: 'kubelet',
    firstTimestamp: time(e.firstAtMs),
    lastTimestamp: time(e.lastAtMs),
    count: e.count,
  };
}
