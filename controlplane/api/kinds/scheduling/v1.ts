import { boolean, field, int32, string, type Static } from '#api/schema.ts';
import { PreemptionPolicy } from '#api/kinds/core/scheduling.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const PriorityClass = kind(
  'io.k8s.api.scheduling.v1.PriorityClass',
  {
    value: int32('Number; more is more important'),
    globalDefault: boolean('Holds for pods that name no class'),
    description: string('What it is for'),
    preemptionPolicy: field(PreemptionPolicy, 'Whether its pods may push others away', { default: 'PreemptLowerPriority' }),
  },
  'How important pods are.',
);
export interface PriorityClass extends Static<typeof PriorityClass> {}
