/**
 * The runtime as the pod workers see it: answers of the CRI parsed once into our units, nothing decided.
 *
 * Statuses that cannot change any more (an exited container) and addresses of a ready sandbox are asked for once.
 * Throws: AppError CRI_* from the client. A list is complete or it throws.
 */
import { codeOf } from '#base/errors.ts';
import type { CriClient } from '#cri/client.ts';
import type { Container, ContainerStatus, PodSandbox } from '#cri/gen/cri.ts';
import type { CgroupDriver } from '../pods/cgroupNames.ts';
import * as names from '../pods/labels.ts';
import { PodLists, podOf } from './lists.ts';
import { cgroupDriverIn, readAddresses, readContainer, readSandbox } from './parse.ts';
import type { RuntimeContainer, RuntimeSandbox } from './types.ts';

export interface PodObjects {
  readonly sandboxes: readonly RuntimeSandbox[];
  readonly containers: readonly RuntimeContainer[];
}

/** What the runtime can do beyond the rest. */
export interface RuntimeFeatures {
  readonly supplementalGroupsPolicy: boolean;
  /** Names of the handlers that can; '' is the default one. */
  readonly recursiveReadOnly: ReadonlySet<string>;
}

/** A sandbox and all containers in it. */
export interface Made {
  readonly sandbox: string;
  readonly containers: readonly string[];
}

/** What a full list tells of each object: enough to see that something changed. */
export interface ListedObject {
  readonly id: string;
  /** <namespace>/<name> of the pod; undefined for what is not ours. */
  readonly pod: string | undefined;
  readonly state: string;
}

export class CriRuntime {
  readonly client: CriClient;
  readonly #statuses = new Map<string, { readonly state: string; readonly status: ContainerStatus }>();
  /** As they were when their addresses were asked for. */
  readonly #sandboxes = new Map<string, RuntimeSandbox>();
  readonly #lists: PodLists;
  /** By pod: what the next look asks for. */
  readonly #made = new Map<string, Made>();
  #name = 'containerd';
  #features: RuntimeFeatures = { supplementalGroupsPolicy: false, recursiveReadOnly: new Set() };

  constructor(client: CriClient) {
    this.client = client;
    this.#lists = new PodLists(client);
  }

