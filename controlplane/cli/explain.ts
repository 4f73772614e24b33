/** `kijabi explain`: which rules serve a service, where a packet would go, what is not as it should be; asked from the service proxy. */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { DEFAULT_NODE, nodePaths } from '#agent/host/paths.ts';
import { askProxy, driftPath, packetPath, servicePath, type Output, type ProxyAddress } from '#agent/kube-proxy/explain/client.ts';
import { AppError } from '#base/errors.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi explain pod NAME [-n NAMESPACE] [-o json]
       kijabi explain scheduling NAME [-n NAMESPACE] [-o json]
       kijabi explain service NAME [-n NAMESPACE] [-o json]
       kijabi explain packet --from IP --to IP:PORT [--proto tcp|udp|sctp] [-o json]
       kijabi explain drift [-o json]

scheduling  why a pod is on its node, or on none: each plugin's word about each node, and the smallest change that would help
pod      its story from first sight to now: steps with their durations, what it waits for and why, the last lines of a crash
service  which rules of the kernel serve a service, in order, with what they counted; its endpoints with their share, and why one is not used
packet   which rules a new connection meets on this node, and where it ends
drift    what in the kernel is not as it should be

      --from IP            who sends; an address of the node means the node itself
      --to IP:PORT         where to: a service, or [IPv6]:PORT
      --proto PROTOCOL     tcp (default), udp or sctp
  -n, --namespace NAME     of the service (default: default); NAMESPACE/NAME does the same
  -o, --output json        for programs
      --socket PATH        the --socket of proxy or scheduler; without it, that of the isolated node if it runs, else port 10249 on loopback
  -h, --help               print this
`;

const OPTIONS = {
  from: { type: 'string' },
  to: { type: 'string' },
  proto: { type: 'string' },
  namespace: { type: 'string', short: 'n' },
  output: { type: 'string', short: 'o' },
  socket: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

const METRICS_PORT = 10_249;

export const explainCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(USAGE), 0);
  const { output = 'text' } = values;
  if (output !== 'text' && output !== 'json') throw new AppError('USAGE', `-o: want json or text, got ${JSON.stringify(output)}`);
  const scheduled = nameAfter(['scheduling', 'schedule'], positionals);
  if (scheduled !== undefined) {
    const { explainScheduling } = await import('./explainScheduling.ts');
    await explainScheduling(io, { name: scheduled, namespace: values.namespace, json: output === 'json', socket: values.socket });
    return 0;
  }
  const pod = nameAfter(['pod', 'pods', 'po'], positionals);
  if (pod !== undefined) {
    const { explainPod } = await import('./explainPod.ts');
    await explainPod(io, { name: pod, namespace: values.namespace, json: output === 'json', socket: values.socket });
    return 0;
  }
  const path = pathOf(positionals, values, output);
  io.out(await askProxy(findProxy(io, values.socket), path));
  return 0;
};

/** Of "pod NAME" and "pod/NAME". */
function nameAfter(words: readonly string[], [what = '', ...rest]: readonly string[]): string | undefined {
  const [kind = '', name = rest[0]] = what.split('/');
  if (!words.includes(kind)) return undefined;
  if (name === undefined || name === '') throw new AppError('USAGE', `explain ${words[0]}: want one NAME\n${USAGE}`);
  return name;
}

interface Values {
  readonly from?: string;
  readonly to?: string;
  readonly proto?: string;
  readonly namespace?: string;
}

function pathOf(positionals: readonly string[], { from, to, proto, namespace }: Values, output: Output): string {
  const [what = '', ...rest] = positionals.flatMap((word, i) => (i === 0 ? word.split(/\/(.*)/s).filter((part) => part !== '') : [word]));
  const isPacket = from !== undefined || to !== undefined || proto !== undefined;
  if (['service', 'services', 'svc'].includes(what)) {
    const [name, ...more] = rest;
    if (name === undefined || more.length > 0) throw new AppError('USAGE', `explain service: want one NAME\n${USAGE}`);
    if (isPacket) throw new AppError('USAGE', 'explain service takes no --from, --to or --proto: explain packet does');
    if (name.includes('/') && namespace !== undefined && !name.startsWith(`${namespace}/`))
      throw new AppError('USAGE', `${JSON.stringify(name)} names another namespace than -n ${namespace}`);
    return servicePath(name.includes('/') ? name : `${namespace ?? 'default'}/${name}`, output);
  }
  if (rest.length > 0) throw new AppError('USAGE', `explain ${what}: ${JSON.stringify(rest[0])} is a word too much`);
  if (namespace !== undefined) throw new AppError('USAGE', `explain ${what} knows no namespaces: leave out -n`);
  if (what === 'packet') {
    if (from === undefined || to === undefined) throw new AppError('USAGE', `explain packet: want --from IP and --to IP:PORT\n${USAGE}`);
    return packetPath({ from, to, proto: proto ?? 'tcp' }, output);
  }
  if (what === 'drift' && !isPacket) return driftPath(output);
  const said = what === '' ? 'say what to explain' : `cannot explain ${JSON.stringify(what)}`;
  throw new AppError('USAGE', `${said}: service, packet or drift\n${USAGE}`);
}

/** The proxy named by --socket or $KIJABI_PROXY, that of the isolated node if it runs, else the one of this host. */
function findProxy(io: Io, socket: string | undefined): ProxyAddress {
  const given = socket ?? io.env['KIJABI_PROXY'];
  if (given !== undefined && given !== '') return { socket: given };
  const isolated = nodePaths(io.env['KIJABI_NODE'] ?? DEFAULT_NODE).proxySocket;
  return existsSync(isolated) ? { socket: isolated } : { host: '127.0.0.1', port: METRICS_PORT };
}
