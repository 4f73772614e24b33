import { boolean, field, int32, string, type Static } from '#api/schema.ts';
import { PreemptionPolicy } from '#api/kinds/core/scheduling.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const PriorityClass = kind('io.k8s.api.scheduling.v1.PriorityClass', {
  value: int32(),
  globalDefault: boolean(),
  description: string(),
  preemptionPolicy: field(PreemptionPolicy, undefined, { default: 'PreemptLowerPriority' }),
});
export interface PriorityClass extends Static<typeof PriorityClass> {}