  async identify(signal: AbortSignal): Promise<{ readonly name: string; readonly version: string; readonly cgroupDriver?: CgroupDriver }> {
    const [{ runtime_name: name, runtime_version: version }, { features, runtime_handlers: handlers, info }] = await Promise.all([
      this.client.runtime.version({}, { signal }),
      this.client.runtime.status({ verbose: true }, { signal }),
    ]);
    this.#name = name;
    this.#features = {
      supplementalGroupsPolicy: features?.supplemental_groups_policy === true,
      recursiveReadOnly: new Set(handlers.filter((h) => h.features?.recursive_read_only_mounts === true).map((h) => h.name)),
    };
    return { name, version, ...cgroupDriverIn(info['config']) };
  }

  /** A runtime with a template for it makes its network configuration of this; others take no notice. */
  async tellPodCidr(podCidr: string, signal: AbortSignal): Promise<void> {
    await this.client.runtime.updateRuntimeConfig({ runtime_config: { network_config: { pod_cidr: podCidr } } }, { signal });
  }

  /** As identify() found them. */
  features(): RuntimeFeatures {
    return this.#features;
  }

  /** Everything in the runtime that carries this pod's name, of whatever UID. */
  async pod(namespace: string, name: string, signal: AbortSignal): Promise<PodObjects> {
    const made = this.#made.get(`${namespace}/${name}`);
    this.#made.delete(`${namespace}/${name}`);
    return (made && (await this.#lookAt(made, signal))) ?? this.#lookFor(namespace, name, signal);
  }

  /**
   * A start made these, and before there was nothing of the pod: the next look asks what became of these, and for no list. What happens to
   * them later is told by events and found by the slow list, as always.
   */
  made(pod: string, made: Made): void {
    this.#made.set(pod, made);
  }

  async #lookFor(namespace: string, name: string, signal: AbortSignal): Promise<PodObjects> {
    const { sandboxes, containers } = await this.#lists.of(namespace, name, signal);
    return {
      sandboxes: await Promise.all(sandboxes.map((s) => this.#sandbox(s, signal))),
      containers: (await Promise.all(containers.map((c) => this.#container(c, signal)))).filter((c) => c !== undefined),
    };
  }

  /** undefined: not all of it is there any more. */
  async #lookAt({ sandbox: id, containers: ids }: Made, signal: AbortSignal): Promise<PodObjects | undefined> {
    const sandbox = this.#sandboxes.get(id);
    const containers = await Promise.all(
      ids.map(async (container) => {
        const status = await this.#status(container, signal);
        return status && readContainer({ ...status, pod_sandbox_id: id }, status, this.#name);
      }),
    );
    return sandbox !== undefined && containers.every((c) => c !== undefined) ? { sandboxes: [sandbox], containers } : undefined;
  }

  /** Whether anything in the runtime belongs to the pod of this UID. */
  async hasPod(uid: string, signal: AbortSignal): Promise<boolean> {
    const filter = { label_selector: { [names.POD_UID]: uid } };
    const [sandboxes, containers] = await Promise.all([
      this.client.runtime.listPodSandbox({ filter }, { signal }),
      this.client.runtime.listContainers({ filter }, { signal }),
    ]);
    return sandboxes.items.length > 0 || containers.containers.length > 0;
  }

  /** UIDs of all pods that have a sandbox. */
  async sandboxUids(signal: AbortSignal): Promise<string[]> {
    const { items } = await this.client.runtime.listPodSandbox({}, { signal });
    return items.flatMap((s) => s.labels[names.POD_UID] ?? []);
  }

  async listAll(signal: AbortSignal): Promise<ListedObject[]> {
    const [sandboxes, containers] = await Promise.all([
      this.client.runtime.listPodSandbox({}, { signal }),
      this.client.runtime.listContainers({}, { signal }),
    ]);
    const listed = (o: PodSandbox | Container): ListedObject => ({ id: o.id, state: o.state, pod: podOf(o) });
    const all = [...sandboxes.items.map(listed), ...containers.containers.map(listed)];
    this.#forgetAllBut(new Set(all.map((o) => o.id)));
    return all;
  }

  /** What is known of a container without asking again: for tools that read logs. */
  cachedStatus(id: string): ContainerStatus | undefined {
    return this.#statuses.get(id)?.status;
  }

  async #sandbox(s: PodSandbox, signal: AbortSignal): Promise<RuntimeSandbox> {
    return readSandbox(s, s.state === 'SANDBOX_READY' ? await this.addresses(s.id, signal) : []);
  }

  /** Of a ready sandbox; asked for once. */
  async addresses(id: string, signal: AbortSignal): Promise<readonly string[]> {
    const known = this.#sandboxes.get(id);
    if (known !== undefined) return known.ips;
    const { status } = await this.client.runtime.podSandboxStatus({ pod_sandbox_id: id, verbose: false }, { signal });
    const ips = readAddresses(status);
    if (status !== null) this.#sandboxes.set(id, readSandbox(status, ips));
    return ips;
  }

  /** undefined: it went away between the list and the question. */
  async #container(c: Container, signal: AbortSignal): Promise<RuntimeContainer | undefined> {
    const known = this.#statuses.get(c.id);
    const status = known?.state === c.state ? known.status : await this.#status(c.id, signal);
    return status && readContainer(c, status, this.#name);
  }

  async #status(id: string, signal: AbortSignal): Promise<ContainerStatus | undefined> {
    try {
      const { status } = await this.client.runtime.containerStatus({ container_id: id, verbose: false }, { signal });
      if (status === null) return undefined;
      this.#statuses.set(id, { state: status.state, status });
      return status;
    } catch (err) {
      if (codeOf(err) === 'CRI_NOT_FOUND') return undefined;
      throw err;
    }
  }

  #forgetAllBut(alive: ReadonlySet<string>): void {
    for (const id of this.#statuses.keys()) if (!alive.has(id)) this.#statuses.delete(id);
    for (const id of this.#sandboxes.keys()) if (!alive.has(id)) this.#sandboxes.delete(id);
  }
}
