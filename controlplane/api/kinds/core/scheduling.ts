import { atomicList, field, int32, int64, object, oneOf, required, string, time, type Static } from '#api/schema.ts';
import { PodConditionType } from '#api/kinds/core/podStatus.ts';
import { LabelSelector } from '#api/kinds/meta/selectors.ts';

export const NodeSelectorOperator = oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']);
export type NodeSelectorOperator = Static<typeof NodeSelectorOperator>;

export const NodeSelectorRequirement = object('io.k8s.api.core.v1.NodeSelectorRequirement', {
  key: required(string('Name of the label or field')),
  operator: required(field(NodeSelectorOperator, 'How the values are compared')),
  values: atomicList(string(), 'Values to compare with'),
});
export interface NodeSelectorRequirement extends Static<typeof NodeSelectorRequirement> {}

export const NodeSelectorTerm = object(
  'io.k8s.api.core.v1.NodeSelectorTerm',
  {
    matchExpressions: atomicList(NodeSelectorRequirement, 'Conditions on labels of the node'),
    matchFields: atomicList(NodeSelectorRequirement, 'Conditions on fields of the node'),
  },
  { doc: 'Conditions that must all hold.', mapType: 'atomic' },
);
export interface NodeSelectorTerm extends Static<typeof NodeSelectorTerm> {}

export const NodeSelector = object(
  'io.k8s.api.core.v1.NodeSelector',
  {
    nodeSelectorTerms: required(atomicList(NodeSelectorTerm, 'Any one of these is enough')),
  },
  { mapType: 'atomic' },
);
export interface NodeSelector extends Static<typeof NodeSelector> {}

export const PreferredSchedulingTerm = object('io.k8s.api.core.v1.PreferredSchedulingTerm', {
  weight: required(int32('How much it counts, 1-100')),
  preference: required(field(NodeSelectorTerm, 'Which nodes are preferred')),
});
export interface PreferredSchedulingTerm extends Static<typeof PreferredSchedulingTerm> {}

export const NodeAffinity = object('io.k8s.api.core.v1.NodeAffinity', {
  requiredDuringSchedulingIgnoredDuringExecution: field(NodeSelector, 'Nodes that are allowed'),
  preferredDuringSchedulingIgnoredDuringExecution: atomicList(PreferredSchedulingTerm, 'Nodes that are better than others'),
});
export interface NodeAffinity extends Static<typeof NodeAffinity> {}

export const PodAffinityTerm = object(
  'io.k8s.api.core.v1.PodAffinityTerm',
  {
    labelSelector: field(LabelSelector, 'Labels of those pods'),
    namespaces: atomicList(string(), 'Namespaces of those pods'),
    topologyKey: required(string('Label of nodes that says what near means, such as kubernetes.io/hostname')),
    namespaceSelector: field(LabelSelector, 'Labels of the namespaces of those pods'),
    matchLabelKeys: atomicList(string(), 'Labels whose value in this pod those pods must have too'),
    mismatchLabelKeys: atomicList(string(), 'Labels whose value in this pod those pods must not have'),
  },
  { doc: 'Pods to be near to, or away from.' },
);
export interface PodAffinityTerm extends Static<typeof PodAffinityTerm> {}

export const WeightedPodAffinityTerm = object('io.k8s.api.core.v1.WeightedPodAffinityTerm', {
  weight: required(int32('How much it counts, 1-100')),
  podAffinityTerm: required(field(PodAffinityTerm, 'Pods that are meant')),
});
export interface WeightedPodAffinityTerm extends Static<typeof WeightedPodAffinityTerm> {}

export const PodAffinity = object('io.k8s.api.core.v1.PodAffinity', {
  requiredDuringSchedulingIgnoredDuringExecution: atomicList(PodAffinityTerm, 'Must be near these pods'),
  preferredDuringSchedulingIgnoredDuringExecution: atomicList(WeightedPodAffinityTerm, 'Better near these pods'),
});
export interface PodAffinity extends Static<typeof PodAffinity> {}

export const PodAntiAffinity = object('io.k8s.api.core.v1.PodAntiAffinity', {
  requiredDuringSchedulingIgnoredDuringExecution: atomicList(PodAffinityTerm, 'Must not be near these pods'),
  preferredDuringSchedulingIgnoredDuringExecution: atomicList(WeightedPodAffinityTerm, 'Better not near these pods'),
});
export interface PodAntiAffinity extends Static<typeof PodAntiAffinity> {}

