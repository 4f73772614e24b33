// Made by generate.ts from the .proto files. Do not edit.
import type { CallOptions, Input, Int64 } from '../values.ts';

export interface RuntimeService {
  runPodSandbox(request: Input<RunPodSandboxRequest>, options?: CallOptions): Promise<RunPodSandboxResponse>;
  stopPodSandbox(request: Input<StopPodSandboxRequest>, options?: CallOptions): Promise<StopPodSandboxResponse>;
  removePodSandbox(request: Input<RemovePodSandboxRequest>, options?: CallOptions): Promise<RemovePodSandboxResponse>;
  podSandboxStatus(request: Input<PodSandboxStatusRequest>, options?: CallOptions): Promise<PodSandboxStatusResponse>;
  listPodSandbox(request: Input<ListPodSandboxRequest>, options?: CallOptions): Promise<ListPodSandboxResponse>;
  streamPodSandboxes(request: Input<StreamPodSandboxesRequest>, options?: CallOptions): AsyncIterable<StreamPodSandboxesResponse>;
  updatePodSandboxResources(request: Input<UpdatePodSandboxResourcesRequest>, options?: CallOptions): Promise<UpdatePodSandboxResourcesResponse>;
  createContainer(request: Input<CreateContainerRequest>, options?: CallOptions): Promise<CreateContainerResponse>;
  startContainer(request: Input<StartContainerRequest>, options?: CallOptions): Promise<StartContainerResponse>;
  stopContainer(request: Input<StopContainerRequest>, options?: CallOptions): Promise<StopContainerResponse>;
  removeContainer(request: Input<RemoveContainerRequest>, options?: CallOptions): Promise<RemoveContainerResponse>;
  containerStatus(request: Input<ContainerStatusRequest>, options?: CallOptions): Promise<ContainerStatusResponse>;
  listContainers(request: Input<ListContainersRequest>, options?: CallOptions): Promise<ListContainersResponse>;
  streamContainers(request: Input<StreamContainersRequest>, options?: CallOptions): AsyncIterable<StreamContainersResponse>;
  updateContainerResources(request: Input<UpdateContainerResourcesRequest>, options?: CallOptions): Promise<UpdateContainerResourcesResponse>;
  reopenContainerLog(request: Input<ReopenContainerLogRequest>, options?: CallOptions): Promise<ReopenContainerLogResponse>;
  checkpointContainer(request: Input<CheckpointContainerRequest>, options?: CallOptions): Promise<CheckpointContainerResponse>;
  execSync(request: Input<ExecSyncRequest>, options?: CallOptions): Promise<ExecSyncResponse>;
  exec(request: Input<ExecRequest>, options?: CallOptions): Promise<ExecResponse>;
  attach(request: Input<AttachRequest>, options?: CallOptions): Promise<AttachResponse>;
  portForward(request: Input<PortForwardRequest>, options?: CallOptions): Promise<PortForwardResponse>;
  getContainerEvents(request: Input<GetEventsRequest>, options?: CallOptions): AsyncIterable<ContainerEventResponse>;
  containerStats(request: Input<ContainerStatsRequest>, options?: CallOptions): Promise<ContainerStatsResponse>;
  listContainerStats(request: Input<ListContainerStatsRequest>, options?: CallOptions): Promise<ListContainerStatsResponse>;
  streamContainerStats(request: Input<StreamContainerStatsRequest>, options?: CallOptions): AsyncIterable<StreamContainerStatsResponse>;
  podSandboxStats(request: Input<PodSandboxStatsRequest>, options?: CallOptions): Promise<PodSandboxStatsResponse>;
  listPodSandboxStats(request: Input<ListPodSandboxStatsRequest>, options?: CallOptions): Promise<ListPodSandboxStatsResponse>;
  streamPodSandboxStats(request: Input<StreamPodSandboxStatsRequest>, options?: CallOptions): AsyncIterable<StreamPodSandboxStatsResponse>;
  listMetricDescriptors(request: Input<ListMetricDescriptorsRequest>, options?: CallOptions): Promise<ListMetricDescriptorsResponse>;
  listPodSandboxMetrics(request: Input<ListPodSandboxMetricsRequest>, options?: CallOptions): Promise<ListPodSandboxMetricsResponse>;
  streamPodSandboxMetrics(request: Input<StreamPodSandboxMetricsRequest>, options?: CallOptions): AsyncIterable<StreamPodSandboxMetricsResponse>;
  version(request: Input<VersionRequest>, options?: CallOptions): Promise<VersionResponse>;
  status(request: Input<StatusRequest>, options?: CallOptions): Promise<StatusResponse>;
  runtimeConfig(request: Input<RuntimeConfigRequest>, options?: CallOptions): Promise<RuntimeConfigResponse>;
  updateRuntimeConfig(request: Input<UpdateRuntimeConfigRequest>, options?: CallOptions): Promise<UpdateRuntimeConfigResponse>;
}

