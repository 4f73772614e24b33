import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PodStatus } from '#api/kinds/core/podStatus.ts';
import { statusPatch } from './statusPatch.ts';

const ready = (status: 'True' | 'False', reason?: string): NonNullable<PodStatus['conditions']>[number] => ({
  type: 'Ready',
  status,
  lastTransitionTime: '2026-01-01T00:00:00Z',
  ...(reason === undefined ? {} : { reason }),
});
const gate = { type: 'example.com/gate' as never, status: 'True' } as const;

const ROWS: readonly (readonly [name: string, there: PodStatus | undefined, wanted: PodStatus, patch: unknown])[] = [
  ['nothing there', undefined, { phase: 'Pending' }, { phase: 'Pending' }],
  ['the same', { phase: 'Running', conditions: [ready('True')] }, { phase: 'Running', conditions: [ready('True')] }, undefined],
  ['only what differs', { phase: 'Pending', hostIP: '1.2.3.4' }, { phase: 'Running', hostIP: '1.2.3.4' }, { phase: 'Running' }],
  ['what is gone is taken away', { phase: 'Pending', message: 'm' }, { phase: 'Pending' }, { message: null }],
  ['the condition of somebody else stays', { conditions: [gate, ready('True')] }, { conditions: [ready('True')] }, undefined],
  [
    'nor is it written back as we saw it last',
    { conditions: [{ ...gate, status: 'False' }, ready('True')] },
    { conditions: [ready('True'), gate] },
    undefined,
  ],
  [
    'of conditions those that differ, with what they lost',
    { conditions: [gate, ready('False', 'ContainersNotReady')] },
    { conditions: [ready('True')] },
    { conditions: [{ ...ready('True'), reason: null }] },
  ],
  [
    'a condition of ours that does not hold any more is taken away',
    { conditions: [gate, { type: 'PodResizePending', status: 'True' }, ready('True')] },
    { conditions: [ready('True')] },
    { conditions: [{ $patch: 'delete', type: 'PodResizePending' }] },
  ],
  [
    'addresses are replaced',
    { podIPs: [{ ip: '10.0.0.1' }] },
    { podIPs: [{ ip: '10.0.0.2' }] },
    { podIPs: [{ $patch: 'replace' }, { ip: '10.0.0.2' }] },
  ],
  ['a pod that is over stays over', { phase: 'Failed', reason: 'Evicted' }, { phase: 'Running', reason: 'Evicted' }, undefined],
  ['an empty list is none', { containerStatuses: [] }, {}, undefined],
  ['a field of others is not ours to clear', { nominatedNodeName: 'n' }, {}, undefined],
];
for (const [name, there, wanted, patch] of ROWS) test(`statusPatch: ${name}`, () => assert.deepEqual(statusPatch(there, wanted), patch));
