/** What a service costs its traffic: connections through the last of N services against direct ones, in namespaces of the test. */
import { execa } from 'execa';
import type { Proxier } from '../../kube-proxy/proxier.ts';
import { NetNs, sh } from '../proxyNet.ts';
import { BENCH_SETTINGS, benchIp, benchPorts } from './proxyServices.ts';

const PEER = new URL('../harness/peer.ts', import.meta.url).pathname;

export interface PathFigures {
  /** Microseconds from connect to established, median of fresh connections. */
  readonly directUs: number;
  readonly serviceUs: number;
  readonly directPerSecond: number;
  readonly servicePerSecond: number;
}

/** The service in the middle of all: with a list of rules it stands for the average. */
export async function benchPath(services: number, connections: number, open: (node: NetNs) => Promise<Proxier>): Promise<PathFigures> {
  const made: NetNs[] = [];
  const ns = async (role: string): Promise<NetNs> => {
    const one = await NetNs.make(role);
    made.push(one);
    return one;
  };
  const [node, client, pod] = [await ns('node'), await ns('client'), await ns('pod')];
  let server: { kill: (signal: NodeJS.Signals) => boolean; ended: Promise<unknown> } | undefined;
  try {
    await node.run('sysctl', '-qw', 'net.ipv4.ip_forward=1');
    for (const [far, name, gateway, address] of [
      [client, 'c0', '192.0.2.1', '192.0.2.2'],
      [pod, 'p0', '10.244.1.1', '10.244.1.2'],
    ] as const) {
      await sh('ip', '-n', node.name, 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', far.name);
      await sh('ip', '-n', node.name, 'addr', 'add', `${gateway}/24`, 'dev', name);
      await sh('ip', '-n', far.name, 'addr', 'add', `${address}/24`, 'dev', 'eth0');
      await sh('ip', '-n', node.name, 'link', 'set', name, 'up');
      await sh('ip', '-n', far.name, 'link', 'set', 'eth0', 'up');
      await sh('ip', '-n', far.name, 'route', 'add', 'default', 'via', gateway);
    }
    const child = execa('nsenter', [...pod.via.slice(1), process.execPath, PEER, 'serve', 'p', '8080'], { reject: false, buffer: false });
    server = { kill: (signal) => child.kill(signal), ended: child.then(() => undefined) };
    await new Promise((resolve) => child.stdout.once('data', resolve));
    const proxier = await open(node);
    const ports = benchPorts(services, { real: ['10.244.1.2'] });
    const connect = async (host: string, port: number): Promise<{ us: number; perSecond: number }> =>
      JSON.parse(await client.run(process.execPath, PEER, 'measure', host, String(port), String(connections))) as {
        us: number;
        perSecond: number;
      };
    await connect('10.244.1.2', 8080);
    const direct = await connect('10.244.1.2', 8080);
    await proxier.sync({ services: ports, changed: undefined, settings: BENCH_SETTINGS }, new AbortController().signal);
    const service = await connect(benchIp(Math.ceil(services / 2)), 80);
    await proxier.close();
    return { directUs: direct.us, serviceUs: service.us, directPerSecond: direct.perSecond, servicePerSecond: service.perSecond };
  } finally {
    server?.kill('SIGKILL');
    await server?.ended;
    for (const one of made) await one.remove();
  }
}
