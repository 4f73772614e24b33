/**
 * From a pod of the API to what the runtime is asked to make. Pure.
 *
 * Source: the CRI (cri-proto/api.proto); names of labels and annotations in labels.ts.
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { ResourceList } from '#api/podResources.ts';
import type { ContainerConfig, Mount, PodSandboxConfig } from '#cri/gen/cri.ts';
import type { Input } from '#cri/values.ts';
import { containerLog, podLogs, podName, type Paths } from '../paths.ts';
import type { CgroupNames } from './cgroupNames.ts';
import { kernelHostname, podDns, type NodeNames } from './dns.ts';
import { expand } from './env.ts';
import type { FieldFacts } from './fields.ts';
import * as names from './labels.ts';
import type { DesiredContainer, DesiredPod } from './plan.ts';
import { containerResources, sandboxResources, type CpuQuota, type NodeCapacity } from './resources.ts';
import { containerSecurity, sandboxSecurity, type ImageUser, type SecurityPolicy } from './security.ts';
import { sysctlsOf } from './sysctls.ts';
import { canonical } from '../sources/staticPod.ts';
import { sha256Hex } from './hash.ts';
import { restartPolicyOf, restartRulesOf } from './status.ts';

export interface NodeContext {
  readonly nodeName: string;
  readonly paths: Paths;
  readonly cgroupNames: CgroupNames;
  readonly capacity: NodeCapacity;
  readonly cpuQuota?: CpuQuota;
  /** What pods can have of the node. */
  readonly allocatable?: ResourceList;
  readonly names: NodeNames;
  readonly security: SecurityPolicy;
  readonly allowedUnsafeSysctls: readonly string[];
  readonly hostIps: readonly string[];
}

/** What was decided about the whole pod. */
export interface PodFate {
  readonly startedAtMs?: number;
  readonly ended?: NonNullable<DesiredPod['ended']>;
}

export function desiredPod(pod: Pod, { startedAtMs, ended }: PodFate = {}): DesiredPod {
  const container = (c: Container, role: DesiredContainer['role']): DesiredContainer => ({
    name: c.name,
    role,
    specHash: containerHash(c),
    ...(c.restartPolicy === undefined ? {} : { restart: restartRulesOf(pod, c) }),
    ...probeTimes(c),
    ...(role === 'sidecar' && c.startupProbe !== undefined ? { slowStart: true } : {}),
  });
  const { activeDeadlineSeconds } = pod.spec;
  return {
    uid: pod.metadata.uid ?? '',
    restartPolicy: restartPolicyOf(pod),
    graceMs: graceSeconds(pod) * 1_000,
    ...(activeDeadlineSeconds === undefined || startedAtMs === undefined
      ? {}
      : { deadlineAtMs: startedAtMs + activeDeadlineSeconds * 1_000 }),
    ...(ended === undefined ? {} : { ended }),
    containers: [
      ...(pod.spec.initContainers ?? []).map((c) => container(c, c.restartPolicy === 'Always' ? 'sidecar' : 'init')),
      ...pod.spec.containers.map((c) => container(c, 'main')),
      ...(pod.spec.ephemeralContainers ?? []).map((c) => container(c, 'ephemeral')),
    ],
  };
}

function probeTimes(c: Container): Pick<DesiredContainer, 'probeGraceMs'> {
  const [liveness, startup] = [c.livenessProbe, c.startupProbe].map((p) => p?.terminationGracePeriodSeconds);
  if (liveness === undefined && startup === undefined) return {};
  return {
    probeGraceMs: {
      ...(liveness === undefined ? {} : { liveness: liveness * 1_000 }),
      ...(startup === undefined ? {} : { startup: startup * 1_000 }),
    },
  };
}

