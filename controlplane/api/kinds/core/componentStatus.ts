import { always, field, knownTexts, mapList, object, string, type Static } from '#api/schema.ts';
import { ConditionStatus } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const ComponentConditionType = knownTexts(['Healthy']);
export type ComponentConditionType = Static<typeof ComponentConditionType>;

export const ComponentCondition = object('io.k8s.api.core.v1.ComponentCondition', {
  type: always(field(ComponentConditionType, 'Healthy')),
  status: always(field(ConditionStatus, 'True, False or Unknown')),
  message: string('Cause in a sentence, for people'),
  error: string('Why not'),
});
export interface ComponentCondition extends Static<typeof ComponentCondition> {}

export const ComponentStatus = kind(
  'io.k8s.api.core.v1.ComponentStatus',
  {
    conditions: mapList(ComponentCondition, ['type'], 'Newest state of each aspect'),
  },
  'Health of a part of the control plane; no longer kept up.',
);
export interface ComponentStatus extends Static<typeof ComponentStatus> {}
