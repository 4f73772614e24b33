/**
 * What a cluster of one node costs when nothing happens in it: `kijabi up`, left alone, and then memory (RSS) and CPU of each of its processes.
 *   npm run bench:idle [-- --seconds 120]        needs root
 * With --name NAME it measures a node that runs already, and leaves it running.
 */
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { nodePaths } from '#agent/host/paths.ts';
import { readState, type Role } from '#agent/host/state.ts';
import { cpuMs, rssMb } from './node.ts';
import { row } from './report.ts';

const KIJABI = new URL('../../../controlplane/cli/kijabi', import.meta.url).pathname;
const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '120' }, settle: { type: 'string', default: '60' }, name: { type: 'string' } },
});
const [seconds, settleSeconds] = [Number(values.seconds), Number(values.settle)];
const OWN = 'bench-idle';
const name = values.name ?? OWN;

/** With what has to be reached; the control plane is API server, store, scheduler, controllers and DNS. */
const PARTS: readonly (readonly [role: Role, what: string, target: string])[] = [
  ['apiserver', 'control plane', '< 200 MB, < 2 % of a core'],
  ['kubelet', 'kubelet', '<= 90 MB, < 1 %'],
  ['proxy', 'service proxy', ''],
  ['network', 'network', ''],
];

const pause = (forSeconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, forSeconds * 1_000));

async function measure(): Promise<void> {
  const processes = readState(nodePaths(name).stateFile)?.processes ?? {};
  const parts = PARTS.flatMap(([role, what, target]) => {
    const id = processes[role];
    return id === undefined ? [] : [{ what, target, pid: id.pid }];
  });
  const before = parts.map(({ pid }) => cpuMs(pid));
  const fromMs = performance.now();
  await pause(seconds);
  const tookMs = performance.now() - fromMs;
  for (const [i, { what, target, pid }] of parts.entries()) {
    const share = (100 * (cpuMs(pid) - (before[i] ?? 0))) / tookMs;
    row(what, [`CPU ${share.toFixed(2)} % of a core`, ...(target === '' ? [] : [`target ${target}`])], `RSS ${rssMb(pid)} MB`);
  }
}

if (values.name !== undefined) await measure();
else {
  try {
    await execa(KIJABI, ['up', '--detach', '--name', OWN], { stdio: ['ignore', 'ignore', 'inherit'] });
    await pause(settleSeconds);
    await measure();
  } finally {
    await execa(KIJABI, ['down', '--now', '--name', OWN], { stdio: 'ignore', reject: false });
  }
}
