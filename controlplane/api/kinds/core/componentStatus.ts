import { always, knownTexts, mapList, object, string, type Static } from '#api/schema.ts';
import { ConditionStatus } from '#api/kinds/core/references.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const ComponentConditionType = knownTexts(['Healthy']);
export type ComponentConditionType = Static<typeof ComponentConditionType>;

export const ComponentCondition = object('io.k8s.api.core.v1.ComponentCondition', {
  type: always(ComponentConditionType),
  status: always(ConditionStatus),
  message: string(),
  error: string(),
});
export interface ComponentCondition extends Static<typeof ComponentCondition> {}

export const ComponentStatus = kind('io.k8s.api.core.v1.ComponentStatus', {
  conditions: mapList(ComponentCondition, ['type']),
});
export interface ComponentStatus extends Static<typeof ComponentStatus> {}
