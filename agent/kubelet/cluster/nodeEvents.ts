/** What happened to the node, in the reasons and words of upstream's kubelet. Pure. */
import { explain } from '#base/errors.ts';
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

/** A condition that became another one. */
export function nodeEvents(before: Status, now: NonNullable<Status>): NodeEvent[] {
  const name = now.addresses?.find(({ type }) => type === 'Hostname')?.address ?? '';
  return (now.conditions ?? []).flatMap(({ type, status }): NodeEvent[] => {
    if (before?.conditions?.find((c) => c.type === type)?.status === status) return [];
    const reason = REASONS[type]?.[status];
    return reason === undefined ? [] : [{ type: 'Normal', reason, message: `Node ${name} status is now: ${reason}` }];
  });
}

/** From the Node as the API had it: the kernel was started since. */
export function rebootEvents(name: string, known: Status, now: Status): NodeEvent[] {
  const [before = '', bootId = ''] = [known?.nodeInfo?.bootID, now?.nodeInfo?.bootID];
  if (before === '' || before === bootId) return [];
  return [{ type: 'Warning', reason: 'Rebooted', message: `Node ${name} has been rebooted, boot id: ${bootId}` }];
}

/** Somebody cordoned the node, or took that back. A node that is new here was schedulable before. */
export function schedulableEvents(name: string, before: Node | undefined, now: Node | undefined): NodeEvent[] {
  const isOff = now?.spec?.unschedulable === true;
  if (now === undefined || isOff === (before?.spec?.unschedulable === true)) return [];
  const reason = isOff ? 'NodeNotSchedulable' : 'NodeSchedulable';
  return [{ type: 'Normal', reason, message: `Node ${name} status is now: ${reason}` }];
}

/** All pods are held to what is not reserved, or cannot be. path: of their control group. */
export function enforcedEvent({ path, err }: { readonly path: string; readonly err?: unknown }): NodeEvent {
  if (err === undefined)
    return { type: 'Normal', reason: 'NodeAllocatableEnforced', message: 'Updated Node Allocatable limit across pods' };
  const message = `Failed to update Node Allocatable Limits ${JSON.stringify(path)}: ${explain(err)}`;
  return { type: 'Warning', reason: 'FailedNodeAllocatableEnforcement', message };
}

export function reclaimEvent(resource: string): NodeEvent {
  return { type: 'Warning', reason: 'EvictionThresholdMet', message: `Attempting to reclaim ${resource}` };
}

/** Units: bytes. */
export function tooLittleFreed(wanted: number, freed: number): NodeEvent {
  const message = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
  return { type: 'Warning', reason: 'FreeDiskSpaceFailed', message };
}
