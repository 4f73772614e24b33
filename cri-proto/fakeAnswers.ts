/** The fake runtime's answers, call by call: FakeState put into the messages of the interface. */
import { status as Status } from '@grpc/grpc-js';
import {
  type FakeContainer,
  type FakeImage,
  type FakeSandbox,
  type FakeState,
  completeReference,
  logPath,
  RpcError,
} from './fakeRuntime.ts';
import type * as cri from './gen/cri.ts';
import type { Input } from './values.ts';

/** The request comes decoded, with all fields; the signal aborts when the caller goes away. */
export type Answer = (request: never, signal: AbortSignal) => object | Promise<object>;

export const FAKE_VERSION = { version: '0.1.0', runtime_name: 'fake', runtime_version: '1.6.20', runtime_api_version: 'v1' };

export function runtimeAnswers(s: FakeState): Readonly<Record<string, Answer>> {
  return {
    Version: (): Input<cri.VersionResponse> => FAKE_VERSION,
    Status: (): Input<cri.StatusResponse> => ({
      status: { conditions: ['RuntimeReady', 'NetworkReady'].map((type) => ({ type, status: true })) },
    }),
    RunPodSandbox: ({ config, runtime_handler }: cri.RunPodSandboxRequest): Input<cri.RunPodSandboxResponse> => ({
      pod_sandbox_id: s.runSandbox(config, runtime_handler).id,
    }),
    StopPodSandbox: ({ pod_sandbox_id }: cri.StopPodSandboxRequest) => (s.stopSandbox(pod_sandbox_id), {}),
    RemovePodSandbox: ({ pod_sandbox_id }: cri.RemovePodSandboxRequest) => (s.removeSandbox(pod_sandbox_id), {}),
    PodSandboxStatus: ({ pod_sandbox_id }: cri.PodSandboxStatusRequest): Input<cri.PodSandboxStatusResponse> => ({
      status: sandboxStatus(s.sandbox(pod_sandbox_id)),
    }),
    ListPodSandbox: ({ filter }: cri.ListPodSandboxRequest): Input<cri.ListPodSandboxResponse> => ({
      items: [...s.sandboxes.values()].map(listedSandbox).filter((x) => matches(x, filter)),
    }),
    CreateContainer: (r: cri.CreateContainerRequest): Input<cri.CreateContainerResponse> => ({ container_id: s.createContainer(r).id }),
    StartContainer: ({ container_id }: cri.StartContainerRequest) => (s.startContainer(container_id), {}),
    StopContainer: async ({ container_id, timeout }: cri.StopContainerRequest, signal: AbortSignal) => {
      await s.stopContainer(container_id, Number(timeout), signal);
      return {};
    },
    RemoveContainer: ({ container_id }: cri.RemoveContainerRequest) => (s.removeContainer(container_id), {}),
    ContainerStatus: ({ container_id }: cri.ContainerStatusRequest): Input<cri.ContainerStatusResponse> => ({
      status: containerStatus(s.container(container_id)),
    }),
    ListContainers: ({ filter }: cri.ListContainersRequest): Input<cri.ListContainersResponse> => ({
      containers: [...s.containers.values()].map(listedContainer).filter((x) => matches(x, filter)),
    }),
    UpdateContainerResources: ({ container_id, linux }: cri.UpdateContainerResourcesRequest) => {
      s.container(container_id).resources = linux;
      return {};
    },
    ReopenContainerLog: ({ container_id }: cri.ReopenContainerLogRequest) => {
      const c = s.container(container_id);
      if (c.state !== 'CONTAINER_RUNNING') throw new RpcError(Status.UNKNOWN, 'container is not running');
      s.writeLog(c, []);
      return {};
    },
    ExecSync: (r: cri.ExecSyncRequest, signal: AbortSignal) => s.exec(r, signal),
  };
}