/** Sidecars end after the others, the last one first. */
function stopOrder(pod: Pod, name: string): number {
  const sidecars = (pod.spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always');
  const place = sidecars.findIndex((c) => c.name === name);
  return place === -1 ? 0 : sidecars.length - place;
}

/** A negative one counts as a second, as upstream. */
function graceSeconds(pod: Pod): number {
  const seconds = pod.spec.terminationGracePeriodSeconds ?? 30;
  return seconds < 0 ? 1 : seconds;
}

/** Eight hexadecimal digits, as people know them from the annotation. Without resources, whose change makes no new container. */
export function containerHash(c: Container): string {
  return sha256Hex(canonical({ ...c, resources: undefined })).slice(0, 8);
}

export function sandboxConfig(pod: Pod, attempt: number, node: NodeContext): Input<PodSandboxConfig> {
  const { name, namespace, uid } = podName(pod);
  const hostNetwork = pod.spec.hostNetwork === true;
  return {
    metadata: { name, namespace, uid, attempt },
    ...(hostNetwork ? {} : { hostname: kernelHostname(pod, node.names.clusterDomain) }),
    log_directory: podLogs(node.paths, podName(pod)),
    dns_config: podDns(pod, node.names).config,
    port_mappings: hostNetwork ? [] : portMappings(pod),
    labels: { ...pod.metadata.labels, [names.POD_NAME]: name, [names.POD_NAMESPACE]: namespace, [names.POD_UID]: uid },
    annotations: pod.metadata.annotations ?? {},
    linux: {
      cgroup_parent: node.cgroupNames.ofPod(pod),
      security_context: sandboxSecurity(pod),
      sysctls: sysctlsOf(pod),
      ...sandboxResources(pod),
    },
  };
}

function portMappings(pod: Pod): Input<NonNullable<PodSandboxConfig['port_mappings']>> {
  return pod.spec.containers.flatMap((c) =>
    (c.ports ?? [])
      .filter((p) => (p.hostPort ?? 0) > 0)
      .map((p) => ({
        protocol: p.protocol ?? ('TCP' as const),
        container_port: p.containerPort,
        host_port: p.hostPort,
        host_ip: p.hostIP,
      })),
  );
}

export interface ContainerContext {
  readonly node: NodeContext;
  readonly attempt: number;
  readonly backoffMs: number;
  /** What the runtime calls the image. */
  readonly image: ImageUser & { readonly id: string };
  readonly variables: ReadonlyMap<string, string>;
  readonly mounts: readonly MountSpec[];
  /** The container whose processes it sees. */
  readonly target?: string | undefined;
}

export interface MountSpec {
  readonly containerPath: string;
  readonly hostPath: string;
  readonly readOnly: boolean;
  readonly recursiveReadOnly?: boolean;
  readonly propagation?: NonNullable<Input<Mount>['propagation']>;
}

export function containerConfig(pod: Pod, c: Container, ctx: ContainerContext): Input<ContainerConfig> {
  const { name, namespace, uid } = podName(pod);
  const env = ctx.variables;
  const lookUp = (key: string): string | undefined => env.get(key);
  return {
    metadata: { name: c.name, attempt: ctx.attempt },
    image: { image: ctx.image.id, user_specified_image: c.image },
    command: (c.command ?? []).map((text) => expand(text, lookUp)),
    args: (c.args ?? []).map((text) => expand(text, lookUp)),
    working_dir: c.workingDir,
    envs: [...env].map(([key, value]) => ({ key, value: Buffer.from(value) })),
    mounts: ctx.mounts.map((m) => ({
      container_path: m.containerPath,
      host_path: m.hostPath,
      readonly: m.readOnly,
      recursive_read_only: m.recursiveReadOnly,
      propagation: m.propagation,
    })),
    labels: { [names.POD_NAME]: name, [names.POD_NAMESPACE]: namespace, [names.POD_UID]: uid, [names.CONTAINER_NAME]: c.name },
    annotations: annotations(pod, c, ctx),
    log_path: containerLog(c.name, ctx.attempt),
    stdin: c.stdin,
    stdin_once: c.stdinOnce,
    tty: c.tty,
    ...stopSignal(c),
    linux: {
      resources: containerResources(pod, c, ctx.node.capacity, ctx.node.cpuQuota),
      security_context: containerSecurity(pod, c, ctx.node.security, ctx),
    },
  };
}

/** SIGRTMIN+3 is SIGRTMINPLUS3 there. */
function stopSignal(c: Container): Pick<Input<ContainerConfig>, 'stop_signal'> {
  const signal = c.lifecycle?.stopSignal;
  if (signal === undefined) return {};
  return { stop_signal: signal.replace('+', 'PLUS').replace('-', 'MINUS') as NonNullable<Input<ContainerConfig>['stop_signal']> };
}

function annotations(pod: Pod, c: Container, ctx: ContainerContext): Record<string, string> {
  return {
    [names.CONTAINER_HASH]: containerHash(c),
    [names.CONTAINER_RESTART_COUNT]: String(ctx.attempt),
    [names.CONTAINER_TERMINATION_PATH]: c.terminationMessagePath ?? '/dev/termination-log',
    [names.CONTAINER_TERMINATION_POLICY]: c.terminationMessagePolicy ?? 'File',
    [names.POD_GRACE_PERIOD]: String(graceSeconds(pod)),
    [names.CRASH_BACKOFF_MS]: String(ctx.backoffMs),
    [names.CONTAINER_RESOURCES]: JSON.stringify(c.resources ?? {}),
    [names.STOP_ORDER]: String(stopOrder(pod, c.name)),
    ...(c.lifecycle?.preStop === undefined ? {} : { [names.CONTAINER_PRE_STOP]: JSON.stringify(c.lifecycle.preStop) }),
    ...(c.ports === undefined ? {} : { [names.CONTAINER_PORTS]: JSON.stringify(c.ports) }),
  };
}

/** What the node tells containers about itself and their pod. */
export function fieldFacts({ nodeName, hostIps, capacity, allocatable }: NodeContext, podIps: readonly string[]): FieldFacts {
  return { nodeName, hostIps, podIps, allocatable: allocatable ?? { cpu: `${capacity.cpuMilli}m`, memory: String(capacity.memoryBytes) } };
}
