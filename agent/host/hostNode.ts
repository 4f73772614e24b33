/**
 * A handle on an isolated node that this process supervises: how to get into it, what runs in it, and its removal.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { Cgroups } from '../linux/cgroup.ts';
import type { Argv } from '../linux/exec.ts';
import type { Lock } from '../linux/flock.ts';
import { inCgroup, inNode } from './enter.ts';
import { kubeletCommand, kubeletConfig, type ClusterDns } from './kubelet.ts';
import { kubeProxyCommand, kubeProxyConfig } from './kubeProxy.ts';
import { networkCommand } from './network.ts';
import { applyRules, forwardRules, type Target } from './nodeRules.ts';
import type { NodePaths } from './paths.ts';
import { cutPower, removeEmptyRoots, removeNode, type RemoveOptions } from './remove.ts';
import { segmentAddress } from './segment.ts';
import type { Role, StateFile } from './state.ts';
import type { Subnets } from './subnets.ts';
import { Supervised } from './supervise.ts';
import { forwardPort, uplinkAddresses } from './uplink.ts';

/** How long a part may take to get ready before the start is given up. */
const READY_WITHIN_MS = 60_000;

export interface NodeParts {
  readonly paths: NodePaths;
  readonly subnets: Subnets;
  readonly cgroups: Cgroups;
  readonly state: StateFile;
  readonly lock: Lock;
  readonly clock: Clock;
  readonly log: Logger;
  readonly stop: AbortController;
  /** The first node of the cluster, where this is a further one. */
  readonly first: HostNode | undefined;
  /** Of the nodes on the segment, from 1 on. */
  readonly index: number;
  /** From what lies on the disk to a runtime that answers; also after powerOff. */
  readonly bringUp: () => Promise<void>;
}

export interface SuperviseInNode {
  readonly role: Role;
  readonly argv: () => Argv;
  readonly logFile: string;
  readonly onRestart?: (signal: AbortSignal) => Promise<void>;
}

export interface Readiness {
  /** As an operator calls it, at the beginning of a sentence. */
  readonly what: string;
  readonly logFile: string;
  readonly ready: (signal: AbortSignal) => Promise<void>;
}

