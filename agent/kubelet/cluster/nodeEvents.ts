/** What happened to the node, from two statuses: a condition that became another one. Pure. Source: the reasons of upstream's kubelet. */
import type { Node } from '#api/kinds/core/node.ts';

type Status = Node['status'];

export interface NodeEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

const REASONS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Ready: { True: 'NodeReady', False: 'NodeNotReady' },
  MemoryPressure: { True: 'NodeHasInsufficientMemory', False: 'NodeHasSufficientMemory' },
  DiskPressure: { True: 'NodeHasDiskPressure', False: 'NodeHasNoDiskPressure' },
  PIDPressure: { True: 'NodeHasInsufficientPID', False: 'NodeHasSufficientPID' },
};

export function nodeEvents(before: Status, now: NonNullable<Status>): NodeEvent[] {
  const name = now.addresses?.find(({ type }) => type === 'Hostname')?.address ?? '';
  return (now.conditions ?? []).flatMap(({ type, status }): NodeEvent[] => {
    if (before?.conditions?.find((c) => c.type === type)?.status === status) return [];
    const reason = REASONS[type]?.[status];
    return reason === undefined ? [] : [{ type: 'Normal', reason, message: `Node ${name} status is now: ${reason}` }];
  });
}
