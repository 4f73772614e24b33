/** `kijabi get pods` and `kijabi get node`: what runs on this node and how it is, asked from its kubelet, printed the way kubectl prints it. */
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import type { Pod } from '#api/kinds/core/pod.ts';
import { node as nodeColumns } from '#api/print/cluster.ts';
import { podRow } from '#api/print/pod.ts';
import { formatTable } from '#api/print/table.ts';
import { AppError } from '#base/errors.ts';
import { findKubelet, notFoundText } from './node.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi get pods [NAME...] [-n NAMESPACE | -A] [-o wide|json|yaml|name] [-w] [--socket PATH]
       kijabi get node [-o wide|json|yaml|name] [--socket PATH]

Shows the pods of this node. Without -n: of the namespace "default". -w goes on with a line for each change.
`;

const OPTIONS = {
  namespace: { type: 'string', short: 'n' },
  'all-namespaces': { type: 'boolean', short: 'A' },
  output: { type: 'string', short: 'o' },
  watch: { type: 'boolean', short: 'w' },
  socket: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const OUTPUTS = ['wide', 'json', 'yaml', 'name'];

export const getCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(USAGE), 0);
  if (['nodes', 'node', 'no'].includes(positionals[0] ?? '') && positionals.length === 1) return getNode(values, io);
  const names = namesOf(positionals);
  if (values.output !== undefined && !OUTPUTS.includes(values.output))
    throw new AppError('USAGE', `-o: want ${OUTPUTS.join(', ')}, got ${JSON.stringify(values.output)}`);
  const all = values['all-namespaces'] === true;
  const namespace = values.namespace ?? 'default';
  if (values.watch === true) {
    if (values.output !== undefined && values.output !== 'wide') throw new AppError('USAGE', '-w goes with -o wide or without -o');
    const wanted = (p: Pod): boolean =>
      (all || p.metadata.namespace === namespace) && (names.length === 0 || names.includes(p.metadata.name ?? ''));
    await watch({ wide: values.output === 'wide', all, wanted, socket: values.socket }, io);
    return 0;
  }
  const here = await findKubelet(io, values.socket).pods(io.signal);
  const pods = here.filter((p) => all || p.metadata.namespace === namespace);
  const shown = names.length === 0 ? pods : pods.filter((p) => names.includes(p.metadata.name ?? ''));
  const missing = names.filter((name) => !pods.some((p) => p.metadata.name === name));
  if (shown.length > 0 || names.length === 0) print(shown, { output: values.output, all, namespace, single: names.length === 1 }, io);
  for (const name of missing) io.err(`Error: ${notFoundText(here, name, namespace)}\n`);
  return missing.length > 0 ? 1 : 0;
};

async function getNode(values: { readonly output?: string; readonly socket?: string }, io: Io): Promise<number> {
  const { output } = values;
  if (output !== undefined && !OUTPUTS.includes(output))
    throw new AppError('USAGE', `-o: want ${OUTPUTS.join(', ')}, got ${JSON.stringify(output)}`);
  const node = await findKubelet(io, values.socket).node(io.signal);
  if (output === 'json' || output === 'yaml') io.out(output === 'json' ? `${JSON.stringify(node, undefined, 4)}\n` : stringify(node));
  else if (output === 'name') io.out(`node/${node.metadata.name}\n`);
  else {
    const shown = nodeColumns.filter((c) => output === 'wide' || (c.heading.priority ?? 0) === 0);
    io.out(
      formatTable(
        shown.map((c) => c.heading.name.toUpperCase()),
        [shown.map((c) => String(c.cell(node, io.clock.nowMs())))],
      ),
    );
  }
  return 0;
}

interface WatchOptions {
  readonly wide: boolean;
  readonly all: boolean;
  readonly wanted: (pod: Pod) => boolean;
  readonly socket: string | undefined;
}

/** First the table, then a line for each pod whose line is another one now; ages alone change nothing. */
async function watch({ wide, all, wanted, socket }: WatchOptions, io: Io): Promise<void> {
  const first: Pod[] = [];
  const shown = new Map<string, string>();
  let listed = false;
  const lines = (pods: readonly Pod[]): string[] => podTable(pods, { wide, all }, io.clock.nowMs()).trimEnd().split('\n');
  const show = (pod: Pod, always: boolean): void => {
    const key = `${pod.metadata.namespace}/${pod.metadata.name}`;
    const { age: _, ...given } = podRow(pod, 0);
    const row = { ...given, status: statusCell(pod, given.status) };
    if (!always && shown.get(key) === JSON.stringify(row)) return;
    shown.set(key, JSON.stringify(row));
    if (listed) io.out(`${lines([pod])[1]}\n`);
  };
  await findKubelet(io, socket).watchPods(({ type, object }) => {
    if (type === 'BOOKMARK') {
      if (first.length > 0) io.out(`${lines(first).join('\n')}\n`);
      listed = true;
    } else if (wanted(object)) {
      if (!listed) first.push(object);
      show(object, type === 'DELETED');
    }
  }, io.signal);
}

/** "pods", "pod", "po", also as pod/NAME. */
function namesOf(positionals: readonly string[]): string[] {
  const [kind = '', ...rest] = positionals;
  const [type = '', name] = kind.split('/');
  if (!['pods', 'pod', 'po'].includes(type))
    throw new AppError(
      'USAGE',
      `${kind === '' ? 'say what to get' : `cannot get ${JSON.stringify(kind)}`}: without an API server there are pods and the node\n${USAGE}`,
    );
  return name === undefined ? rest : [name, ...rest];
}

interface PrintOptions {
  readonly output: string | undefined;
  readonly all: boolean;
  readonly namespace: string;
  readonly single: boolean;
}

function print(pods: readonly Pod[], { output, all, namespace, single }: PrintOptions, io: Io): void {
  if (output === 'json' || output === 'yaml') {
    const document = single ? pods[0] : { apiVersion: 'v1', kind: 'List', metadata: {}, items: pods };
    io.out(output === 'json' ? `${JSON.stringify(document, undefined, 4)}\n` : stringify(document));
  } else if (output === 'name') io.out(pods.map((p) => `pod/${p.metadata.name}\n`).join(''));
  else if (pods.length === 0) io.err(`No resources found${all ? '' : ` in ${namespace} namespace.`}\n`);
  else io.out(podTable(pods, { wide: output === 'wide', all }, io.clock.nowMs()));
}

/** "Pulling 45%" while the kubelet says how far an image is; else what kubectl shows. */
function statusCell(pod: Pod, status: string): string {
  const all = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const pulling = all
    .map((c) => /^Pulling image "[^"]*": (?:(\d+%))?/.exec(c.state?.waiting?.message ?? ''))
    .find((found) => found !== null);
  return pulling === undefined ? status : `Pulling ${pulling[1] ?? ''}`.trimEnd();
}

export function podTable(pods: readonly Pod[], { wide, all }: { readonly wide: boolean; readonly all: boolean }, nowMs: number): string {
  const headings = [
    ...(all ? ['NAMESPACE'] : []),
    'NAME',
    'READY',
    'STATUS',
    'RESTARTS',
    'AGE',
    ...(wide ? ['IP', 'NODE', 'NOMINATED NODE', 'READINESS GATES'] : []),
  ];
  const rows = pods.toSorted(byName).map((pod) => {
    const r = podRow(pod, nowMs);
    return [
      ...(all ? [pod.metadata.namespace ?? ''] : []),
      r.name,
      r.ready,
      statusCell(pod, r.status),
      r.restarts,
      r.age,
      ...(wide ? [r.ip, r.node, r.nominatedNode, r.readinessGates] : []),
    ];
  });
  return formatTable(headings, rows);
}

function byName(a: Pod, b: Pod): number {
  const key = (p: Pod): string => `${p.metadata.namespace}/${p.metadata.name}`;
  return key(a) < key(b) ? -1 : 1;
}
