/**
 * The objects that a simulated node writes: itself, its lease, and the status of its pods, as a kubelet would. Pure.
 * Units: milliseconds since 1970 (nowMs).
 * Source: the conditions, their reasons and messages of the kubelet, Kubernetes 1.36.
 */
import { rfc3339, rfc3339Micro } from '#api/formats.ts';
import type { Lease } from '#api/kinds/coordination/v1.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { VERSION } from '#base/version.ts';

/** On every node that was made here, and on no other. */
export const SIMULATED = 'kijabi.io/simulated';
/** On a pod: its containers end after so long ("30s"), with the exit code of the other one (0). */
export const RUN_FOR = 'kijabi.io/simulated-run-for';
export const EXIT_CODE = 'kijabi.io/simulated-exit-code';

export interface Shape {
  readonly prefix: string;
  readonly count: number;
  /** Quantities by resource: cpu, memory, pods, ephemeral-storage, and extended ones. */
  readonly room: Readonly<Record<string, string>>;
  readonly zones: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: NonNullable<Node['spec']['taints']>;
}

export const DEFAULT_ROOM = { cpu: '4', memory: '32Gi', pods: '110', 'ephemeral-storage': '100Gi' };
export const LEASE_NAMESPACE = 'kube-node-lease';
const LEASE_SECONDS = 40;

export const nodeName = ({ prefix }: Pick<Shape, 'prefix'>, i: number): string => `${prefix}${String(i).padStart(5, '0')}`;

/** Addresses of their own, so that nothing that listens is ever meant: pods in 10.128.0.0/10, nodes in 10.64.0.0/10. */
const address = (from: number, n: number): string => `10.${from + ((n >> 16) % 64)}.${(n >> 8) & 255}.${n & 255}`;
export const podAddress = (n: number): string => address(128, n + 1);

export function nodeOf(shape: Shape, i: number, nowMs: number): Node {
  const name = nodeName(shape, i);
  return {
    metadata: {
      name,
      labels: {
        'kubernetes.io/hostname': name,
        'kubernetes.io/os': 'linux',
        'kubernetes.io/arch': 'amd64',
        'topology.kubernetes.io/zone': `zone-${i % shape.zones}`,
        [SIMULATED]: 'true',
        ...shape.labels,
      },
    },
    spec: shape.taints.length === 0 ? {} : { taints: shape.taints },
    status: {
      capacity: shape.room,
      allocatable: shape.room,
      conditions: conditionsOf(nowMs),
      addresses: [
        { type: 'InternalIP', address: address(64, i + 1) },
        { type: 'Hostname', address: name },
      ],
      nodeInfo: {
        architecture: 'amd64',
        bootID: '',
        containerRuntimeVersion: `simulated://${VERSION}`,
        kernelVersion: 'simulated',
        kubeProxyVersion: '',
        kubeletVersion: `v${VERSION}`,
        machineID: '',
        operatingSystem: 'linux',
        osImage: 'simulated',
        systemUUID: '',
      },
    },
  };
}

type Conditions = NonNullable<NonNullable<Node['status']>['conditions']>;

function conditionsOf(nowMs: number): Conditions {
  const now = rfc3339(nowMs);
  const condition = (type: Conditions[number]['type'], status: 'True' | 'False', reason: string, message: string): Conditions[number] => ({
    type,
    status,
    reason,
    message,
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  });
  return [
    condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    condition('PIDPressure', 'False', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    condition('Ready', 'True', 'KubeletReady', 'kubelet is posting ready status'),
  ];
}

/** To merge by type: nothing has changed but the time. */
export const heartbeatsOf = (nowMs: number): readonly object[] =>
  conditionsOf(nowMs).map(({ type, status, lastHeartbeatTime }) => ({ type, status, lastHeartbeatTime }));

export function leaseOf(name: string, uid: string, nowMs: number): Lease {
  return {
    metadata: { name, namespace: LEASE_NAMESPACE, ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid }] },
    spec: { holderIdentity: name, leaseDurationSeconds: LEASE_SECONDS, renewTime: rfc3339Micro(nowMs) },
  };
}

/** What becomes of a pod's containers. */
export type Step =
  | { readonly kind: 'run'; readonly restarts: number; readonly ip: string }
  | { readonly kind: 'end'; readonly code: number; readonly restarts: number };

/** A status to patch with: conditions are merged by their type. */
export function podStatus({ spec, status: before }: Pod, hostIP: string, step: Step, nowMs: number): object {
  const now = rfc3339(nowMs);
  const ready = step.kind === 'run';
  const phase = ready ? 'Running' : step.code === 0 ? 'Succeeded' : 'Failed';
  const state = ready
    ? { running: { startedAt: now }, terminated: null, waiting: null }
    : {
        running: null,
        waiting: null,
        terminated: { exitCode: step.code, reason: step.code === 0 ? 'Completed' : 'Error', startedAt: now, finishedAt: now },
      };
  const ip = spec.hostNetwork === true ? hostIP : ready ? step.ip : before?.podIP;
  const condition = (type: string, isTrue: boolean): object => ({
    type,
    status: isTrue ? 'True' : 'False',
    lastProbeTime: null,
    lastTransitionTime: now,
    reason: isTrue ? null : phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed',
  });
  return {
    phase,
    hostIP,
    ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
    startTime: before?.startTime ?? now,
    conditions: [condition('Initialized', true), condition('Ready', ready), condition('ContainersReady', ready)],
    containerStatuses: spec.containers.map(({ name, image = '' }) => ({
      name,
      image,
      imageID: `simulated://${image}`,
      ready,
      started: ready,
      restartCount: step.restarts,
      state,
    })),
  };
}
