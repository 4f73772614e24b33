/**
 * The node as the API shows it: what it is, what it has, how it is. Pure.
 *
 * Source: reasons and messages of the conditions are upstream's, because people and tools match on them.
 */
import type { Node, NodeCondition } from '#api/kinds/core/node.ts';
import type { ResourceList } from '#api/podResources.ts';
import type { Image, StatusResponse } from '#cri/gen/cri.ts';
import { CONDITIONS, type Condition } from '../eviction/decide.ts';
import { time } from '../pods/time.ts';

export interface NodeFacts {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: ResourceList;
  readonly allocatable: ResourceList;
  readonly addresses: readonly string[];
  readonly spec: NonNullable<Node['spec']>;
  readonly info: {
    readonly machineID: string;
    readonly systemUUID: string;
    readonly bootID: string;
    readonly kernelVersion: string;
    readonly osImage: string;
    readonly architecture: string;
    readonly kubeletVersion: string;
    readonly containerRuntimeVersion: string;
  };
}

export interface NodeInput {
  readonly facts: NodeFacts;
  /** undefined: the runtime does not answer. */
  readonly runtime: StatusResponse | undefined;
  readonly images: readonly Image[];
  /** As nodeStatusMaxImages: the largest ones. */
  readonly mostImages?: number;
  readonly pressures: ReadonlySet<Condition>;
  /** The machine goes down. */
  readonly shuttingDown?: boolean;
  readonly startedAtMs: number;
  readonly nowMs: number;
  /** The node shown before: times of conditions that did not change are kept. */
  readonly previous: Node | undefined;
}

/** The default of nodeStatusMaxImages. */
const MOST_IMAGES = 50;

export function nodeStatus({
  facts,
  runtime,
  images,
  mostImages = MOST_IMAGES,
  pressures,
  shuttingDown,
  startedAtMs,
  nowMs,
  previous,
}: NodeInput): Node {
  const condition = (type: NodeCondition['type'], status: 'True' | 'False', reason: string, message: string): NodeCondition => {
    const old = previous?.status?.conditions?.find((c) => c.type === type);
    const since = old?.status === status ? old.lastTransitionTime : undefined;
    return { type, status, lastHeartbeatTime: time(nowMs), lastTransitionTime: since ?? time(nowMs), reason, message };
  };
  const unready = [...whyNotReady(runtime), ...(shuttingDown === true ? ['node is shutting down'] : [])];
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name: facts.name, labels: facts.labels, creationTimestamp: time(startedAtMs) },
    spec: facts.spec,
    status: {
      capacity: facts.capacity,
      allocatable: facts.allocatable,
      conditions: [
        ...CONDITIONS.map((type) => {
          const [status, ...words] = pressures.has(type)
            ? (['True', ...PRESSURE[type][0]] as const)
            : (['False', ...PRESSURE[type][1]] as const);
          return condition(type, status, ...words);
        }),
        unready.length === 0
          ? condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status')
          : condition('Ready', 'False', 'KubeletNotReady', unready.join(', ')),
      ],
      addresses: [
        ...facts.addresses.map((address) => ({ type: 'InternalIP' as const, address })),
        { type: 'Hostname', address: facts.name },
      ],
      nodeInfo: { ...facts.info, kubeProxyVersion: '', operatingSystem: 'linux' },
      images: images
        .map((i) => ({ names: [...i.repo_digests, ...i.repo_tags], sizeBytes: Number(i.size) }))
        .toSorted((a, b) => b.sizeBytes - a.sizeBytes)
        .slice(0, mostImages),
      ...handlersOf(runtime),
    },
  };
}

type Words = readonly [reason: string, message: string];
/** When it holds, and when it does not. */
const PRESSURE: Readonly<Record<Condition, readonly [Words, Words]>> = {
  MemoryPressure: [
    ['KubeletHasInsufficientMemory', 'kubelet has insufficient memory available'],
    ['KubeletHasSufficientMemory', 'kubelet has sufficient memory available'],
  ],
  DiskPressure: [
    ['KubeletHasDiskPressure', 'kubelet has disk pressure'],
    ['KubeletHasNoDiskPressure', 'kubelet has no disk pressure'],
  ],
  PIDPressure: [
    ['KubeletHasInsufficientPID', 'kubelet has insufficient PID available'],
    ['KubeletHasSufficientPID', 'kubelet has sufficient PID available'],
  ],
};

const NEEDED = [
  ['RuntimeReady', 'container runtime not ready'],
  ['NetworkReady', 'container runtime network not ready'],
] as const;

/** With the runtime's own reason and words. */
function whyNotReady(runtime: StatusResponse | undefined): string[] {
  if (runtime === undefined) return ['container runtime is down'];
  return NEEDED.flatMap(([type, text]) => {
    const found = runtime.status?.conditions.find((c) => c.type === type);
    if (found?.status === true) return [];
    return `${text}: ${type}=false reason:${found?.reason ?? ''} message:${found?.message ?? ''}`;
  });
}

function handlersOf(runtime: StatusResponse | undefined): Pick<NonNullable<Node['status']>, 'runtimeHandlers' | 'features'> {
  const handlers = runtime?.runtime_handlers ?? [];
  return {
    ...(handlers.length === 0
      ? {}
      : {
          runtimeHandlers: handlers.map((h) => ({
            name: h.name,
            features: {
              recursiveReadOnlyMounts: h.features?.recursive_read_only_mounts ?? false,
              userNamespaces: h.features?.user_namespaces ?? false,
            },
          })),
        }),
    ...(runtime?.features?.supplemental_groups_policy === true ? { features: { supplementalGroupsPolicy: true } } : {}),
  };
}
