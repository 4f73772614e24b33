import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { classShares, QosGroups } from './qosGroups.ts';
import { CgroupNames } from './cgroupNames.ts';

const pod = (resources: object): Pod => ({ metadata: {}, spec: { containers: [{ name: 'c', resources }] } });
const burstable = pod({ requests: { cpu: '250m' } });

test('classShares: Burstable pods have what they asked for together, BestEffort the least; Guaranteed ones stand beside', () => {
  assert.deepEqual(classShares([burstable, burstable, pod({}), pod({ limits: { cpu: '4', memory: '1Gi' } })]), {
    burstable: 512,
    besteffort: 2,
  });
  assert.deepEqual(classShares([]), { burstable: 2, besteffort: 2 });
});

test('QosGroups: writes what changed, tells what it cannot write and tries it again', async () => {
  const written: string[] = [];
  let broken = true;
  const log: string[] = [];
  const enforced: string[] = [];
  const groups = new QosGroups({
    cgroups: {
      ensure: (path, limits) => {
        if (broken && !path.endsWith('besteffort')) return Promise.reject(new Error('busy'));
        written.push(`${path} ${JSON.stringify(limits)}`);
        return Promise.resolve();
      },
    },
    cgroupNames: new CgroupNames('/r'),
    most: { cpuMilli: 1_500, memoryBytes: 1_000 },
    log: makeLogger({ clock: new SystemClock(), write: (line) => void log.push(line) }),
    onEnforced: ({ path, err }) => enforced.push(`${path} ${err instanceof Error ? err.message : 'done'}`),
  });
  await groups.update([burstable]);
  assert.deepEqual(written.splice(0), ['/r/kubepods/besteffort {"cpuShares":2}']);
  assert.match(log.join('\n'), /Cannot limit a control group of all pods path=\/r\/kubepods\/burstable err=busy/);
  broken = false;
  await groups.update([burstable]);
  await groups.update([burstable]);
  assert.deepEqual(written.splice(0), ['/r/kubepods {"cpuShares":1536,"memoryBytes":1000}', '/r/kubepods/burstable {"cpuShares":256}']);
  assert.deepEqual(enforced, ['/r/kubepods busy', '/r/kubepods done']);
});
