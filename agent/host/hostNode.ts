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
import { applyRules, forwardRules, type Target } from './nodeRules.ts';
import type { NodePaths } from './paths.ts';
import { removeEmptyRoots, removeNode, type RemoveOptions } from './remove.ts';
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
  /** Aborts when the node is being removed. */
  readonly signal: AbortSignal;
  readonly #parts: NodeParts;
  #port: number | undefined;
  #apiPort: number | undefined;
  #joined = false;

  constructor(parts: NodeParts) {
    this.#parts = parts;
    this.paths = parts.paths;
    this.subnets = parts.subnets;
    this.cgroups = parts.cgroups;
    this.state = parts.state;
    this.signal = parts.stop.signal;
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
    return uplinkAddresses(this.subnets.uplink).node;
  }

  /** Leads a port of the host's loopback to the same port of the node, the first free one from firstPort on. Throws PORT_BUSY. */
  async forwardApi(firstPort: number): Promise<number> {
    const socket = this.paths.uplinkSocket;
    const options = { socket, wantedPort: undefined, firstPort, guestAddress: this.address, signal: this.signal };
    this.#apiPort = await forwardPort(options);
    return this.#apiPort;
  }

  /** After the uplink was started again. */
  async forwardAgain(signal: AbortSignal): Promise<void> {
    const socket = this.paths.uplinkSocket;
    if (this.#apiPort !== undefined)
      await forwardPort({ socket, wantedPort: this.#apiPort, firstPort: this.#apiPort, guestAddress: this.address, signal });
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

  /** Starts an API server in the node and keeps it running. */
  startApiServer(argv: Argv): Supervised {
    return this.supervise({ role: 'apiserver', argv: () => this.enter(argv), logFile: this.paths.logs.apiserver });
  }

  /** Starts our kubelet in the node and keeps it running. Whether it is ready, ask it. */
  startKubelet(): Supervised {
    const argv = (): Argv => this.enter(kubeletCommand(this.paths, this.nodeName, this.#kubeconfig('kubelet.conf')));
    return this.supervise({ role: 'kubelet', argv, logFile: this.paths.logs.kubelet });
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
    return this.supervise({ role: 'proxy', argv, logFile: this.paths.logs.proxy });
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
