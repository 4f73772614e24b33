/**
 * The runtime as the pod workers see it: answers of the CRI parsed once into our units, nothing decided.
 *
 * Statuses that cannot change any more (an exited container) and addresses of a ready sandbox are asked for once.
 * Throws: AppError CRI_* from the client. A list is complete or it throws.
 */
import type { CriClient } from '#cri/client.ts';
import type { Container, ContainerStatus, PodSandbox } from '#cri/gen/cri.ts';
import { nanosToMs } from '#cri/values.ts';
import * as names from '../pods/labels.ts';
import { keptHook, keptPorts, keptResources } from './kept.ts';
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
  readonly #ips = new Map<string, readonly string[]>();
  #name = 'containerd';
  #features: RuntimeFeatures = { supplementalGroupsPolicy: false, recursiveReadOnly: new Set() };

  constructor(client: CriClient) {
    this.client = client;
  }

  async identify(signal: AbortSignal): Promise<{ name: string; version: string }> {
    const [{ runtime_name: name, runtime_version: version }, { features, runtime_handlers: handlers }] = await Promise.all([
      this.client.runtime.version({}, { signal }),
      this.client.runtime.status({}, { signal }),
    ]);
    this.#name = name;
    this.#features = {
      supplementalGroupsPolicy: features?.supplemental_groups_policy === true,
      recursiveReadOnly: new Set(handlers.filter((h) => h.features?.recursive_read_only_mounts === true).map((h) => h.name)),
    };
    return { name, version };
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
    const selector = { [names.POD_NAMESPACE]: namespace, [names.POD_NAME]: name };
    const [sandboxes, containers] = await Promise.all([
      this.client.runtime.listPodSandbox({ filter: { label_selector: selector } }, { signal }),
      this.client.runtime.listContainers({ filter: { label_selector: selector } }, { signal }),
    ]);
    return {
      sandboxes: await Promise.all(sandboxes.items.map((s) => this.#sandbox(s, signal))),
      containers: (await Promise.all(containers.containers.map((c) => this.#container(c, signal)))).filter((c) => c !== undefined),
    };
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
    const listed = (id: string, state: string, labels: Readonly<Record<string, string>>): ListedObject => {
      const [namespace, name] = [labels[names.POD_NAMESPACE], labels[names.POD_NAME]];
      return { id, state, pod: namespace === undefined || name === undefined ? undefined : `${namespace}/${name}` };
    };
    const all = [
      ...sandboxes.items.map((s) => listed(s.id, s.state, s.labels)),
      ...containers.containers.map((c) => listed(c.id, c.state, c.labels)),
    ];
    this.#forgetAllBut(new Set(all.map((o) => o.id)));
    return all;
  }

  /** What is known of a container without asking again: for tools that read logs. */
  cachedStatus(id: string): ContainerStatus | undefined {
    return this.#statuses.get(id)?.status;
  }

  async #sandbox(s: PodSandbox, signal: AbortSignal): Promise<RuntimeSandbox> {
    const ready = s.state === 'SANDBOX_READY';
    return {
      id: s.id,
      uid: s.labels[names.POD_UID] ?? s.metadata?.uid ?? '',
      attempt: s.metadata?.attempt ?? 0,
      ready,
      createdAtMs: nanosToMs(s.created_at) ?? 0,
      isStatic: s.annotations[names.CONFIG_SOURCE] !== 'api',
      ips: ready ? await this.addresses(s.id, signal) : [],
    };
  }

  /** Of a ready sandbox; asked for once. */
  async addresses(id: string, signal: AbortSignal): Promise<readonly string[]> {
    const known = this.#ips.get(id);
    if (known !== undefined) return known;
    const { status } = await this.client.runtime.podSandboxStatus({ pod_sandbox_id: id, verbose: false }, { signal });
    const network = status?.network;
    const ips =
      network === null || network === undefined || network.ip === '' ? [] : [network.ip, ...network.additional_ips.map((a) => a.ip)];
    this.#ips.set(id, ips);
    return ips;
  }

  /** undefined: it went away between the list and the question. */
  async #container(c: Container, signal: AbortSignal): Promise<RuntimeContainer | undefined> {
    const known = this.#statuses.get(c.id);
    const status = known?.state === c.state ? known.status : await this.#status(c.id, signal);
    if (status === undefined) return undefined;
    this.#statuses.set(c.id, { state: status.state, status });
    return {
      id: c.id,
      runtimeId: `${this.#name}://${c.id}`,
      uid: c.labels[names.POD_UID] ?? '',
      sandboxId: c.pod_sandbox_id,
      name: c.labels[names.CONTAINER_NAME] ?? c.metadata?.name ?? '',
      attempt: c.metadata?.attempt ?? 0,
      specHash: c.annotations[names.CONTAINER_HASH] ?? '',
      state: stateOf(status),
      exitCode: status.exit_code,
      startedAtMs: nanosToMs(status.started_at) ?? 0,
      finishedAtMs: nanosToMs(status.finished_at) ?? 0,
      backoffMs: wholeNumber(c.annotations[names.CRASH_BACKOFF_MS], 0),
      graceMs: wholeNumber(c.annotations[names.POD_GRACE_PERIOD], 30) * 1_000,
      stopOrder: wholeNumber(c.annotations[names.STOP_ORDER], 0),
      ...keptHook(c.annotations[names.CONTAINER_PRE_STOP]),
      ...keptResources(c.annotations[names.CONTAINER_RESOURCES]),
      ...keptPorts(c.annotations[names.CONTAINER_PORTS]),
      image: status.image?.image ?? c.image?.image ?? '',
      imageRef: status.image_ref,
      reason: status.reason,
      message: status.message,
    };
  }

  async #status(id: string, signal: AbortSignal): Promise<ContainerStatus | undefined> {
    try {
      const { status } = await this.client.runtime.containerStatus({ container_id: id, verbose: false }, { signal });
      return status ?? undefined;
    } catch (err) {
      if (err instanceof Error && 'code' in err && err.code === 'CRI_NOT_FOUND') return undefined;
      throw err;
    }
  }

  #forgetAllBut(alive: ReadonlySet<string>): void {
    for (const id of this.#statuses.keys()) if (!alive.has(id)) this.#statuses.delete(id);
    for (const id of this.#ips.keys()) if (!alive.has(id)) this.#ips.delete(id);
  }
}

function stateOf(status: ContainerStatus): RuntimeContainer['state'] {
  switch (status.state) {
    case 'CONTAINER_CREATED':
      return 'created';
    case 'CONTAINER_RUNNING':
      return 'running';
    case 'CONTAINER_EXITED':
      // Its start was broken off because who asked for it went away (a kubelet that was killed): it never ran, and does not count.
      return status.started_at === '0' && status.reason === 'StartError' && /context canceled/.test(status.message) ? 'created' : 'exited';
    default:
      return 'unknown';
  }
}

/** Annotations are text that anybody may have written. */
function wholeNumber(text: string | undefined, otherwise: number): number {
  return text !== undefined && /^\d{1,12}$/.test(text) ? Number(text) : otherwise;
}