export class HostNode {
  readonly paths: NodePaths;
  readonly subnets: Subnets;
  readonly cgroups: Cgroups;
  readonly state: StateFile;
  /** Of the nodes on the segment, from 1 on. */
  readonly index: number;
  readonly first: HostNode | undefined;
  readonly #parts: NodeParts;
  #session = new AbortController();
  /** What was started since and is started again with the power. */
  readonly #daemons = new Set<() => Supervised>();
  readonly #further: HostNode[] = [];
  #port: number | undefined;
  #apiPort: number | undefined;
  #joined = false;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.paths = parts.paths;
    this.subnets = parts.subnets;
    this.cgroups = parts.cgroups;
    this.state = parts.state;
    this.index = parts.index;
    this.first = parts.first;
  }

  /** Aborts when the node is being removed, or its power is cut. */
  get signal(): AbortSignal {
    return AbortSignal.any([this.#parts.stop.signal, this.#session.signal]);
  }

  get nodeName(): string {
    return this.state.current.nodeName;
  }

  get manifestsDir(): string {
    return this.state.current.manifestsDir;
  }

  get servicesDir(): string {
    return this.state.current.servicesDir;
  }

  /** What containerd's CRI is reached at: unix:///run/kijabi/NAME/containerd.sock. */
  get runtimeEndpoint(): string {
    return `unix://${this.paths.containerdSocket}`;
  }

  /** The port on 127.0.0.1 of the host that leads in; undefined without an uplink. */
  get port(): number | undefined {
    return this.#port;
  }

  setPort(port: number): void {
    this.#port = port;
    this.state.update({ url: `http://127.0.0.1:${port}/` });
  }

  /** The command line that runs argv inside the node: its cgroup, network namespace and mount namespace. */
  enter(argv: Argv): Argv {
    const { holder } = this.state.current.processes;
    if (holder === undefined) throw new AppError('NODE_START', 'The node has no namespaces yet');
    return this.inGroup(inNode(this.paths.netns, holder.pid, argv));
  }

  /** Only in the node's cgroup, otherwise on the host. */
  inGroup(argv: Argv): Argv {
    const { controllers } = this.cgroups.mounts;
    const trees = new Set(['cpu', 'memory', 'pids'].flatMap((controller) => controllers.get(controller) ?? []));
    return inCgroup(
      [...trees].map((tree) => join(tree, this.daemonGroup, 'cgroup.procs')),
      argv,
    );
  }

  /** cgroup v2 wants processes in leaves only, and the pods' groups stand beside this one. */
  get daemonGroup(): string {
    return `${this.paths.cgroupRoot}/daemons`;
  }

  /** The node's own address, under which everything in it reaches an API server in it. */
  get address(): string {
    const { uplink, nodes } = this.subnets;
    return nodes === undefined ? uplinkAddresses(uplink).node : segmentAddress(nodes, this.index);
  }

  /** The other nodes of the cluster that this one is the first of. */
  get further(): readonly HostNode[] {
    return this.#further;
  }

  /** A further node, which goes when this one goes; written down before anything of it is made. */
  adopt(node: HostNode): void {
    this.#further.push(node);
    this.state.update({ furtherNodes: this.#further.map(({ paths }) => paths.name) });
  }

  /** Leads a port of the host's loopback to the same port of the node, the first free one from firstPort on. Throws PORT_BUSY. */
  async forwardApi(firstPort: number): Promise<number> {
    const { uplinkSocket: socket, uplink } = { ...this.paths, ...this.subnets };
    const guestAddress = uplinkAddresses(uplink).node;
    this.#apiPort = await forwardPort({ socket, wantedPort: undefined, firstPort, guestAddress, signal: this.signal });
    return this.#apiPort;
  }

  /** After the uplink was started again. */
  async forwardAgain(signal: AbortSignal): Promise<void> {
    const socket = this.paths.uplinkSocket;
    const guestAddress = uplinkAddresses(this.subnets.uplink).node;
    if (this.#apiPort !== undefined)
      await forwardPort({ socket, wantedPort: this.#apiPort, firstPort: this.#apiPort, guestAddress, signal });
  }

  /** From now on kubelet and proxy join the API server whose files lie in kubernetesDir. */
  join(dns: ClusterDns): void {
    this.#joined = true;
    const { kubernetesDir, kubeletConfig: kubelet, proxyConfig: proxy } = this.paths;
    writeFileSync(kubelet, kubeletConfig(this.paths, this.manifestsDir, { clientCa: join(kubernetesDir, 'pki', 'ca.crt'), dns }));
    writeFileSync(proxy, kubeProxyConfig(this.subnets.pods, this.#kubeconfig('kube-proxy.conf')));
  }

  #kubeconfig(file: string): string | undefined {
    return this.#joined ? join(this.paths.kubernetesDir, file) : undefined;
  }

  /** The kubelet's command line, as it is started now. */
  get kubeletCommand(): Argv {
    const kubeconfig = this.#kubeconfig('kubelet.conf');
    return kubeletCommand(this.paths, this.nodeName, kubeconfig === undefined ? undefined : { kubeconfig, nodeIp: this.address });
  }

  /** Starts an API server in the node and keeps it running. */
  startApiServer(argv: Argv): Supervised {
    return this.supervise({ role: 'apiserver', argv: () => this.enter(argv), logFile: this.paths.logs.apiserver });
  }

  /** Starts our kubelet in the node and keeps it running. Whether it is ready, ask it. */
  startKubelet(): Supervised {
    return this.#daemon(() =>
      this.supervise({ role: 'kubelet', argv: () => this.enter(this.kubeletCommand), logFile: this.paths.logs.kubelet }),
    );
  }

  /** The same for our service proxy. It asks the kubelet for pods, whenever that is there. */
  startKubeProxy(): Supervised {
    const argv = (): Argv =>
      this.enter(
        kubeProxyCommand(this.paths, {
          nodeName: this.nodeName,
          servicesDir: this.servicesDir,
          kubeconfig: this.#kubeconfig('kube-proxy.conf'),
        }),
      );
    return this.#daemon(() => this.supervise({ role: 'proxy', argv, logFile: this.paths.logs.proxy }));
  }

  /** And for what follows the network between nodes, once the node has joined. */
  startNetwork(): Supervised {
    const { nodeName, subnets, paths } = this;
    const place = { nodeName, clusterCidr: subnets.pods, kubeconfig: join(paths.kubernetesDir, 'kube-proxy.conf') };
    const argv = (): Argv => this.enter(networkCommand(paths, place));
    return this.#daemon(() => this.supervise({ role: 'network', argv, logFile: paths.logs.network }));
  }

  #daemon(start: () => Supervised): Supervised {
    this.#daemons.add(start);
    return start();
  }

  /** As if the power were cut: everything in it ends at once and its network is gone; what lies on its disk stays. */
  async powerOff(): Promise<void> {
    this.#session.abort(new AppError('STOPPING', `Node ${this.paths.name} has no power`));
    await cutPower(this.paths, this.#parts.clock);
  }

  /** Returns when its runtime answers; kubelet and the others are started and find what is there. */
  async powerOn(): Promise<void> {
    this.#session = new AbortController();
    await this.#parts.bringUp();
    for (const start of this.#daemons) start();
  }

  supervise(what: SuperviseInNode): Supervised {
    const { clock, log } = this.#parts;
    return Supervised.start({ ...what, state: this.state, clock, log, signal: this.signal });
  }

  /** Resolves when ready does; rejects when the process ends before, or when it takes too long. */
  async waitFor(process: Supervised, { what, logFile, ready }: Readiness): Promise<void> {
    const giveUp = new AbortController();
    const until = AbortSignal.any([this.signal, giveUp.signal]);
    const failed = (why: string): AppError => {
      const next = `see ${logFile}`;
      return new AppError('NODE_START', `${what} ${why}: ${lastLogLine(logFile) ?? next}`, { next, logFile });
    };
    const { clock } = this.#parts;
    try {
      await Promise.race([
        ready(until),
        process.exited.then(({ exitCode, signal }) => Promise.reject(failed(`ended at its start (${exitCode ?? signal})`))),
        clock.sleep(READY_WITHIN_MS, until).then(() => Promise.reject(failed(`was not ready within ${READY_WITHIN_MS / 1000} s`))),
      ]);
    } finally {
      giveUp.abort();
    }
  }

  /** Sends what arrives at the forwarded port to this pod from now on; undefined: to nobody. */
  async forwardTo(target: Target | undefined): Promise<void> {
    if (this.#port !== undefined) await applyRules(this.paths.netns, forwardRules(this.#port, target), this.signal);
  }

  /** Stops watching over the node and removes every trace of it. */
  async remove(options: Omit<RemoveOptions, 'clock'> = {}): Promise<void> {
    const { stop, clock, lock } = this.#parts;
    stop.abort(new AppError('STOPPING', `Node ${this.paths.name} is being removed`));
    try {
      await Promise.all(this.#further.map((node) => node.remove(options)));
      await removeNode(this.paths.name, { ...options, clock });
    } finally {
      lock.release();
      removeEmptyRoots();
    }
  }
}

function lastLogLine(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  return readFileSync(path, 'utf8').trim().split('\n').at(-1)?.slice(0, 300) || undefined;
}
