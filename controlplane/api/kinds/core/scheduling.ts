import { atomicList, int32, int64, object, oneOf, required, string, time, type Static } from '#api/schema.ts';
import { PodConditionType } from '#api/kinds/core/podStatus.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const NodeSelectorOperator = oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']);
export type NodeSelectorOperator = Static<typeof NodeSelectorOperator>;

export const NodeSelectorRequirement = object('io.k8s.api.core.v1.NodeSelectorRequirement', {
  key: required(string()),
  operator: required(NodeSelectorOperator),
  values: atomicList(string()),
});
export interface NodeSelectorRequirement extends Static<typeof NodeSelectorRequirement> {}

export const NodeSelectorTerm = object(
  'io.k8s.api.core.v1.NodeSelectorTerm',
  {
    matchExpressions: atomicList(NodeSelectorRequirement),
    matchFields: atomicList(NodeSelectorRequirement),
  },
  { mapType: 'atomic' },
);
export interface NodeSelectorTerm extends Static<typeof NodeSelectorTerm> {}

export const NodeSelector = object(
  'io.k8s.api.core.v1.NodeSelector',
  {
    nodeSelectorTerms: required(atomicList(NodeSelectorTerm)),
  },
  { mapType: 'atomic' },
);
export interface NodeSelector extends Static<typeof NodeSelector> {}

export const PreferredSchedulingTerm = object('io.k8s.api.core.v1.PreferredSchedulingTerm', {
  weight: required(int32()),
  preference: required(NodeSelectorTerm),
});
export interface PreferredSchedulingTerm extends Static<typeof PreferredSchedulingTerm> {}

export const NodeAffinity = object('io.k8s.api.core.v1.NodeAffinity', {
  requiredDuringSchedulingIgnoredDuringExecution: NodeSelector,
  preferredDuringSchedulingIgnoredDuringExecution: atomicList(PreferredSchedulingTerm),
});
export interface NodeAffinity extends Static<typeof NodeAffinity> {}

export const PodAffinityTerm = object('io.k8s.api.core.v1.PodAffinityTerm', {
  labelSelector: LabelSelector,
  namespaces: atomicList(string()),
  topologyKey: required(string()),
  namespaceSelector: LabelSelector,
  matchLabelKeys: atomicList(string()),
  mismatchLabelKeys: atomicList(string()),
});
export interface PodAffinityTerm extends Static<typeof PodAffinityTerm> {}

export const WeightedPodAffinityTerm = object('io.k8s.api.core.v1.WeightedPodAffinityTerm', {
  weight: required(int32()),
  podAffinityTerm: required(PodAffinityTerm),
});
export interface WeightedPodAffinityTerm extends Static<typeof WeightedPodAffinityTerm> {}

export const PodAffinity = object('io.k8s.api.core.v1.PodAffinity', {
  requiredDuringSchedulingIgnoredDuringExecution: atomicList(PodAffinityTerm),
  preferredDuringSchedulingIgnoredDuringExecution: atomicList(WeightedPodAffinityTerm),
});
export interface PodAffinity extends Static<typeof PodAffinity> {}

export const PodAntiAffinity = object('io.k8s.api.core.v1.PodAntiAffinity', {
  requiredDuringSchedulingIgnoredDuringExecution: atomicList(PodAffinityTerm),
  preferredDuringSchedulingIgnoredDuringExecution: atomicList(WeightedPodAffinityTerm),
});
export interface PodAntiAffinity extends Static<typeof PodAntiAffinity> {}

export const Affinity = object('io.k8s.api.core.v1.Affinity', {
  nodeAffinity: NodeAffinity,
  podAffinity: PodAffinity,
  podAntiAffinity: PodAntiAffinity,
});
export interface Affinity extends Static<typeof Affinity> {}

export const TaintEffect = oneOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute']);
export type TaintEffect = Static<typeof TaintEffect>;

export const Taint = object('io.k8s.api.core.v1.Taint', {
  key: required(string()),
  value: string(),
  effect: required(TaintEffect),
  timeAdded: time(),
});
export interface Taint extends Static<typeof Taint> {}

export const TolerationOperator = oneOf(['Exists', 'Equal', 'Lt', 'Gt']);
export type TolerationOperator = Static<typeof TolerationOperator>;

export const Toleration = object('io.k8s.api.core.v1.Toleration', {
  key: string(),
  operator: TolerationOperator,
  value: string(),
  effect: TaintEffect,
  tolerationSeconds: int64(),
});
export interface Toleration extends Static<typeof Toleration> {}

export const UnsatisfiableConstraintAction = oneOf(['DoNotSchedule', 'ScheduleAnyway']);
export type UnsatisfiableConstraintAction = Static<typeof UnsatisfiableConstraintAction>;

export const NodeInclusionPolicy = oneOf(['Ignore', 'Honor']);
export type NodeInclusionPolicy = Static<typeof NodeInclusionPolicy>;

export const TopologySpreadConstraint = object('io.k8s.api.core.v1.TopologySpreadConstraint', {
  maxSkew: required(int32()),
  topologyKey: required(string()),
  whenUnsatisfiable: required(UnsatisfiableConstraintAction),
  labelSelector: LabelSelector,
  minDomains: int32(),
  nodeAffinityPolicy: NodeInclusionPolicy,
  nodeTaintsPolicy: NodeInclusionPolicy,
  matchLabelKeys: atomicList(string()),
});
export interface TopologySpreadConstraint extends Static<typeof TopologySpreadConstraint> {}

export const PodSchedulingGate = object('io.k8s.api.core.v1.PodSchedulingGate', {
  name: required(string()),
});
export interface PodSchedulingGate extends Static<typeof PodSchedulingGate> {}

export const PodSchedulingGroup = object('io.k8s.api.core.v1.PodSchedulingGroup', {
  podGroupName: string(),
});
export interface PodSchedulingGroup extends Static<typeof PodSchedulingGroup> {}

export const PodReadinessGate = object('io.k8s.api.core.v1.PodReadinessGate', {
  conditionType: required(PodConditionType),
});
export interface PodReadinessGate extends Static<typeof PodReadinessGate> {}

export const PreemptionPolicy = oneOf(['PreemptLowerPriority', 'Never']);
export type PreemptionPolicy = Static<typeof PreemptionPolicy>;
