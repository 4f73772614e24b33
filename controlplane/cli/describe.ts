/** `kijabi describe pod NAME` and `describe node`: everything the node knows, in the layout people know from kubectl. */
import { parseArgs } from 'node:util';
import { AppError } from '#base/errors.ts';
import { describeNode } from './describeNode.ts';
import { describePod } from './describePod.ts';
import { findKubelet, findPod, kubeletSocket } from './node.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi describe pod NAME [-n NAMESPACE] [--socket PATH]
       kijabi describe node [--socket PATH]
`;

const OPTIONS = { namespace: { type: 'string', short: 'n' }, socket: { type: 'string' }, help: { type: 'boolean', short: 'h' } } as const;

export const describeCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(USAGE), 0);
  const [kind = '', second] = positionals;
  const [type = '', name = second] = kind.split('/');
  if (['node', 'nodes', 'no'].includes(type)) return describeNodeOf(name, values.socket, io);
  if (!['pod', 'pods', 'po'].includes(type) || name === undefined) throw new AppError('USAGE', `say which pod\n${USAGE}`);
  const namespace = values.namespace ?? 'default';
  const kubelet = findKubelet(io, values.socket);
  const pod = await findPod(io, kubeletSocket(io, values.socket), name, namespace);
  const [events, { terminations }] = await Promise.all([
    kubelet.events({ namespace, pod: name }, io.signal),
    kubelet.waitsAndEnds(namespace, name, io.signal),
  ]);
  io.out(describePod(pod, { events, terminations }, io.clock.nowMs()));
  return 0;
};

async function describeNodeOf(name: string | undefined, socket: string | undefined, io: Io): Promise<number> {
  const kubelet = findKubelet(io, socket);
  const [node, pods] = await Promise.all([kubelet.node(io.signal), kubelet.pods(io.signal)]);
  if (name !== undefined && name !== node.metadata.name) throw new AppError('NOT_FOUND', `nodes ${JSON.stringify(name)} not found`);
  io.out(describeNode(node, pods, io.clock.nowMs()));
  return 0;
}
