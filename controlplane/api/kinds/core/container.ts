import { atomicList, boolean, field, int32, knownTexts, list, mapList, object, oneOf, required, string, type Static } from '#api/schema.ts';
import { computeDefaults } from '#api/defaults.ts';
import { pullPolicyFor } from '#api/image.ts';
import { ContainerResizePolicy, ResourceRequirements } from '#api/kinds/core/compute.ts';
import { EnvFromSource, EnvVar } from '#api/kinds/core/env.ts';
import { Lifecycle, Probe } from '#api/kinds/core/probes.ts';
import { Protocol } from '#api/kinds/core/references.ts';
import { SecurityContext } from '#api/kinds/core/security.ts';

export const ContainerPort = object('io.k8s.api.core.v1.ContainerPort', {
  name: string(),
  hostPort: int32(),
  containerPort: required(int32()),
  protocol: field(Protocol, undefined, { default: 'TCP' }),
  hostIP: string(),
});
export interface ContainerPort extends Static<typeof ContainerPort> {}

export const MountPropagationMode = oneOf(['None', 'HostToContainer', 'Bidirectional']);
export type MountPropagationMode = Static<typeof MountPropagationMode>;

export const RecursiveReadOnlyMode = oneOf(['Disabled', 'IfPossible', 'Enabled']);
export type RecursiveReadOnlyMode = Static<typeof RecursiveReadOnlyMode>;

export const VolumeMount = object('io.k8s.api.core.v1.VolumeMount', {
  name: required(string()),
  readOnly: boolean(),
  recursiveReadOnly: RecursiveReadOnlyMode,
  mountPath: required(string()),
  subPath: string(),
  mountPropagation: MountPropagationMode,
  subPathExpr: string(),
});
export interface VolumeMount extends Static<typeof VolumeMount> {}

export const VolumeDevice = object('io.k8s.api.core.v1.VolumeDevice', {
  name: required(string()),
  devicePath: required(string()),
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
  operator: required(ContainerRestartRuleOnExitCodesOperator),
  values: list(int32(), undefined, { listType: 'set' }),
});
export interface ContainerRestartRuleOnExitCodes extends Static<typeof ContainerRestartRuleOnExitCodes> {}

export const ContainerRestartRule = object('io.k8s.api.core.v1.ContainerRestartRule', {
  action: required(ContainerRestartRuleAction),
  exitCodes: ContainerRestartRuleOnExitCodes,
});
export interface ContainerRestartRule extends Static<typeof ContainerRestartRule> {}

export const containerFields = {
  name: required(string()),
  image: string(),
  command: atomicList(string()),
  args: atomicList(string()),
  workingDir: string(),
  ports: mapList(ContainerPort, ['containerPort', 'protocol']),
  envFrom: atomicList(EnvFromSource),
  env: mapList(EnvVar, ['name']),
  resources: field(ResourceRequirements, undefined, { default: {} }),
  resizePolicy: atomicList(ContainerResizePolicy),
  restartPolicy: ContainerRestartPolicy,
  restartPolicyRules: atomicList(ContainerRestartRule, undefined, { gate: 'ContainerRestartRules' }),
  volumeMounts: mapList(VolumeMount, ['mountPath']),
  volumeDevices: mapList(VolumeDevice, ['devicePath']),
  livenessProbe: Probe,
  readinessProbe: Probe,
  startupProbe: Probe,
  lifecycle: Lifecycle,
  terminationMessagePath: string(undefined, { default: '/dev/termination-log' }),
  terminationMessagePolicy: field(TerminationMessagePolicy, undefined, { default: 'File' }),
  imagePullPolicy: PullPolicy,
  securityContext: SecurityContext,
  stdin: boolean(),
  stdinOnce: boolean(),
  tty: boolean(),
};
export const Container = object('io.k8s.api.core.v1.Container', containerFields);
export interface Container extends Static<typeof Container> {}

export const EphemeralContainer = object('io.k8s.api.core.v1.EphemeralContainer', {
  ...containerFields,
  targetContainerName: string(),
});
export interface EphemeralContainer extends Static<typeof EphemeralContainer> {}

computeDefaults(Container, (container) => {
  container.imagePullPolicy ??= pullPolicyFor(container.image ?? '');
});
computeDefaults(EphemeralContainer, (container) => {
  container.imagePullPolicy ??= pullPolicyFor(container.image ?? '');
});
