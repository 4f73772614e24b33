/**
 * The parts of an isolated node, in the order in which they need each other: files, cgroup, network namespace, mount namespace,
 * then uplink, containerd and rules side by side.
 */
import { existsSync, mkdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import type { Argv } from '../linux/exec.ts';
import { mounts } from '../linux/mount.ts';
import { createNetns, runInNetns } from '../linux/netns.ts';
import { isRunning } from '../linux/proc.ts';
import { CNI_CONFIG_FILE, cniConfig } from '../network/cni.ts';
import { containerdConfig, findRuntimes } from './containerd.ts';
import { waitCri } from './cri.ts';
import { holderCommand, holderReady, mountsOf } from './enter.ts';
import type { HostNode } from './hostNode.ts';
import { kubeletConfig } from './kubelet.ts';
import { kubeProxyConfig } from './kubeProxy.ts';
import { applyRules, baseRules } from './nodeRules.ts';
import { DEFAULT_PORT } from './paths.ts';
import { makeSegment, plugIn } from './segment.ts';
import { forwardPort, hostResolvConf, nodeResolvConf, uplinkAddresses, uplinkCommand, waitUplink } from './uplink.ts';

export interface BringUpOptions {
  readonly clock: Clock;
  /** none: the node reaches nobody outside and nobody reaches it, and it starts sooner. */
  readonly uplink: 'slirp4netns' | 'none';
  /** The port on 127.0.0.1 of the host; absent: the first free one from 18080 on. */
  readonly port?: number | undefined;
  readonly sandboxImage?: string | undefined;
}

export async function bringUp(node: HostNode, options: BringUpOptions): Promise<void> {
  writeFiles(node, options);
  await node.cgroups.ensure(node.daemonGroup, {});
  await createNetns(node.paths.netns, { marker: node.paths.netnsMarker, signal: node.signal });
  await startHolder(node, options.clock);
  await joinSegment(node);
  await Promise.all([
    options.uplink === 'none' ? undefined : startUplink(node, options),
    startContainerd(node, options.clock),
    prepareNetwork(node),
  ]);
}

/** Before the runtime, which would take a device of the node's for all there is. */
async function joinSegment({ paths, subnets, index, first, signal }: HostNode): Promise<void> {
  if (subnets.nodes === undefined) return;
  if (first === undefined) await makeSegment(paths.netns, subnets.nodes, signal);
  else await plugIn({ netns: paths.netns, into: first.paths.netns, segment: subnets.nodes, index }, signal);
}

function writeFiles({ paths, subnets, manifestsDir, state, first }: HostNode, { uplink, sandboxImage }: BringUpOptions): void {
  const resolvDir = dirname(paths.resolvConf);
  const own = [paths.shimDir, resolvDir, paths.certsDir, paths.cniConfDir, paths.cniDataDir, paths.cniResultsDir];
  for (const directory of [
    ...state.current.madeDirectories,
    ...own,
    paths.podLogsDir,
    paths.kubeletDir,
    paths.manifestsDir,
    paths.servicesDir,
  ]) {
    mkdirSync(directory, { recursive: true, mode: 0o711 });
  }
  const host = hostResolvConf();
  const resolvConf = uplink === 'none' && first === undefined ? host : nodeResolvConf(uplinkAddresses(subnets.uplink).dns, host);
  // Also under the name it has in the directory that ours may cover.
  for (const name of new Set(['resolv.conf', basename(resolvConfTarget() ?? 'resolv.conf')]))
    writeFileSync(join(resolvDir, name), resolvConf);
  writeFileSync(paths.containerdConfig, containerdConfig(paths, findRuntimes(), sandboxImage));
  // In a cluster all three follow, when it is known.
  if (subnets.nodes !== undefined) return;
  writeFileSync(join(paths.cniConfDir, CNI_CONFIG_FILE), cniConfig({ podSubnets: [subnets.pods], dataDir: paths.cniDataDir }));
  writeFileSync(paths.kubeletConfig, kubeletConfig(paths, manifestsDir));
  writeFileSync(paths.proxyConfig, kubeProxyConfig(subnets.pods));
}

function resolvConfTarget(): string | undefined {
  return existsSync('/etc/resolv.conf') ? realpathSync('/etc/resolv.conf') : undefined;
}

async function startHolder(node: HostNode, clock: Clock): Promise<void> {
  const { paths, cgroups } = node;
  const unusedCgroup2 = cgroups.mounts.mode === 'v1' ? mounts().find(({ fsType }) => fsType === 'cgroup2')?.mountPoint : undefined;
  const argv = holderCommand(paths, { resolvConfTarget: resolvConfTarget(), unusedCgroup2 });
  const logFile = paths.logs.node;
  // Killed and started again, it has to hold the same namespace, and containerd still is in it.
  const same = (): Argv | undefined => {
    const { containerd } = node.state.current.processes;
    if (containerd === undefined || !isRunning(containerd)) return undefined;
    return ['nsenter', ...mountsOf(containerd.pid), '--', 'sleep', 'infinity'];
  };
  const holder = node.supervise({ role: 'holder', argv: () => node.inGroup(same() ?? argv), logFile });
  const ready = async (signal: AbortSignal): Promise<void> => {
    while (!existsSync(holderReady(paths))) await clock.sleep(2, signal);
  };
  await node.waitFor(holder, { what: 'The mount namespace of the node', logFile, ready });
}

async function startUplink(node: HostNode, { clock, port }: BringUpOptions): Promise<void> {
  const { paths, subnets } = node;
  const socket = paths.uplinkSocket;
  const open = async (signal: AbortSignal, wantedPort: number | undefined): Promise<number> => {
    await waitUplink(socket, clock, signal);
    return forwardPort({ socket, wantedPort, firstPort: DEFAULT_PORT, guestAddress: uplinkAddresses(subnets.uplink).node, signal });
  };
  const argv = (): Argv => {
    rmSync(socket, { force: true }); // what an ended one left would look ready
    return node.inGroup(uplinkCommand(paths.netns, subnets.uplink, socket));
  };
  const logFile = paths.logs.uplink;
  const uplink = node.supervise({
    role: 'uplink',
    argv,
    logFile,
    onRestart: async (signal) => {
      await open(signal, node.port);
      await node.forwardAgain(signal);
    },
  });
  await node.waitFor(uplink, {
    what: 'The uplink (slirp4netns)',
    logFile,
    ready: async (signal) => node.setPort(await open(signal, port)),
  });
}

async function startContainerd(node: HostNode, clock: Clock): Promise<void> {
  const { paths, runtimeEndpoint, subnets } = node;
  const what = subnets.nodes === undefined ? 'runtime and network' : 'runtime';
  const argv: Argv = ['containerd', '--config', paths.containerdConfig];
  const logFile = paths.logs.containerd;
  const containerd = node.supervise({ role: 'containerd', argv: () => node.enter(argv), logFile });
  await node.waitFor(containerd, {
    what: 'containerd',
    logFile,
    ready: (signal) => waitCri({ endpoint: runtimeEndpoint, what, clock }, signal),
  });
}

/**
 * A pod that is made anew may miss a connection just being opened, whose packets go on to the old address for as long as the kernel
 * remembers it: two seconds instead of two minutes, so that the second attempt of the same connection finds the new pod.
 */
const NETWORK_SETTINGS = `
echo 1 > /proc/sys/net/ipv4/ip_forward
! [ -w /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_syn_sent ] || echo 2 > /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_syn_sent
`;

async function prepareNetwork({ paths, subnets, signal }: HostNode): Promise<void> {
  const inner = [subnets.pods, ...(subnets.nodes === undefined ? [] : [subnets.nodes])];
  await applyRules(paths.netns, baseRules(inner), signal);
  await runInNetns(paths.netns, ['sh', '-e', '-c', NETWORK_SETTINGS], { signal });
}
