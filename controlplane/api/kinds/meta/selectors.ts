import { atomicList, map, object, oneOf, required, string, type Static } from '#api/schema.ts';

export const LabelSelectorOperator = oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist']);
export type LabelSelectorOperator = Static<typeof LabelSelectorOperator>;

export const LabelSelectorRequirement = object('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement', {
  key: required(string()),
  operator: required(LabelSelectorOperator),
  values: atomicList(string()),
});
export interface LabelSelectorRequirement extends Static<typeof LabelSelectorRequirement> {}

export const LabelSelector = object(
  'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector',
  {
    matchLabels: map(string()),
    matchExpressions: atomicList(LabelSelectorRequirement),
  },
  { mapType: 'atomic' },
);
export interface LabelSelector extends Static<typeof LabelSelector> {}

export const FieldSelectorOperator = oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist']);
export type FieldSelectorOperator = Static<typeof FieldSelectorOperator>;

export const FieldSelectorRequirement = object('io.k8s.apimachinery.pkg.apis.meta.v1.FieldSelectorRequirement', {
  key: required(string()),
  operator: required(FieldSelectorOperator),
  values: atomicList(string()),
});
export interface FieldSelectorRequirement extends Static<typeof FieldSelectorRequirement> {}
