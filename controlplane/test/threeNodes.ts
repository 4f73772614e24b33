/**
 * What `kijabi up --nodes 3` starts, in this process: three namespaces as nodes on one segment, each with its own containerd, kubelet and service
 * proxy, and one control plane. Whoever starts it can kill what he likes; stop() leaves nothing behind.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostNode } from '#agent/host/hostNode.ts';
import { serveNode } from '#agent/host/serve.ts';
import { signalProcess } from '#agent/linux/proc.ts';
import { until } from '#agent/test/harness/until.ts';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import type { Node } from '#api/kinds/core/node.ts';
import { controlPlaneOf, type MoreFlags } from '../cli/controlPlane.ts';
import { kubectlOf } from './kubectl/clients.ts';
import { makeProgram, type Program } from './kubectl/kit.ts';

export interface Lab {
  /** With the control plane. Their Nodes are n, n-2 and n-3. */
  readonly nodes: readonly [HostNode, HostNode, HostNode];
  /** Of an object or a list, as the server writes it; undefined: it is not there, or the server does not answer now. */
  get<T>(path: string): Promise<T | undefined>;
  readonly kubectl: Program;
  readonly dir: string;
  /** SIGKILL for API server, scheduler, controllers and DNS, which are one process; it is started again. */
  killControlPlane(): void;
  stop(): Promise<void>;
}

export const NODE = 'n';

export const isReady = ({ status }: Node): boolean =>
  status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;

export async function startThreeNodes(name: string, more: MoreFlags): Promise<Lab> {
  const clock = new SystemClock();
  const life = new AbortController();
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-three-'));
  const serving = await serveNode({
    name,
    nodeName: NODE,
    nodes: 3,
    port: 20_000 + (process.pid % 10_000),
    podSubnet: undefined,
    manifestsDir: undefined,
    servicesDir: undefined,
    registries: 'never',
    withinMs: 300_000,
    whenUnsettled: 'fail',
    log: makeLogger({ clock, write: () => undefined }),
    clock,
    signal: life.signal,
    report: () => undefined,
    controlPlane: controlPlaneOf({ clock }, more),
  });
  const { node: first, images } = serving;
  const kubeconfig = readFileSync(first.paths.kubeconfig, 'utf8');
  const config = parseKubeconfig(Buffer.from(kubeconfig), { file: first.paths.kubeconfig });
  const client = connect({ config, clock, log: makeLogger({ clock, write: () => undefined }), userAgent: 'test', qps: -1 });
  const lab: Lab = {
    nodes: [first, ...first.further] as unknown as Lab['nodes'],
    get: <T>(path: string) =>
      client.json('GET', path, { signal: life.signal }).then(
        (found) => found as T,
        () => undefined,
      ),
    kubectl: makeProgram({ program: await kubectlOf('1.36'), kubeconfig, dir }),
    dir,
    killControlPlane() {
      const id = first.state.current.processes.apiserver;
      if (id === undefined || !signalProcess(id, 'SIGKILL')) throw new Error('the control plane does not run');
    },
    async stop() {
      if (life.signal.aborted) return;
      client.close();
      life.abort();
      await first.remove();
      rmSync(dir, { recursive: true, force: true });
    },
  };
  try {
    if (images.kind === 'built') await images.buildRest(life.signal); // busybox is among them
    await until('all nodes are ready', async () => {
      const { items = [] } = (await lab.get<{ items: readonly Node[] }>('/api/v1/nodes')) ?? {};
      return items.length === 3 && items.every(isReady);
    });
    return lab;
  } catch (err) {
    await lab.stop();
    throw err;
  }
}
