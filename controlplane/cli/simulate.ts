/** `kijabi simulate nodes N`: nodes and pods that are nothing but objects, for trying scheduling and controllers without containers. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { durationMs } from '#api/formats.ts';
import { quantityProblem } from '#api/quantity.ts';
import { AppError, codeOf } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import { VERSION } from '#base/version.ts';
import { connect } from '#client/connect.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import { DEFAULT_ROOM, nodeName, type Shape } from '../simulate/objects.ts';
import { Simulation } from '../simulate/simulation.ts';
import type { Command } from './io.ts';

const USAGE = `Usage: kijabi simulate nodes N [--prefix sim-] [--cpu 4] [--memory 32Gi] [--start-delay 1s-3s] ...
       kijabi simulate nodes --remove [--prefix sim-]

Makes N nodes that are nothing but objects, and lives for them: renews their leases, says that pods bound to them run, and lets these go when
they are deleted. Schedulers and controllers cannot tell the difference; logs and exec need a real kubelet. Ctrl-C removes the nodes with their
pods and leases. Works against any API server.

      --cpu, --memory, --pods, --storage QUANTITY   what each node has (4, 32Gi, 110, 100Gi)
      --resource NAME=QUANTITY   one more that each has, such as example.com/gpu=8; may be given several times
      --zones N            zones that they are in, in turn (3)
      --label KEY=VALUE    a label of each; may be given several times
      --taint KEY=VALUE:EFFECT   a taint of each; may be given several times
      --start-delay TIME or TIME-TIME   from the binding of a pod until it runs (1s)
      --stop-delay TIME    how long its containers take to end (1s), at most the pod's grace period
      --prefix TEXT        what their names begin with (sim-)
      --remove             remove what an earlier run left behind, and end
      --kubeconfig FILE    default: $KUBECONFIG, then ~/.kube/config
      --context NAME       default: the file's current context
  -h, --help               print this

A pod's containers end by themselves with the annotation kijabi.io/simulated-run-for (30s), with the exit code that
kijabi.io/simulated-exit-code says (0); they begin again where the pod's restartPolicy says so.
`;

const OPTIONS = {
  prefix: { type: 'string', default: 'sim-' },
  cpu: { type: 'string', default: DEFAULT_ROOM.cpu },
  memory: { type: 'string', default: DEFAULT_ROOM.memory },
  pods: { type: 'string', default: DEFAULT_ROOM.pods },
  storage: { type: 'string', default: DEFAULT_ROOM['ephemeral-storage'] },
  resource: { type: 'string', multiple: true },
  zones: { type: 'string', default: '3' },
  label: { type: 'string', multiple: true },
  taint: { type: 'string', multiple: true },
  'start-delay': { type: 'string', default: '1s' },
  'stop-delay': { type: 'string', default: '1s' },
  remove: { type: 'boolean', default: false },
  kubeconfig: { type: 'string' },
  context: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const parsed = (argv: readonly string[]) => parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });

const MOST_NODES = 50_000;

export const simulateCommand: Command = async (argv, io) => {
  const { values, positionals } = parsed(argv);
  if (values.help === true) return (io.out(USAGE), 0);
  const plan = planOf(values, positionals);
  const file = values.kubeconfig ?? io.env['KUBECONFIG'] ?? join(homedir(), '.kube', 'config');
  const config = await loadKubeconfig(file, values.context === undefined ? {} : { context: values.context });
  const { clock } = io;
  const log = makeLogger({ clock, level: 'warn', write: (line) => io.err(`${line.replace(/^<\d>/, '')}\n`) });
  const client = connect({ config, clock, log, userAgent: `kijabi/${VERSION}`, qps: -1 });
  const simulation = new Simulation({ client, clock, log, random: Math.random, ...plan });
  const { shape } = plan;
  try {
    if (!values.remove) await live(simulation, shape, io);
    else await clearUp(simulation, io, shape.prefix);
  } finally {
    client.close();
  }
  return 0;
};

/** Until Ctrl-C; then, or when something failed, the nodes are removed. */
async function live(simulation: Simulation, shape: Shape, io: Parameters<Command>[1]): Promise<void> {
  const { clock, signal } = io;
  try {
    const startedMs = clock.monotonicMs();
    await simulation.make(signal);
    const names = `${nodeName(shape, 0)}${shape.count === 1 ? '' : ` to ${nodeName(shape, shape.count - 1)}`}`;
    const seconds = ((clock.monotonicMs() - startedMs) / 1_000).toFixed(1);
    io.out(`${shape.count} simulated nodes are ready after ${seconds} s: ${names}. Ctrl-C removes them.\n`);
    await simulation.run(signal);
  } catch (err) {
    if (!signal.aborted) {
      if (codeOf(err) !== 'NODE_TAKEN') await clearUp(simulation, io, shape.prefix);
      throw err;
    }
  }
  await clearUp(simulation, io, shape.prefix);
}

