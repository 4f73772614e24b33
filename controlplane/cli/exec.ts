/** `kijabi exec` and `kijabi attach`: into a container of this node, by its kubelet. */
import { parseArgs } from 'node:util';
import { AppError } from '#base/errors.ts';
import { findPod, kubeletSocket, mainContainer } from './node.ts';
import { runStream } from './stream.ts';
import type { Command } from './io.ts';

export const EXEC_USAGE = `Usage: kijabi exec POD [-c CONTAINER] [-i] [-t] [-n NAMESPACE] [--socket PATH] -- COMMAND [ARGUMENT...]

Runs a command in a container and ends with its exit code. -i passes stdin on, -t gives it a terminal.
`;
export const ATTACH_USAGE = `Usage: kijabi attach POD [-c CONTAINER] [-i] [-n NAMESPACE] [--socket PATH]

Shows what the main process of a container writes from now on. -i passes stdin on, where the container has one (stdin: true).
`;

const OPTIONS = {
  container: { type: 'string', short: 'c' },
  stdin: { type: 'boolean', short: 'i' },
  tty: { type: 'boolean', short: 't' },
  namespace: { type: 'string', short: 'n' },
  socket: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const execCommand: Command = async (argv, io) => {
  const at = argv.indexOf('--');
  const words = at === -1 ? [] : argv.slice(at + 1);
  const { values, positionals } = parseArgs({
    args: argv.slice(0, at === -1 ? argv.length : at),
    options: OPTIONS,
    allowPositionals: true,
  });
  if (values.help === true) return (io.out(EXEC_USAGE), 0);
  const [name, ...more] = positionals;
  const command = words.length > 0 ? words : more;
  if (name === undefined || command.length === 0 || (words.length > 0 && more.length > 0))
    throw new AppError('USAGE', `say which pod and, behind --, which command\n${EXEC_USAGE}`);
  const socket = kubeletSocket(io, values.socket);
  const pod = await findPod(io, socket, name, values.namespace);
  const container = mainContainer(pod, values.container, io);
  const [stdin, tty] = [values.stdin === true, values.tty === true && process.stdin.isTTY];
  if (values.tty === true && !tty) io.err('Unable to use a TTY - input is not a terminal or the right kind of file\n');
  const query = new URLSearchParams(command.map((word) => ['command', word]));
  query.set('output', '1');
  if (stdin) query.set('input', '1');
  query.set(tty ? 'tty' : 'error', '1');
  return runStream({ socket, path: pathOf('exec', pod, container, query), stdin, tty, signal: io.signal, onNote: io.err });
};

export const attachCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(ATTACH_USAGE), 0);
  const [name] = positionals;
  if (name === undefined) throw new AppError('USAGE', `say which pod\n${ATTACH_USAGE}`);
  const socket = kubeletSocket(io, values.socket);
  const pod = await findPod(io, socket, name, values.namespace);
  const container = mainContainer(pod, values.container, io);
  const spec = pod.spec.containers.find((c) => c.name === container);
  const stdin = values.stdin === true;
  if (stdin && spec?.stdin !== true) io.err(`error: Unable to use stdin - container ${container} did not allocate one\n`);
  const tty = spec?.tty === true;
  const query = new URLSearchParams({ output: '1', [tty ? 'tty' : 'error']: '1', ...(stdin ? { input: '1' } : {}) });
  return runStream({ socket, path: pathOf('attach', pod, container, query), stdin, tty, signal: io.signal, onNote: io.err });
};

function pathOf(
  kind: string,
  { metadata: { namespace = 'default', name = '' } }: { metadata: { namespace?: string; name?: string } },
  container: string,
  query: URLSearchParams,
): string {
  return `/${[kind, namespace, name, container].map(encodeURIComponent).join('/')}?${query.toString()}`;
}
