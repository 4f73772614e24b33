import { atomicList, boolean, field, int32, knownTexts, list, mapList, object, oneOf, required, string, type Static } from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { pullPolicyFor } from '#api/image.ts';
import { ContainerResizePolicy, ResourceRequirements } from '#api/kinds/core/compute.ts';
import { EnvFromSource, EnvVar } from '#api/kinds/core/env.ts';
import { Lifecycle, Probe } from '#api/kinds/core/probes.ts';
import { Protocol } from '#api/kinds/core/references.ts';
import { SecurityContext } from '#api/kinds/core/security.ts';

export const ContainerPort = object(
  'io.k8s.api.core.v1.ContainerPort',
  {
    name: string('Name that services and probes can use'),
    hostPort: int32('Port of the node that leads here'),
    containerPort: required(int32('Port in the pod')),
    protocol: field(Protocol, 'TCP, UDP or SCTP', { default: 'TCP' }),
    hostIP: string('Address of the node that hostPort is bound to'),
  },
  { doc: 'A port the container listens on.' },
);
export interface ContainerPort extends Static<typeof ContainerPort> {}

export const MountPropagationMode = oneOf(['None', 'HostToContainer', 'Bidirectional']);
export type MountPropagationMode = Static<typeof MountPropagationMode>;

export const RecursiveReadOnlyMode = oneOf(['Disabled', 'IfPossible', 'Enabled']);
export type RecursiveReadOnlyMode = Static<typeof RecursiveReadOnlyMode>;

export const VolumeMount = object('io.k8s.api.core.v1.VolumeMount', {
  name: required(string('Name of the volume')),
  readOnly: boolean('Mounted so that nothing can be written'),
  recursiveReadOnly: field(RecursiveReadOnlyMode, 'Whether what is mounted below is read-only too'),
  mountPath: required(string('Where it is seen in the container')),
  subPath: string('Part of the volume that is mounted'),
  mountPropagation: field(MountPropagationMode, 'Whether mounts made later are seen on the other side'),
  subPathExpr: string('Like subPath, with $(NAME) for variables'),
});
export interface VolumeMount extends Static<typeof VolumeMount> {}

export const VolumeDevice = object('io.k8s.api.core.v1.VolumeDevice', {
  name: required(string('Name of a volume in block mode')),
  devicePath: required(string('Where the device is seen in the container')),
});
export interface VolumeDevice extends Static<typeof VolumeDevice> {}

export const PullPolicy = oneOf(['Always', 'Never', 'IfNotPresent']);
export type PullPolicy = Static<typeof PullPolicy>;

export const TerminationMessagePolicy = oneOf(['File', 'FallbackToLogsOnError']);
export type TerminationMessagePolicy = Static<typeof TerminationMessagePolicy>;

export const ContainerRestartPolicy = oneOf(['Always', 'Never', 'OnFailure']);
export type ContainerRestartPolicy = Static<typeof ContainerRestartPolicy>;

export const ContainerRestartRuleAction = knownTexts(['Restart', 'RestartAllContainers']);
export type ContainerRestartRuleAction = Static<typeof ContainerRestartRuleAction>;

export const ContainerRestartRuleOnExitCodesOperator = oneOf(['In', 'NotIn']);
export type ContainerRestartRuleOnExitCodesOperator = Static<typeof ContainerRestartRuleOnExitCodesOperator>;

export const ContainerRestartRuleOnExitCodes = object('io.k8s.api.core.v1.ContainerRestartRuleOnExitCodes', {
  operator: required(field(ContainerRestartRuleOnExitCodesOperator, 'How the codes are compared')),
  values: list(int32(), 'Exit codes', { listType: 'set' }),
});
export interface ContainerRestartRuleOnExitCodes extends Static<typeof ContainerRestartRuleOnExitCodes> {}

export const ContainerRestartRule = object('io.k8s.api.core.v1.ContainerRestartRule', {
  action: required(field(ContainerRestartRuleAction, 'What to do')),
  exitCodes: field(ContainerRestartRuleOnExitCodes, 'After which exits'),
});
export interface ContainerRestartRule extends Static<typeof ContainerRestartRule> {}

export const containerFields = {
  name: required(string('Name, unique in the pod')),
  image: string('Image to run'),
  command: atomicList(string(), "Program, instead of the image's entry point"),
  args: atomicList(string(), "Arguments, instead of the image's"),
  workingDir: string("Directory to start in, instead of the image's"),
  ports: mapList(ContainerPort, ['containerPort', 'protocol'], 'Ports it listens on'),
  envFrom: atomicList(EnvFromSource, 'Config maps and secrets whose keys become variables'),
  env: mapList(EnvVar, ['name'], 'Environment variables'),
  resources: field(ResourceRequirements, 'What it needs and may use', { default: {} }),
  resizePolicy: atomicList(ContainerResizePolicy, 'What happens when its resources change'),
  restartPolicy: field(ContainerRestartPolicy, 'Always makes an init container a sidecar'),
  restartPolicyRules: atomicList(ContainerRestartRule, 'Restarts by exit code', { gate: 'ContainerRestartRules' }),
  volumeMounts: mapList(VolumeMount, ['mountPath'], 'Volumes and where they are seen'),
  volumeDevices: mapList(VolumeDevice, ['devicePath'], 'Raw devices and where they are seen'),
  livenessProbe: field(Probe, 'Restarted when this fails'),
  readinessProbe: field(Probe, 'Gets no traffic while this fails'),
  startupProbe: field(Probe, 'The other probes wait for this one'),
  lifecycle: field(Lifecycle, 'What happens after the start and before the end'),
  terminationMessagePath: string('File whose text explains the end', { default: '/dev/termination-log' }),
  terminationMessagePolicy: field(TerminationMessagePolicy, 'Whether the log explains the end when that file is empty', {
    default: 'File',
  }),
  imagePullPolicy: field(PullPolicy, 'When the image is pulled'),
  securityContext: field(SecurityContext, 'What it may do'),
  stdin: boolean('Keep standard input open'),
  stdinOnce: boolean('Close standard input after the first client left'),
  tty: boolean('Give it a terminal'),
};
export const Container = object('io.k8s.api.core.v1.Container', containerFields, { doc: 'A program in a pod.' });
export interface Container extends Static<typeof Container> {}

export const EphemeralContainer = object(
  'io.k8s.api.core.v1.EphemeralContainer',
  {
    ...containerFields,
    targetContainerName: string('Container whose processes it sees'),
  },
  { doc: 'A container put into a running pod, to look at it.' },
);
export interface EphemeralContainer extends Static<typeof EphemeralContainer> {}

computeDefaults(Container, (container) => {
  container.imagePullPolicy ??= pullPolicyFor(container.image ?? '');
});
computeDefaults(EphemeralContainer, (container) => {
  container.imagePullPolicy ??= pullPolicyFor(container.image ?? '');
});