export interface ImageService {
  pullImage(request: Input<PullImageRequest>, options?: CallOptions): Promise<PullImageResponse>;
  imageStatus(request: Input<ImageStatusRequest>, options?: CallOptions): Promise<ImageStatusResponse>;
  listImages(request: Input<ListImagesRequest>, options?: CallOptions): Promise<ListImagesResponse>;
  streamImages(request: Input<StreamImagesRequest>, options?: CallOptions): AsyncIterable<StreamImagesResponse>;
  removeImage(request: Input<RemoveImageRequest>, options?: CallOptions): Promise<RemoveImageResponse>;
  imageFsInfo(request: Input<ImageFsInfoRequest>, options?: CallOptions): Promise<ImageFsInfoResponse>;
}

export interface Int64Value {
  readonly value: Int64;
}

export interface UInt64Value {
  readonly value: Int64;
}

export interface KeyValue {
  readonly key: string;
  readonly value: Buffer;
}

export interface ImageSpec {
  readonly image: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly user_specified_image: string;
  readonly runtime_handler: string;
  readonly image_ref: string;
}

export interface IDMapping {
  readonly host_id: number;
  readonly container_id: number;
  readonly length: number;
}

export interface PodSandboxMetadata {
  readonly name: string;
  readonly uid: string;
  readonly namespace: string;
  readonly attempt: number;
}