export const Affinity = object('io.k8s.api.core.v1.Affinity', {
  nodeAffinity: field(NodeAffinity, 'Which nodes'),
  podAffinity: field(PodAffinity, 'Near which pods'),
  podAntiAffinity: field(PodAntiAffinity, 'Away from which pods'),
});
export interface Affinity extends Static<typeof Affinity> {}

export const TaintEffect = oneOf(['NoSchedule', 'PreferNoSchedule', 'NoExecute']);
export type TaintEffect = Static<typeof TaintEffect>;

export const Taint = object(
  'io.k8s.api.core.v1.Taint',
  {
    key: required(string('Name of the taint')),
    value: string('Value of the taint'),
    effect: required(field(TaintEffect, 'What happens to pods that do not tolerate it')),
    timeAdded: time('When it was put on'),
  },
  { doc: 'Keeps pods away that do not tolerate it.' },
);
export interface Taint extends Static<typeof Taint> {}

export const TolerationOperator = oneOf(['Exists', 'Equal', 'Lt', 'Gt']);
export type TolerationOperator = Static<typeof TolerationOperator>;

export const Toleration = object(
  'io.k8s.api.core.v1.Toleration',
  {
    key: string('Name of the taint; empty with Exists means every taint'),
    operator: field(TolerationOperator, 'How the value is compared; Equal when left out'),
    value: string('Value of the taint'),
    effect: field(TaintEffect, 'Effect that is accepted; empty means all'),
    tolerationSeconds: int64('How long NoExecute is borne; for ever when left out'),
  },
  { doc: 'Accepts taints of nodes.' },
);
export interface Toleration extends Static<typeof Toleration> {}

export const UnsatisfiableConstraintAction = oneOf(['DoNotSchedule', 'ScheduleAnyway']);
export type UnsatisfiableConstraintAction = Static<typeof UnsatisfiableConstraintAction>;

export const NodeInclusionPolicy = oneOf(['Ignore', 'Honor']);
export type NodeInclusionPolicy = Static<typeof NodeInclusionPolicy>;

export const TopologySpreadConstraint = object(
  'io.k8s.api.core.v1.TopologySpreadConstraint',
  {
    maxSkew: required(int32('Largest difference in numbers between two parts')),
    topologyKey: required(string('Label of nodes that makes the parts')),
    whenUnsatisfiable: required(field(UnsatisfiableConstraintAction, 'Whether to wait or to go on when it cannot be done')),
    labelSelector: field(LabelSelector, 'Pods that are counted'),
    minDomains: int32('Least number of parts'),
    nodeAffinityPolicy: field(NodeInclusionPolicy, 'Whether nodes that the pod may not use count'),
    nodeTaintsPolicy: field(NodeInclusionPolicy, 'Whether nodes with taints that are not tolerated count'),
    matchLabelKeys: atomicList(string(), 'Labels whose value in this pod the counted pods must have'),
  },
  { doc: 'Spreads pods evenly over parts of the cluster.' },
);
export interface TopologySpreadConstraint extends Static<typeof TopologySpreadConstraint> {}

export const PodSchedulingGate = object('io.k8s.api.core.v1.PodSchedulingGate', {
  name: required(string('Who keeps the pod from being scheduled')),
});
export interface PodSchedulingGate extends Static<typeof PodSchedulingGate> {}

export const PodSchedulingGroup = object('io.k8s.api.core.v1.PodSchedulingGroup', {
  podGroupName: string('Group whose pods are scheduled together'),
});
export interface PodSchedulingGroup extends Static<typeof PodSchedulingGroup> {}

export const PodReadinessGate = object('io.k8s.api.core.v1.PodReadinessGate', {
  conditionType: required(field(PodConditionType, 'Condition that must be True for the pod to be ready')),
});
export interface PodReadinessGate extends Static<typeof PodReadinessGate> {}

export const PreemptionPolicy = oneOf(['PreemptLowerPriority', 'Never']);
export type PreemptionPolicy = Static<typeof PreemptionPolicy>;
