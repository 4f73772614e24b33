/** `kijabi logs`: what a container wrote, from the kubelet of this node. */
import { parseArgs } from 'node:util';
import { AppError } from '#base/errors.ts';
import { findKubelet, findPod, mainContainer } from './node.ts';
import type { Command } from './io.ts';

export const USAGE = `Usage: kijabi logs POD [-c CONTAINER] [-f] [--previous] [--tail LINES] [--since SECONDS] [--timestamps] [-n NAMESPACE] [--socket PATH]
`;

const OPTIONS = {
  container: { type: 'string', short: 'c' },
  follow: { type: 'boolean', short: 'f' },
  previous: { type: 'boolean', short: 'p' },
  tail: { type: 'string' },
  since: { type: 'string' },
  timestamps: { type: 'boolean' },
  namespace: { type: 'string', short: 'n' },
  socket: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const logsCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(USAGE), 0);
  const [given, container = values.container] = positionals;
  if (given === undefined) throw new AppError('USAGE', `say which pod\n${USAGE}`);
  const kubelet = findKubelet(io, values.socket);
  const pod = await findPod(io, kubelet.socket, given, values.namespace);
  const { namespace = 'default', name = '' } = pod.metadata;
  const chosen = mainContainer(pod, container, io);
  const query = new URLSearchParams();
  if (values.follow === true) query.set('follow', 'true');
  if (values.previous === true) query.set('previous', 'true');
  if (values.timestamps === true) query.set('timestamps', 'true');
  if (values.tail !== undefined && values.tail !== '-1') query.set('tailLines', values.tail);
  if (values.since !== undefined) query.set('sinceSeconds', values.since.replace(/s$/, ''));
  await kubelet.logs({ namespace, name, container: chosen, query }, io.out, io.signal);
  return 0;
};
