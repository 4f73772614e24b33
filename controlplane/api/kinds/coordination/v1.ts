import { always, field, int32, knownTexts, microTime, object, string, type Static } from '#api/schema.ts';
import { kind } from '#api/kinds/meta/objectMeta.ts';

export const CoordinatedLeaseStrategy = knownTexts(['OldestEmulationVersion']);
export type CoordinatedLeaseStrategy = Static<typeof CoordinatedLeaseStrategy>;

export const LeaseSpec = object('io.k8s.api.coordination.v1.LeaseSpec', {
  holderIdentity: string('Who holds it'),
  leaseDurationSeconds: int32('How long others wait without a sign of life'),
  acquireTime: microTime('When it was taken'),
  renewTime: microTime('Last sign of life'),
  leaseTransitions: int32('How often the holder changed'),
  strategy: field(CoordinatedLeaseStrategy, 'How the next holder is chosen', { gate: 'CoordinatedLeaderElection' }),
  preferredHolder: string('Who should hold it', { gate: 'CoordinatedLeaderElection' }),
});
export interface LeaseSpec extends Static<typeof LeaseSpec> {}

export const Lease = kind(
  'io.k8s.api.coordination.v1.Lease',
  {
    spec: always(field(LeaseSpec, 'What is wanted')),
  },
  'A sign of life, and a way to choose a leader.',
);
export interface Lease extends Static<typeof Lease> {}
