import { always, field, int32, knownTexts, microTime, object, string, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const CoordinatedLeaseStrategy = knownTexts(['OldestEmulationVersion']);
export type CoordinatedLeaseStrategy = Static<typeof CoordinatedLeaseStrategy>;

export const LeaseSpec = object('io.k8s.api.coordination.v1.LeaseSpec', {
  holderIdentity: string(),
  leaseDurationSeconds: int32(),
  acquireTime: microTime(),
  renewTime: microTime(),
  leaseTransitions: int32(),
  strategy: field(CoordinatedLeaseStrategy, undefined, { gate: 'CoordinatedLeaderElection' }),
  preferredHolder: string(undefined, { gate: 'CoordinatedLeaderElection' }),
});
export interface LeaseSpec extends Static<typeof LeaseSpec> {}

export const Lease = kind('io.k8s.api.coordination.v1.Lease', {
  spec: always(LeaseSpec),
});
export interface Lease extends Static<typeof Lease> {}
