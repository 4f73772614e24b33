/** `kijabi top`: what pods and the node use now, measured by the kubelet. */
import { parseArgs } from 'node:util';
import { formatTable } from '#api/print/table.ts';
import { AppError } from '#base/errors.ts';
import { findKubelet, notFoundText } from './node.ts';
import type { Command } from './io.ts';

export const USAGE = `Usage: kijabi top pod [NAME...] [--containers] [-n NAMESPACE | -A] [--socket PATH]
       kijabi top node [--socket PATH]
`;

const OPTIONS = {
  containers: { type: 'boolean' },
  namespace: { type: 'string', short: 'n' },
  'all-namespaces': { type: 'boolean', short: 'A' },
  socket: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

interface Used {
  readonly cpu?: { readonly usageNanoCores?: number };
  readonly memory?: { readonly workingSetBytes?: number; readonly availableBytes?: number };
}

export interface Summary {
  readonly node: Used & { readonly nodeName: string };
  readonly pods: readonly (Used & {
    readonly podRef: { readonly name: string; readonly namespace: string };
    readonly containers: readonly (Used & { readonly name: string })[];
  })[];
}

/** A rate needs two looks; the first one of a kubelet has none. */
const BETWEEN_LOOKS_MS = 1_100;

export const topCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(USAGE), 0);
  const [kind = '', ...names] = positionals;
  const isNode = ['node', 'nodes', 'no'].includes(kind);
  if (!isNode && !['pod', 'pods', 'po'].includes(kind)) throw new AppError('USAGE', `say what: pod or node\n${USAGE}`);
  const kubelet = findKubelet(io, values.socket);
  let summary = (await kubelet.summary(io.signal)) as Summary;
  if ([summary.node, ...summary.pods].some(({ cpu }) => cpu !== undefined && cpu.usageNanoCores === undefined)) {
    await io.clock.sleep(BETWEEN_LOOKS_MS, io.signal);
    summary = (await kubelet.summary(io.signal)) as Summary;
  }
  if (isNode) return (io.out(nodeTable(summary)), 0);
  const all = values['all-namespaces'] === true;
  const namespace = values.namespace ?? 'default';
  const pods = summary.pods.filter((p) => all || p.podRef.namespace === namespace);
  const missing = names.filter((name) => !pods.some((p) => p.podRef.name === name));
  const shown = pods.filter((p) => names.length === 0 || names.includes(p.podRef.name));
  if (shown.length > 0) io.out(podTable(shown, { all, containers: values.containers === true }));
  else if (names.length === 0) io.err(`No resources found${all ? '' : ` in ${namespace} namespace.`}\n`);
  const here = missing.length === 0 ? [] : await kubelet.pods(io.signal);
  for (const name of missing) io.err(`Error: ${notFoundText(here, name, namespace)}\n`);
  return missing.length > 0 ? 1 : 0;
};

export function podTable(pods: Summary['pods'], { all, containers }: { readonly all: boolean; readonly containers: boolean }): string {
  const head = [...(all ? ['NAMESPACE'] : []), ...(containers ? ['POD', 'NAME'] : ['NAME']), 'CPU(cores)', 'MEMORY(bytes)'];
  const rows = pods
    .toSorted((a, b) => (`${a.podRef.namespace}/${a.podRef.name}` < `${b.podRef.namespace}/${b.podRef.name}` ? -1 : 1))
    .flatMap((pod) => {
      const names = [...(all ? [pod.podRef.namespace] : []), pod.podRef.name];
      return containers ? pod.containers.map((c) => [...names, c.name, cores(c), memory(c)]) : [[...names, cores(pod), memory(pod)]];
    });
  return formatTable(head, rows);
}

export function nodeTable({ node }: Summary): string {
  const used = node.memory?.workingSetBytes ?? 0;
  const total = used + (node.memory?.availableBytes ?? 0);
  const percent = total === 0 ? '<unknown>' : `${Math.round((used / total) * 100)}%`;
  return formatTable(['NAME', 'CPU(cores)', 'MEMORY(bytes)', 'MEMORY(%)'], [[node.nodeName, cores(node), memory(node), percent]]);
}

function cores({ cpu }: Used): string {
  return cpu?.usageNanoCores === undefined ? '<unknown>' : `${Math.ceil(cpu.usageNanoCores / 1e6)}m`;
}

function memory({ memory: used }: Used): string {
  return used?.workingSetBytes === undefined ? '<unknown>' : `${Math.floor(used.workingSetBytes / (1 << 20))}Mi`;
}
