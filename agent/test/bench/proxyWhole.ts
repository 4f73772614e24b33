/** What one change of a service costs in the whole proxy, from the objects that come in to the rules in the kernel, on a namespace of its own. */
import { makeLogger } from '#base/log.ts';
import { SystemClock } from '#base/clock.ts';
import type { Mode, Proxier } from '../../kube-proxy/proxier.ts';
import { ServiceProxy } from '../../kube-proxy/serviceProxy.ts';
import { service, slice } from '../../kube-proxy/testing.ts';
import { withNetNs, type NetNs } from '../proxyNet.ts';
import { BENCH_SETTINGS, benchIp, benchPort } from './proxyServices.ts';
import { stepsOf, type StepFigures } from './proxySteps.ts';

export interface WholeBench {
  readonly mode: Mode;
  readonly services: number;
  readonly rounds: number;
  readonly open: (node: NetNs) => Promise<Proxier>;
}

export function benchWhole({ mode, services, rounds, open }: WholeBench): Promise<StepFigures> {
  return withNetNs('bench', async (ns) => {
    const clock = new SystemClock();
    const proxier = await open(ns);
    let synced = Promise.withResolvers<void>();
    const proxy = new ServiceProxy({
      mode,
      node: { name: 'bench' },
      proxiers: [proxier],
      settings: () => BENCH_SETTINGS,
      conntrack: () => ({ list: async () => undefined, delete: async () => 0 }),
      clock,
      log: makeLogger({ write: (line) => process.stderr.write(`${line}\n`), clock }),
      minSyncPeriodMs: 0,
      syncPeriodMs: 30_000,
      onSynced: () => synced.resolve(),
    });
    for (let i = 1; i <= services; i++) put(proxy, i, 0);
    proxy.changed();
    const stop = new AbortController();
    const running = proxy.run(stop.signal);
    await synced.promise;
    const oneService = await stepsOf(rounds, async (round) => {
      synced = Promise.withResolvers<void>();
      put(proxy, Math.ceil(services / 2), round + 1);
      proxy.changed();
      await synced.promise;
      return proxy.loop.states()[0]?.lastReport?.linesWritten ?? 0;
    });
    stop.abort();
    await running;
    return oneService;
  });
}

function put({ store }: ServiceProxy, i: number, round: number): void {
  const ports = [{ name: 'http', port: 8080, protocol: 'TCP' as const }];
  const endpoints = benchPort(i, { round }).endpoints.map(({ ip }) => ({ addresses: [ip] }));
  store.setService(`default/svc-${i}`, service(`svc-${i}`, { clusterIP: benchIp(i), ports: [{ name: 'http', port: 80 }] }));
  store.setSlice(`default/svc-${i}-ipv4`, slice(`svc-${i}`, { ports, endpoints }));
}
