import { atomicList, field, map, object, oneOf, required, string, type Static } from '#api/schema.ts';

export const LabelSelectorOperator = oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist']);
export type LabelSelectorOperator = Static<typeof LabelSelectorOperator>;

export const LabelSelectorRequirement = object('io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement', {
  key: required(string('Name of the label')),
  operator: required(field(LabelSelectorOperator, 'How the values are compared')),
  values: atomicList(string(), 'Values to compare with'),
});
export interface LabelSelectorRequirement extends Static<typeof LabelSelectorRequirement> {}

export const LabelSelector = object(
  'io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector',
  {
    matchLabels: map(string(), 'Labels with exactly these values'),
    matchExpressions: atomicList(LabelSelectorRequirement, 'Conditions on labels'),
  },
  { doc: 'Labels to look for; all parts must hold.', mapType: 'atomic' },
);
export interface LabelSelector extends Static<typeof LabelSelector> {}

export const FieldSelectorOperator = oneOf(['In', 'NotIn', 'Exists', 'DoesNotExist']);
export type FieldSelectorOperator = Static<typeof FieldSelectorOperator>;

export const FieldSelectorRequirement = object('io.k8s.apimachinery.pkg.apis.meta.v1.FieldSelectorRequirement', {
  key: required(string('Path of the field')),
  operator: required(field(FieldSelectorOperator, 'How the values are compared')),
  values: atomicList(string(), 'Values to compare with'),
});
export interface FieldSelectorRequirement extends Static<typeof FieldSelectorRequirement> {}