export function imageAnswers(s: FakeState): Readonly<Record<string, Answer>> {
  return {
    ListImages: (): Input<cri.ListImagesResponse> => ({ images: [...s.images.values()].map(imageMessage) }),
    ImageStatus: ({ image }: cri.ImageStatusRequest): Input<cri.ImageStatusResponse> => {
      const found = s.image(image?.image ?? '');
      return found === undefined ? {} : { image: imageMessage(found) };
    },
    PullImage: ({ image }: cri.PullImageRequest): Input<cri.PullImageResponse> => {
      const reference = completeReference(image?.image ?? '');
      const found = s.registry.get(reference);
      if (found === undefined) {
        const text = `failed to pull and unpack image "${reference}": failed to resolve reference "${reference}": ${reference}: not found`;
        throw new RpcError(Status.NOT_FOUND, text);
      }
      s.images.set(found.id, found);
      return { image_ref: found.id };
    },
    RemoveImage: ({ image }: cri.RemoveImageRequest) => {
      const found = s.image(image?.image ?? '');
      if (found !== undefined) s.images.delete(found.id);
      return {};
    },
    ImageFsInfo: (): Input<cri.ImageFsInfoResponse> => {
      const usedBytes = [...s.images.values()].reduce((sum, i) => sum + i.sizeBytes, 0);
      const used = { used_bytes: { value: usedBytes }, inodes_used: { value: s.images.size } };
      return { image_filesystems: [{ timestamp: s.now(), fs_id: { mountpoint: '/fake/images' }, ...used }] };
    },
  };
}

export function sandboxStatus(x: FakeSandbox): Input<cri.PodSandboxStatus> {
  const options = x.config.linux?.security_context?.namespace_options ?? null;
  return { ...listedSandbox(x), network: { ip: x.ip }, linux: { namespaces: { options } } };
}

function listedSandbox(x: FakeSandbox): cri.PodSandbox {
  const { metadata, labels, annotations } = x.config;
  const state = x.ready ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY';
  return { id: x.id, metadata, state, created_at: x.createdAt, labels, annotations, runtime_handler: x.runtimeHandler };
}

export function containerStatus(x: FakeContainer): Input<cri.ContainerStatus> {
  const { metadata, image, labels, annotations, mounts } = x.config;
  return {
    id: x.id,
    metadata,
    state: x.state,
    created_at: x.createdAt,
    started_at: x.startedAt,
    finished_at: x.finishedAt,
    exit_code: x.exitCode,
    image,
    image_ref: x.imageId,
    reason: x.reason,
    message: x.message,
    labels,
    annotations,
    mounts,
    log_path: logPath(x),
    resources: x.resources === null ? null : { linux: x.resources },
  };
}

function listedContainer(x: FakeContainer): cri.Container {
  const { metadata, image, labels, annotations } = x.config;
  const known = { id: x.id, pod_sandbox_id: x.sandbox.id, metadata, image, image_ref: x.imageId, state: x.state };
  return { ...known, created_at: x.createdAt, labels, annotations, image_id: '' };
}

function imageMessage(i: FakeImage): Input<cri.Image> {
  const user = typeof i.user === 'number' ? { uid: { value: i.user } } : { username: i.user ?? '' };
  return { id: i.id, repo_tags: i.tags, repo_digests: i.digests, size: i.sizeBytes, ...user };
}

interface Listed {
  readonly id: string;
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly pod_sandbox_id?: string;
}

type Filter = (cri.PodSandboxFilter & { readonly pod_sandbox_id?: string }) | cri.ContainerFilter | null;

function matches(x: Listed, filter: Filter): boolean {
  if (filter === null) return true;
  if (!x.id.startsWith(filter.id)) return false;
  if (filter.state !== null && filter.state.state !== x.state) return false;
  if (!(x.pod_sandbox_id ?? '').startsWith(filter.pod_sandbox_id ?? '')) return false;
  return Object.entries(filter.label_selector).every(([key, value]) => x.labels[key] === value);
}

/** The event of a container, with the state of its pod, as runtimes with container events send it. */
export function containerEvent(
  s: FakeState,
  type: cri.ContainerEventType,
  { id, sandbox }: { id: string; sandbox: FakeSandbox },
): Input<cri.ContainerEventResponse> {
  return {
    container_id: id,
    container_event_type: type,
    created_at: s.now(),
    pod_sandbox_status: sandboxStatus(sandbox),
    containers_statuses: s.containersOf(sandbox).map(containerStatus),
  };
}
