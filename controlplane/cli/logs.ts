/** `kijabi logs`: what a container wrote, from the kubelet of this node. */
import { parseArgs } from 'node:util';
import { durationMs } from '#api/formats.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { AppError } from '#base/errors.ts';
import { findKubelet, findPod, mainContainer } from './node.ts';
import type { Command } from './io.ts';

export const USAGE = `Usage: kijabi logs POD [-c CONTAINER | --all-containers] [-f] [--previous] [--tail LINES] [--since 5m | --since-time TIME]
                   [--limit-bytes BYTES] [--timestamps] [--prefix] [-n NAMESPACE] [--socket PATH]
`;

const OPTIONS = {
  container: { type: 'string', short: 'c' },
  follow: { type: 'boolean', short: 'f' },
  previous: { type: 'boolean', short: 'p' },
  tail: { type: 'string' },
  since: { type: 'string' },
  'since-time': { type: 'string' },
  'limit-bytes': { type: 'string' },
  'all-containers': { type: 'boolean' },
  prefix: { type: 'boolean' },
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
  const everyOne = values['all-containers'] === true;
  if (everyOne && container !== undefined) throw new AppError('USAGE', `--all-containers and one container exclude each other\n${USAGE}`);
  const chosen = everyOne ? allContainers(pod) : [mainContainer(pod, container, io)];
  const query = logQuery(values);
  const one = async (container: string): Promise<void> => {
    const show = values.prefix === true ? prefixed(`[pod/${name}/${container}] `, io.out) : io.out;
    await kubelet.logs({ namespace, name, container, query }, show, io.signal);
  };
  // Followed they come as they are written, else one after the other.
  if (values.follow === true) await Promise.all(chosen.map(one));
  else for (const name of chosen) await one(name);
  return 0;
};

function allContainers({ spec }: Pod): string[] {
  return [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])].map((c) => c.name);
}

export interface LogFlags {
  readonly follow?: boolean;
  readonly previous?: boolean;
  readonly timestamps?: boolean;
  readonly tail?: string;
  readonly since?: string;
  readonly 'since-time'?: string;
  readonly 'limit-bytes'?: string;
}

/** What the kubelet is asked. Pure. Throws USAGE. */
export function logQuery(flags: LogFlags): URLSearchParams {
  const query = new URLSearchParams();
  for (const flag of ['follow', 'previous', 'timestamps'] as const) if (flags[flag] === true) query.set(flag, 'true');
  const { tail, since, 'since-time': sinceTime, 'limit-bytes': limitBytes } = flags;
  if (tail !== undefined && tail !== '-1') query.set('tailLines', tail);
  if (limitBytes !== undefined) query.set('limitBytes', limitBytes);
  if (since !== undefined && sinceTime !== undefined) throw new AppError('USAGE', 'at most one of --since and --since-time');
  if (sinceTime !== undefined) query.set('sinceTime', sinceTime);
  if (since === undefined) return query;
  const ms = /^\d+$/.test(since) ? Number(since) * 1_000 : durationMs(since);
  if (ms === undefined || ms <= 0)
    throw new AppError('USAGE', `--since: want a duration such as 5s, 2m or 3h, got ${JSON.stringify(since)}`);
  query.set('sinceSeconds', String(Math.ceil(ms / 1_000)));
  return query;
}

/** Before each line. */
function prefixed(prefix: string, out: (text: string) => void): (piece: string) => void {
  let atStart = true;
  return (piece) => {
    for (const line of piece.split(/(?<=\n)/)) {
      if (line === '') continue;
      out(atStart ? `${prefix}${line}` : line);
      atStart = line.endsWith('\n');
    }
  };
}
