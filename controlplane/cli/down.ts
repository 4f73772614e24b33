/** `kijabi down`: stops an isolated node, whoever started it and whatever is left of it, and removes every trace. */
import { parseArgs } from 'node:util';
import { downNode } from '#agent/host/node.ts';
import { CACHE_DIR, DEFAULT_NODE } from '#agent/host/paths.ts';
import { AppError } from '#base/errors.ts';
import type { Command } from './io.ts';

export const USAGE = `Usage: kijabi down [--name NAME] [--now]

Stops the isolated node and removes its processes, namespaces, mounts, cgroups and files. Works after a crash too, and a second
time. Packages stay installed, and built images stay in ${CACHE_DIR}.

      --name NAME   which node (default ${DEFAULT_NODE})
      --now         do not wait for containers to stop by themselves
  -h, --help        print this
`;

const OPTIONS = { name: { type: 'string' }, now: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

export const downCommand: Command = async (argv, io) => {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  if (values.help === true) return (io.out(USAGE), 0);
  if (process.getuid?.() !== 0) throw new AppError('NOT_ROOT', 'Only root can remove a node: run it again with sudo');
  const name = values.name ?? DEFAULT_NODE;
  const startedMs = io.clock.monotonicMs();
  const graceful = values.now === true ? AbortSignal.abort() : AbortSignal.any([io.signal, io.hurry]);
  const existed = await downNode(name, { clock: io.clock, graceful, onNote: (text) => io.out(`${text}\n`) });
  const tookMs = Math.round(io.clock.monotonicMs() - startedMs);
  io.out(
    existed
      ? `Node ${name} is gone, with every trace of it, in ${tookMs} ms. Packages and images stay (${CACHE_DIR})\n`
      : `There is no node ${name}: nothing to remove\n`,
  );
  return 0;
};
