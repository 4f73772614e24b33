/** `kijabi describe node`: what the node is, has and is asked for, in the layout people know from kubectl. Pure. */
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { podTotal } from '#api/podResources.ts';
import { humanDuration } from '#api/print/age.ts';
import { formatTable } from '#api/print/table.ts';
import { toBytes, toMilli } from '#api/quantity.ts';
import { Lines } from './lines.ts';

export function describeNode({ metadata, spec, status = {} }: Node, pods: readonly Pod[], nowMs: number): string {
  const out = new Lines();
  out.field('Name', metadata.name);
  out.map('Labels', metadata.labels);
  out.map('Annotations', metadata.annotations);
  out.field('CreationTimestamp', metadata.creationTimestamp);
  out.field('Taints', (spec?.taints ?? []).map((t) => `${t.key}${t.value ? `=${t.value}` : ''}:${t.effect}`).join(', ') || '<none>');
  out.field('Unschedulable', String(spec?.unschedulable ?? false));
  out.text('Conditions:');
  const age = (time: string | undefined): string => (time === undefined ? '' : humanDuration(nowMs - Date.parse(time)));
  out.block(
    formatTable(
      ['Type', 'Status', 'Since', 'Reason', 'Message'],
      (status.conditions ?? []).map((c) => [c.type, c.status, age(c.lastTransitionTime), c.reason ?? '', c.message ?? '']),
    ),
  );
  out.list(
    'Addresses',
    (status.addresses ?? []).map((a) => `${a.type}:  ${a.address}`),
  );
  for (const [title, amounts] of [
    ['Capacity', status.capacity],
    ['Allocatable', status.allocatable],
  ] as const)
    out.list(
      title,
      Object.entries(amounts ?? {}).map(([name, amount]) => `${`${name}:`.padEnd(20)} ${amount}`),
    );
  out.list(
    'System Info',
    Object.entries(status.nodeInfo ?? {}).map(
      ([name, value]) => `${`${name}:`.padEnd(26)} ${typeof value === 'string' ? value : JSON.stringify(value)}`,
    ),
  );
  if (spec?.podCIDR !== undefined) out.field('PodCIDR', spec.podCIDR);
  if (spec?.providerID !== undefined) out.field('ProviderID', spec.providerID);
  const alive = pods.filter((p) => p.status?.phase !== 'Succeeded' && p.status?.phase !== 'Failed');
  out.text(`Non-terminated Pods: (${alive.length} in total)`);
  const rows = alive.map((pod) => {
    const [requests, limits] = [podTotal(pod.spec, 'requests'), podTotal(pod.spec, 'limits')];
    return [
      pod.metadata.namespace ?? 'default',
      pod.metadata.name ?? '',
      requests['cpu'] ?? '0',
      limits['cpu'] ?? '0',
      requests['memory'] ?? '0',
      limits['memory'] ?? '0',
      age(pod.status?.startTime),
    ];
  });
  out.block(formatTable(['Namespace', 'Name', 'CPU Requests', 'CPU Limits', 'Memory Requests', 'Memory Limits', 'Age'], rows));
  out.text('Allocated resources:');
  const sum = (column: number, of: (text: string) => number): number => rows.reduce((all, row) => all + of(row[column] ?? '0'), 0);
  const part = (amount: number, whole: number): string => (whole > 0 ? ` (${Math.floor((amount * 100) / whole)}%)` : '');
  const cpu = toMilli(status.allocatable?.['cpu'] ?? '0');
  const memory = toBytes(status.allocatable?.['memory'] ?? '0');
  const milli = (column: number): string => `${sum(column, toMilli)}m${part(sum(column, toMilli), cpu)}`;
  const mib = (column: number): string => `${Math.ceil(sum(column, toBytes) / 2 ** 20)}Mi${part(sum(column, toBytes), memory)}`;
  out.block(
    formatTable(
      ['Resource', 'Requests', 'Limits'],
      [
        ['cpu', milli(2), milli(3)],
        ['memory', mib(4), mib(5)],
      ],
    ),
  );
  return out.toString();
}