export interface PodSandboxConfig {
  readonly metadata: PodSandboxMetadata | null;
  readonly hostname: string;
  readonly log_directory: string;
  readonly dns_config: DNSConfig | null;
  readonly port_mappings: readonly PortMapping[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly linux: LinuxPodSandboxConfig | null;
  readonly windows: WindowsPodSandboxConfig | null;
}

export interface DNSConfig {
  readonly servers: readonly string[];
  readonly searches: readonly string[];
  readonly options: readonly string[];
}

export interface PortMapping {
  readonly protocol: Protocol;
  readonly container_port: number;
  readonly host_port: number;
  readonly host_ip: string;
}

export type Protocol = 'TCP' | 'UDP' | 'SCTP';

export interface LinuxPodSandboxConfig {
  readonly cgroup_parent: string;
  readonly security_context: LinuxSandboxSecurityContext | null;
  readonly sysctls: Readonly<Record<string, string>>;
  readonly overhead: LinuxContainerResources | null;
  readonly resources: LinuxContainerResources | null;
}

export interface LinuxSandboxSecurityContext {
  readonly namespace_options: NamespaceOption | null;
  readonly selinux_options: SELinuxOption | null;
  readonly run_as_user: Int64Value | null;
  readonly readonly_rootfs: boolean;
  readonly supplemental_groups: readonly Int64[];
  readonly privileged: boolean;
  readonly seccomp_profile_path: string;
  readonly run_as_group: Int64Value | null;
  readonly seccomp: SecurityProfile | null;
  readonly apparmor: SecurityProfile | null;
  readonly supplemental_groups_policy: SupplementalGroupsPolicy;
}

export interface NamespaceOption {
  readonly network: NamespaceMode;
  readonly pid: NamespaceMode;
  readonly ipc: NamespaceMode;
  readonly target_id: string;
  readonly userns_options: UserNamespace | null;
}

export type NamespaceMode = 'POD' | 'CONTAINER' | 'NODE' | 'TARGET';

export interface UserNamespace {
  readonly mode: NamespaceMode;
  readonly uids: readonly IDMapping[];
  readonly gids: readonly IDMapping[];
}

export interface SELinuxOption {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  readonly level: string;
}

export interface SecurityProfile {
  readonly profile_type: SecurityProfile_ProfileType;
  readonly localhost_ref: string;
}

export type SecurityProfile_ProfileType = 'RuntimeDefault' | 'Unconfined' | 'Localhost';

export type SupplementalGroupsPolicy = 'Merge' | 'Strict';

export interface RunPodSandboxRequest {
  readonly config: PodSandboxConfig | null;
  readonly runtime_handler: string;
}

export interface RunPodSandboxResponse {
  readonly pod_sandbox_id: string;
}

export interface StopPodSandboxRequest {
  readonly pod_sandbox_id: string;
}

export interface StopPodSandboxResponse {}

export interface RemovePodSandboxRequest {
  readonly pod_sandbox_id: string;
}

export interface RemovePodSandboxResponse {}

export interface UpdatePodSandboxResourcesRequest {
  readonly pod_sandbox_id: string;
  readonly overhead: LinuxContainerResources | null;
  readonly resources: LinuxContainerResources | null;
}

export interface UpdatePodSandboxResourcesResponse {}

export type PodSandboxState = 'SANDBOX_READY' | 'SANDBOX_NOTREADY';

export interface PodSandboxStatusRequest {
  readonly pod_sandbox_id: string;
  readonly verbose: boolean;
}

export interface PodSandboxStatusResponse {
  readonly status: PodSandboxStatus | null;
  readonly info: Readonly<Record<string, string>>;
  readonly containers_statuses: readonly ContainerStatus[];
  readonly timestamp: Int64;
}

export interface PodSandboxStatus {
  readonly id: string;
  readonly metadata: PodSandboxMetadata | null;
  readonly state: PodSandboxState;
  readonly created_at: Int64;
  readonly network: PodSandboxNetworkStatus | null;
  readonly linux: LinuxPodSandboxStatus | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly runtime_handler: string;
}

export interface PodSandboxNetworkStatus {
  readonly ip: string;
  readonly additional_ips: readonly PodIP[];
}

export interface PodIP {
  readonly ip: string;
}

export interface LinuxPodSandboxStatus {
  readonly namespaces: Namespace | null;
}

export interface Namespace {
  readonly options: NamespaceOption | null;
}

export interface PodSandboxStateValue {
  readonly state: PodSandboxState;
}

export interface PodSandboxFilter {
  readonly id: string;
  readonly state: PodSandboxStateValue | null;
  readonly label_selector: Readonly<Record<string, string>>;
}

export interface ListPodSandboxRequest {
  readonly filter: PodSandboxFilter | null;
}

export interface ListPodSandboxResponse {
  readonly items: readonly PodSandbox[];
}

export interface PodSandbox {
  readonly id: string;
  readonly metadata: PodSandboxMetadata | null;
  readonly state: PodSandboxState;
  readonly created_at: Int64;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly runtime_handler: string;
}

export interface StreamPodSandboxesRequest {
  readonly filter: PodSandboxFilter | null;
}

export interface StreamPodSandboxesResponse {
  readonly pod_sandboxes: readonly PodSandbox[];
}

export interface ContainerMetadata {
  readonly name: string;
  readonly attempt: number;
}

export interface ContainerConfig {
  readonly metadata: ContainerMetadata | null;
  readonly image: ImageSpec | null;
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly working_dir: string;
  readonly envs: readonly KeyValue[];
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly log_path: string;
  readonly stdin: boolean;
  readonly stdin_once: boolean;
  readonly tty: boolean;
  readonly linux: LinuxContainerConfig | null;
  readonly windows: WindowsContainerConfig | null;
  readonly CDI_devices: readonly CDIDevice[];
  readonly stop_signal: Signal;
}

export interface Mount {
  readonly container_path: string;
  readonly host_path: string;
  readonly readonly: boolean;
  readonly selinux_relabel: boolean;
  readonly propagation: MountPropagation;
  readonly uidMappings: readonly IDMapping[];
  readonly gidMappings: readonly IDMapping[];
  readonly recursive_read_only: boolean;
  readonly image: ImageSpec | null;
  readonly image_sub_path: string;
}

export type MountPropagation = 'PROPAGATION_PRIVATE' | 'PROPAGATION_HOST_TO_CONTAINER' | 'PROPAGATION_BIDIRECTIONAL';

export interface Device {
  readonly container_path: string;
  readonly host_path: string;
  readonly permissions: string;
}

export interface CDIDevice {
  readonly name: string;
}

export interface LinuxContainerConfig {
  readonly resources: LinuxContainerResources | null;
  readonly security_context: LinuxContainerSecurityContext | null;
}

export interface LinuxContainerResources {
  readonly cpu_period: Int64;
  readonly cpu_quota: Int64;
  readonly cpu_shares: Int64;
  readonly memory_limit_in_bytes: Int64;
  readonly oom_score_adj: Int64;
  readonly cpuset_cpus: string;
  readonly cpuset_mems: string;
  readonly hugepage_limits: readonly HugepageLimit[];
  readonly unified: Readonly<Record<string, string>>;
  readonly memory_swap_limit_in_bytes: Int64;
}

export interface HugepageLimit {
  readonly page_size: string;
  readonly limit: Int64;
}

export interface LinuxContainerSecurityContext {
  readonly capabilities: Capability | null;
  readonly privileged: boolean;
  readonly namespace_options: NamespaceOption | null;
  readonly selinux_options: SELinuxOption | null;
  readonly run_as_user: Int64Value | null;
  readonly run_as_username: string;
  readonly readonly_rootfs: boolean;
  readonly supplemental_groups: readonly Int64[];
  readonly apparmor_profile: string;
  readonly seccomp_profile_path: string;
  readonly no_new_privs: boolean;
  readonly run_as_group: Int64Value | null;
  readonly masked_paths: readonly string[];
  readonly readonly_paths: readonly string[];
  readonly seccomp: SecurityProfile | null;
  readonly apparmor: SecurityProfile | null;
  readonly supplemental_groups_policy: SupplementalGroupsPolicy;
}

export interface Capability {
  readonly add_capabilities: readonly string[];
  readonly drop_capabilities: readonly string[];
  readonly add_ambient_capabilities: readonly string[];
}

export type Signal = 'RUNTIME_DEFAULT' | 'SIGABRT' | 'SIGALRM' | 'SIGBUS' | 'SIGCHLD' | 'SIGCLD' | 'SIGCONT' | 'SIGFPE' | 'SIGHUP' | 'SIGILL' | 'SIGINT' | 'SIGIO' | 'SIGIOT' | 'SIGKILL' | 'SIGPIPE' | 'SIGPOLL' | 'SIGPROF' | 'SIGPWR' | 'SIGQUIT' | 'SIGSEGV' | 'SIGSTKFLT' | 'SIGSTOP' | 'SIGSYS' | 'SIGTERM' | 'SIGTRAP' | 'SIGTSTP' | 'SIGTTIN' | 'SIGTTOU' | 'SIGURG' | 'SIGUSR1' | 'SIGUSR2' | 'SIGVTALRM' | 'SIGWINCH' | 'SIGXCPU' | 'SIGXFSZ' | 'SIGRTMIN' | 'SIGRTMINPLUS1' | 'SIGRTMINPLUS2' | 'SIGRTMINPLUS3' | 'SIGRTMINPLUS4' | 'SIGRTMINPLUS5' | 'SIGRTMINPLUS6' | 'SIGRTMINPLUS7' | 'SIGRTMINPLUS8' | 'SIGRTMINPLUS9' | 'SIGRTMINPLUS10' | 'SIGRTMINPLUS11' | 'SIGRTMINPLUS12' | 'SIGRTMINPLUS13' | 'SIGRTMINPLUS14' | 'SIGRTMINPLUS15' | 'SIGRTMAXMINUS14' | 'SIGRTMAXMINUS13' | 'SIGRTMAXMINUS12' | 'SIGRTMAXMINUS11' | 'SIGRTMAXMINUS10' | 'SIGRTMAXMINUS9' | 'SIGRTMAXMINUS8' | 'SIGRTMAXMINUS7' | 'SIGRTMAXMINUS6' | 'SIGRTMAXMINUS5' | 'SIGRTMAXMINUS4' | 'SIGRTMAXMINUS3' | 'SIGRTMAXMINUS2' | 'SIGRTMAXMINUS1' | 'SIGRTMAX';

export interface CreateContainerRequest {
  readonly pod_sandbox_id: string;
  readonly config: ContainerConfig | null;
  readonly sandbox_config: PodSandboxConfig | null;
}

export interface CreateContainerResponse {
  readonly container_id: string;
}

export interface StartContainerRequest {
  readonly container_id: string;
}

export interface StartContainerResponse {}

export interface StopContainerRequest {
  readonly container_id: string;
  readonly timeout: Int64;
}

export interface StopContainerResponse {}

export interface RemoveContainerRequest {
  readonly container_id: string;
}

export interface RemoveContainerResponse {}

export interface UpdateContainerResourcesRequest {
  readonly container_id: string;
  readonly linux: LinuxContainerResources | null;
  readonly windows: WindowsContainerResources | null;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface UpdateContainerResourcesResponse {}

export interface ReopenContainerLogRequest {
  readonly container_id: string;
}

export interface ReopenContainerLogResponse {}

export interface CheckpointContainerRequest {
  readonly container_id: string;
  readonly location: string;
  readonly timeout: Int64;
}

export interface CheckpointContainerResponse {}

export type ContainerState = 'CONTAINER_CREATED' | 'CONTAINER_RUNNING' | 'CONTAINER_EXITED' | 'CONTAINER_UNKNOWN';

export interface ContainerStateValue {
  readonly state: ContainerState;
}

export interface ContainerFilter {
  readonly id: string;
  readonly state: ContainerStateValue | null;
  readonly pod_sandbox_id: string;
  readonly label_selector: Readonly<Record<string, string>>;
}

export interface ListContainersRequest {
  readonly filter: ContainerFilter | null;
}

export interface ListContainersResponse {
  readonly containers: readonly Container[];
}

export interface Container {
  readonly id: string;
  readonly pod_sandbox_id: string;
  readonly metadata: ContainerMetadata | null;
  readonly image: ImageSpec | null;
  readonly image_ref: string;
  readonly state: ContainerState;
  readonly created_at: Int64;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly image_id: string;
}

export interface StreamContainersRequest {
  readonly filter: ContainerFilter | null;
}

export interface StreamContainersResponse {
  readonly containers: readonly Container[];
}

export interface ContainerStatusRequest {
  readonly container_id: string;
  readonly verbose: boolean;
}

export interface ContainerStatusResponse {
  readonly status: ContainerStatus | null;
  readonly info: Readonly<Record<string, string>>;
}

export interface ContainerStatus {
  readonly id: string;
  readonly metadata: ContainerMetadata | null;
  readonly state: ContainerState;
  readonly created_at: Int64;
  readonly started_at: Int64;
  readonly finished_at: Int64;
  readonly exit_code: number;
  readonly image: ImageSpec | null;
  readonly image_ref: string;
  readonly reason: string;
  readonly message: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  readonly log_path: string;
  readonly resources: ContainerResources | null;
  readonly image_id: string;
  readonly user: ContainerUser | null;
  readonly stop_signal: Signal;
}

export interface ContainerResources {
  readonly linux: LinuxContainerResources | null;
  readonly windows: WindowsContainerResources | null;
}

export interface ContainerUser {
  readonly linux: LinuxContainerUser | null;
}

export interface LinuxContainerUser {
  readonly uid: Int64;
  readonly gid: Int64;
  readonly supplemental_groups: readonly Int64[];
}

export interface ExecSyncRequest {
  readonly container_id: string;
  readonly cmd: readonly string[];
  readonly timeout: Int64;
}

export interface ExecSyncResponse {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  readonly exit_code: number;
}

export interface ExecRequest {
  readonly container_id: string;
  readonly cmd: readonly string[];
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface ExecResponse {
  readonly url: string;
}

export interface AttachRequest {
  readonly container_id: string;
  readonly stdin: boolean;
  readonly tty: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface AttachResponse {
  readonly url: string;
}

export interface PortForwardRequest {
  readonly pod_sandbox_id: string;
  readonly port: readonly number[];
}

export interface PortForwardResponse {
  readonly url: string;
}

export interface GetEventsRequest {}

export type ContainerEventType = 'CONTAINER_CREATED_EVENT' | 'CONTAINER_STARTED_EVENT' | 'CONTAINER_STOPPED_EVENT' | 'CONTAINER_DELETED_EVENT';

export interface ContainerEventResponse {
  readonly container_id: string;
  readonly container_event_type: ContainerEventType;
  readonly created_at: Int64;
  readonly pod_sandbox_status: PodSandboxStatus | null;
  readonly containers_statuses: readonly ContainerStatus[];
}

export interface AuthConfig {
  readonly username: string;
  readonly password: string;
  readonly auth: string;
  readonly server_address: string;
  readonly identity_token: string;
  readonly registry_token: string;
}

export interface PullImageRequest {
  readonly image: ImageSpec | null;
  readonly auth: AuthConfig | null;
  readonly sandbox_config: PodSandboxConfig | null;
}

export interface PullImageResponse {
  readonly image_ref: string;
}

export interface ImageStatusRequest {
  readonly image: ImageSpec | null;
  readonly verbose: boolean;
}

export interface ImageStatusResponse {
  readonly image: Image | null;
  readonly info: Readonly<Record<string, string>>;
}

export interface Image {
  readonly id: string;
  readonly repo_tags: readonly string[];
  readonly repo_digests: readonly string[];
  readonly size: Int64;
  readonly uid: Int64Value | null;
  readonly username: string;
  readonly spec: ImageSpec | null;
  readonly pinned: boolean;
}

export interface ImageFilter {
  readonly image: ImageSpec | null;
}

export interface ListImagesRequest {
  readonly filter: ImageFilter | null;
}

export interface ListImagesResponse {
  readonly images: readonly Image[];
}

export interface StreamImagesRequest {
  readonly filter: ImageFilter | null;
}

export interface StreamImagesResponse {
  readonly images: readonly Image[];
}

export interface RemoveImageRequest {
  readonly image: ImageSpec | null;
}

export interface RemoveImageResponse {}

export interface ImageFsInfoRequest {}

export interface ImageFsInfoResponse {
  readonly image_filesystems: readonly FilesystemUsage[];
  readonly container_filesystems: readonly FilesystemUsage[];
}

export interface FilesystemIdentifier {
  readonly mountpoint: string;
}

export interface FilesystemUsage {
  readonly timestamp: Int64;
  readonly fs_id: FilesystemIdentifier | null;
  readonly used_bytes: UInt64Value | null;
  readonly inodes_used: UInt64Value | null;
}

export interface VersionRequest {
  readonly version: string;
}

export interface VersionResponse {
  readonly version: string;
  readonly runtime_name: string;
  readonly runtime_version: string;
  readonly runtime_api_version: string;
}

export interface StatusRequest {
  readonly verbose: boolean;
}

export interface StatusResponse {
  readonly status: RuntimeStatus | null;
  readonly info: Readonly<Record<string, string>>;
  readonly runtime_handlers: readonly RuntimeHandler[];
  readonly features: RuntimeFeatures | null;
}

export interface RuntimeStatus {
  readonly conditions: readonly RuntimeCondition[];
}

export interface RuntimeCondition {
  readonly type: string;
  readonly status: boolean;
  readonly reason: string;
  readonly message: string;
}

export interface RuntimeHandler {
  readonly name: string;
  readonly features: RuntimeHandlerFeatures | null;
}

export interface RuntimeHandlerFeatures {
  readonly recursive_read_only_mounts: boolean;
  readonly user_namespaces: boolean;
}

export interface RuntimeFeatures {
  readonly supplemental_groups_policy: boolean;
  readonly user_namespaces_host_network: boolean;
}

export interface RuntimeConfigRequest {}

export interface RuntimeConfigResponse {
  readonly linux: LinuxRuntimeConfiguration | null;
}

export interface LinuxRuntimeConfiguration {
  readonly cgroup_driver: CgroupDriver;
}

export type CgroupDriver = 'SYSTEMD' | 'CGROUPFS';

export interface UpdateRuntimeConfigRequest {
  readonly runtime_config: RuntimeConfig | null;
}

export interface UpdateRuntimeConfigResponse {}

export interface RuntimeConfig {
  readonly network_config: NetworkConfig | null;
}

export interface NetworkConfig {
  readonly pod_cidr: string;
}

export interface ContainerStatsRequest {
  readonly container_id: string;
}

export interface ContainerStatsResponse {
  readonly stats: ContainerStats | null;
}

export interface ContainerStatsFilter {
  readonly id: string;
  readonly pod_sandbox_id: string;
  readonly label_selector: Readonly<Record<string, string>>;
}

export interface ListContainerStatsRequest {
  readonly filter: ContainerStatsFilter | null;
}

export interface ListContainerStatsResponse {
  readonly stats: readonly ContainerStats[];
}

export interface StreamContainerStatsRequest {
  readonly filter: ContainerStatsFilter | null;
}

export interface StreamContainerStatsResponse {
  readonly container_stats: readonly ContainerStats[];
}

export interface ContainerAttributes {
  readonly id: string;
  readonly metadata: ContainerMetadata | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface ContainerStats {
  readonly attributes: ContainerAttributes | null;
  readonly cpu: CpuUsage | null;
  readonly memory: MemoryUsage | null;
  readonly writable_layer: FilesystemUsage | null;
  readonly swap: SwapUsage | null;
  readonly io: IoUsage | null;
}

export interface CpuUsage {
  readonly timestamp: Int64;
  readonly usage_core_nano_seconds: UInt64Value | null;
  readonly usage_nano_cores: UInt64Value | null;
  readonly psi: PsiStats | null;
}

export interface MemoryUsage {
  readonly timestamp: Int64;
  readonly working_set_bytes: UInt64Value | null;
  readonly available_bytes: UInt64Value | null;
  readonly usage_bytes: UInt64Value | null;
  readonly rss_bytes: UInt64Value | null;
  readonly page_faults: UInt64Value | null;
  readonly major_page_faults: UInt64Value | null;
  readonly psi: PsiStats | null;
}

export interface SwapUsage {
  readonly timestamp: Int64;
  readonly swap_available_bytes: UInt64Value | null;
  readonly swap_usage_bytes: UInt64Value | null;
}

export interface IoUsage {
  readonly timestamp: Int64;
  readonly psi: PsiStats | null;
}

export interface PsiStats {
  readonly Full: PsiData | null;
  readonly Some: PsiData | null;
}

export interface PsiData {
  readonly Total: Int64;
  readonly Avg10: number;
  readonly Avg60: number;
  readonly Avg300: number;
}

export interface PodSandboxStatsRequest {
  readonly pod_sandbox_id: string;
}

export interface PodSandboxStatsResponse {
  readonly stats: PodSandboxStats | null;
}

export interface PodSandboxStatsFilter {
  readonly id: string;
  readonly label_selector: Readonly<Record<string, string>>;
}

export interface ListPodSandboxStatsRequest {
  readonly filter: PodSandboxStatsFilter | null;
}

export interface ListPodSandboxStatsResponse {
  readonly stats: readonly PodSandboxStats[];
}

export interface StreamPodSandboxStatsRequest {
  readonly filter: PodSandboxStatsFilter | null;
}

export interface StreamPodSandboxStatsResponse {
  readonly pod_sandbox_stats: readonly PodSandboxStats[];
}

export interface PodSandboxAttributes {
  readonly id: string;
  readonly metadata: PodSandboxMetadata | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface PodSandboxStats {
  readonly attributes: PodSandboxAttributes | null;
  readonly linux: LinuxPodSandboxStats | null;
  readonly windows: WindowsPodSandboxStats | null;
}

export interface LinuxPodSandboxStats {
  readonly cpu: CpuUsage | null;
  readonly memory: MemoryUsage | null;
  readonly network: NetworkUsage | null;
  readonly process: ProcessUsage | null;
  readonly containers: readonly ContainerStats[];
  readonly io: IoUsage | null;
}

export interface NetworkUsage {
  readonly timestamp: Int64;
  readonly default_interface: NetworkInterfaceUsage | null;
  readonly interfaces: readonly NetworkInterfaceUsage[];
}

export interface NetworkInterfaceUsage {
  readonly name: string;
  readonly rx_bytes: UInt64Value | null;
  readonly rx_errors: UInt64Value | null;
  readonly tx_bytes: UInt64Value | null;
  readonly tx_errors: UInt64Value | null;
}

export interface ProcessUsage {
  readonly timestamp: Int64;
  readonly process_count: UInt64Value | null;
}

export interface ListMetricDescriptorsRequest {}

export interface ListMetricDescriptorsResponse {
  readonly descriptors: readonly MetricDescriptor[];
}

export interface MetricDescriptor {
  readonly name: string;
  readonly help: string;
  readonly label_keys: readonly string[];
}

export interface ListPodSandboxMetricsRequest {}

export interface ListPodSandboxMetricsResponse {
  readonly pod_metrics: readonly PodSandboxMetrics[];
}

export interface StreamPodSandboxMetricsRequest {}

export interface StreamPodSandboxMetricsResponse {
  readonly pod_sandbox_metrics: readonly PodSandboxMetrics[];
}

export interface PodSandboxMetrics {
  readonly pod_sandbox_id: string;
  readonly metrics: readonly Metric[];
  readonly container_metrics: readonly ContainerMetrics[];
}

export interface ContainerMetrics {
  readonly container_id: string;
  readonly metrics: readonly Metric[];
}

export interface Metric {
  readonly name: string;
  readonly timestamp: Int64;
  readonly metric_type: MetricType;
  readonly label_values: readonly string[];
  readonly value: UInt64Value | null;
}

export type MetricType = 'COUNTER' | 'GAUGE';

export interface WindowsPodSandboxConfig {
  readonly security_context: WindowsSandboxSecurityContext | null;
}

export interface WindowsSandboxSecurityContext {
  readonly run_as_username: string;
  readonly credential_spec: string;
  readonly host_process: boolean;
  readonly namespace_options: WindowsNamespaceOption | null;
}

export interface WindowsNamespaceOption {
  readonly network: NamespaceMode;
}

export interface WindowsContainerConfig {
  readonly resources: WindowsContainerResources | null;
  readonly security_context: WindowsContainerSecurityContext | null;
}

export interface WindowsContainerSecurityContext {
  readonly run_as_username: string;
  readonly credential_spec: string;
  readonly host_process: boolean;
}

export interface WindowsContainerResources {
  readonly cpu_shares: Int64;
  readonly cpu_count: Int64;
  readonly cpu_maximum: Int64;
  readonly memory_limit_in_bytes: Int64;
  readonly rootfs_size_in_bytes: Int64;
  readonly affinity_cpus: readonly WindowsCpuGroupAffinity[];
}

export interface WindowsCpuGroupAffinity {
  readonly cpu_mask: Int64;
  readonly cpu_group: number;
}

export interface WindowsPodSandboxStats {
  readonly cpu: WindowsCpuUsage | null;
  readonly memory: WindowsMemoryUsage | null;
  readonly network: WindowsNetworkUsage | null;
  readonly process: WindowsProcessUsage | null;
  readonly containers: readonly WindowsContainerStats[];
}

export interface WindowsContainerStats {
  readonly attributes: ContainerAttributes | null;
  readonly cpu: WindowsCpuUsage | null;
  readonly memory: WindowsMemoryUsage | null;
  readonly writable_layer: WindowsFilesystemUsage | null;
}

export interface WindowsCpuUsage {
  readonly timestamp: Int64;
  readonly usage_core_nano_seconds: UInt64Value | null;
  readonly usage_nano_cores: UInt64Value | null;
}

export interface WindowsMemoryUsage {
  readonly timestamp: Int64;
  readonly working_set_bytes: UInt64Value | null;
  readonly available_bytes: UInt64Value | null;
  readonly page_faults: UInt64Value | null;
  readonly commit_memory_bytes: UInt64Value | null;
}

export interface WindowsNetworkUsage {
  readonly timestamp: Int64;
  readonly default_interface: WindowsNetworkInterfaceUsage | null;
  readonly interfaces: readonly WindowsNetworkInterfaceUsage[];
}

export interface WindowsNetworkInterfaceUsage {
  readonly name: string;
  readonly rx_bytes: UInt64Value | null;
  readonly rx_packets_dropped: UInt64Value | null;
  readonly tx_bytes: UInt64Value | null;
  readonly tx_packets_dropped: UInt64Value | null;
}

export interface WindowsProcessUsage {
  readonly timestamp: Int64;
  readonly process_count: UInt64Value | null;
}

export interface WindowsFilesystemUsage {
  readonly timestamp: Int64;
  readonly fs_id: FilesystemIdentifier | null;
  readonly used_bytes: UInt64Value | null;
}