async function clearUp(simulation: Simulation, io: Parameters<Command>[1], prefix: string): Promise<void> {
  try {
    const { nodes, pods } = await simulation.remove(io.hurry);
    io.out(`Removed ${nodes} simulated nodes and ${pods} pods on them.\n`);
  } catch (err) {
    if (!io.hurry.aborted) throw err;
    io.err(`Some are left; remove them with: kijabi simulate nodes --remove --prefix ${prefix}\n`);
  }
}

type Values = ReturnType<typeof parsed>['values'];

interface Plan {
  readonly shape: Shape;
  readonly startDelayMs: readonly [number, number];
  readonly stopDelayMs: number;
}

/** Throws USAGE with everything that is wrong. */
function planOf(values: Values, [what, count = '', ...rest]: readonly string[]): Plan {
  const problems: string[] = [];
  const whole = (name: string, text: string, most: number): number => {
    const n = Number(text);
    if (/^\d+$/.test(text) && n >= 1 && n <= most) return n;
    problems.push(`${name}: want a number from 1 to ${most}, got ${JSON.stringify(text)}`);
    return 1;
  };
  const time = (name: string, text: string): number => {
    const ms = durationMs(text);
    if (ms === undefined || ms < 0) problems.push(`${name}: want a time such as 500ms or 2s, got ${JSON.stringify(text)}`);
    return ms ?? 0;
  };
  const pair = (name: string, text: string): readonly [string, string] => {
    const [, key = '', value = ''] = /^([^=]+)=(.*)$/.exec(text) ?? [];
    if (key === '') problems.push(`${name}: want KEY=VALUE, got ${JSON.stringify(text)}`);
    return [key, value];
  };
  if (what !== 'nodes') problems.push(`want "nodes", got ${JSON.stringify(what ?? '')}`);
  if (rest.length > 0) problems.push(`unexpected: ${rest.join(' ')}`);
  const nodes = values.remove ? 0 : whole('N', count, MOST_NODES);
  const resources = (values.resource ?? []).map((text) => pair('--resource', text));
  const room = { cpu: values.cpu, memory: values.memory, pods: values.pods, 'ephemeral-storage': values.storage };
  const all = { ...room, ...Object.fromEntries(resources) };
  for (const [name, quantity] of Object.entries(all)) {
    const problem = quantityProblem(quantity);
    if (problem !== undefined) problems.push(`${name}: ${problem}, got ${JSON.stringify(quantity)}`);
  }
  const taints = (values.taint ?? []).flatMap((text) => {
    const [, key = '', , value, effect = ''] = /^([^=:]+)(=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text) ?? [];
    if (key === '')
      problems.push(`--taint: want KEY=VALUE:EFFECT with NoSchedule, PreferNoSchedule or NoExecute, got ${JSON.stringify(text)}`);
    return key === '' ? [] : [{ key, effect: effect as Shape['taints'][number]['effect'], ...(value === undefined ? {} : { value }) }];
  });
  const [least = '', most = least] = values['start-delay'].split('-');
  const startDelayMs = [time('--start-delay', least), time('--start-delay', most)] as const;
  if (startDelayMs[1] < startDelayMs[0]) problems.push(`--start-delay: want the shorter time first, got ${values['start-delay']}`);
  const plan = {
    shape: {
      prefix: values.prefix,
      count: nodes,
      room: all,
      zones: whole('--zones', values.zones, MOST_NODES),
      labels: Object.fromEntries((values.label ?? []).map((text) => pair('--label', text))),
      taints,
    },
    startDelayMs,
    stopDelayMs: time('--stop-delay', values['stop-delay']),
  };
  if (problems.length > 0) throw new AppError('USAGE', problems.join('; '));
  return plan;
}
