/** kijabi-network: what it is made of, in the order it starts. */
import { hostname } from 'node:os';
import { Node } from '#api/kinds/core/node.ts';
import { Backoff } from '#base/backoff.ts';
import { SystemClock } from '#base/clock.ts';
import { explain } from '#base/errors.ts';
import { runDaemon, type DaemonContext } from '#base/lifecycle.ts';
import { makeDaemonLogger } from '#base/log.ts';
import { runLoop } from '#base/reconcile.ts';
import { startWarm } from '#base/warmStart.ts';
import { WorkQueue } from '#base/workqueue.ts';
import { connect } from '#client/connect.ts';
import { Informers } from '#client/informers.ts';
import { inClusterConfig, loadKubeconfig } from '#client/kubeconfig.ts';
import type { ResourceType } from '#client/query.ts';
import { act } from './act.ts';
import { parseFlags, USAGE, type Settings } from './flags.ts';
import { networkLoop } from './loop.ts';
import { observeNetwork } from './observe.ts';
import { wantedOf, type Wanted } from './plan.ts';

const NODES: ResourceType<Node> = { apiVersion: 'v1', kind: 'Node', plural: 'nodes', namespaced: false, schema: Node };
const KEY = 'network';
const [FIRST_RETRY_MS, LONGEST_RETRY_MS] = [200, 30_000];

async function run(settings: Settings, { clock, log, signal, notify }: DaemonContext): Promise<void> {
  const { kubeconfig, nodeName: self, clusterCidrs } = settings;
  const config = kubeconfig === undefined ? await inClusterConfig({ env: process.env }) : await loadKubeconfig(kubeconfig);
  const client = connect({ config, clock, log, userAgent: 'kijabi-network' });
  const informers = new Informers(client, log);
  const nodes = informers.for(NODES, { transform: onlyNetwork });
  const queue = new WorkQueue(clock);
  let wanted: Wanted | undefined;
  let said = '';
  nodes.onChange(() => nodes.isSynced && look());
  const look = (): void => {
    const now = wantedOf(nodes.values(), self, clusterCidrs);
    if (JSON.stringify(now) === JSON.stringify(wanted)) return; // most changes of nodes are none of the network
    wanted = now;
    queue.add(KEY);
    for (const problem of now.problems) if (!said.includes(problem)) log.warn('Cannot use what a node says of its network', { problem });
    said = now.problems.join('\n');
  };
  const loop = runLoop(
    networkLoop(KEY, {
      wanted: () => wanted,
      observe: (rules) => observeNetwork(settings, rules, signal),
      act: (action) => act(action, { ...settings, log }, signal),
      onReady: (desired) => notify.send({ STATUS: statusOf(desired) }),
    }),
    { queue, clock, log, backoff: new Backoff(FIRST_RETRY_MS, LONGEST_RETRY_MS) },
    signal,
  );
  const running = informers.run(signal);
  // What is set goes on; whoever waits for the start is not to wait for an API server.
  notify.send({ READY: 1, STATUS: 'waits for the API server' });
  try {
    await Promise.race([informers.synced(signal), running]);
    look();
    log.info('Network is followed', { node: self, nodes: [...nodes.values()].length });
    await Promise.all([loop, running]);
  } finally {
    client.close();
  }
}

/** The rest of a node, its images most of all, is of no use here. */
const onlyNetwork = ({ apiVersion, kind, metadata: { name, uid, resourceVersion }, spec, status }: Node): Node =>
  ({
    apiVersion,
    kind,
    metadata: { name, uid, resourceVersion },
    spec: { podCIDR: spec.podCIDR, podCIDRs: spec.podCIDRs },
    status: { addresses: status?.addresses },
  }) as Node;

const statusOf = (wanted: Wanted | undefined): string =>
  wanted === undefined || wanted.podSubnets.length === 0
    ? 'waits for a part of the pods’ network'
    : `pods ${wanted.podSubnets.join(', ')}, ${wanted.routes.length} routes`;

async function main(argv: readonly string[]): Promise<number> {
  let settings: Settings;
  try {
    settings = parseFlags(argv, hostname());
  } catch (err) {
    process.stderr.write(`kijabi-network: ${explain(err)}\n`);
    return 2;
  }
  if (settings.help) return (process.stdout.write(USAGE), 0);
  await startWarm();
  const clock = new SystemClock();
  const log = makeDaemonLogger(clock, settings.verbosity >= 4 ? 'debug' : 'info', 'kijabi-network');
  return runDaemon({ name: 'kijabi-network', log, clock, run: (ctx) => run(settings, ctx) });
}

process.exitCode = await main(process.argv.slice(2));
