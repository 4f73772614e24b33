/**
 * Does the work of a program while it leads, for as long as the signal does not abort: at once where there is no election, each time it wins
 * the lease otherwise.
 */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { Observed, type MetricsRegistry } from '#base/metrics.ts';
import { LeaderElection } from '#client/leaderElection.ts';
import type { Client } from '#client/rest.ts';
import type { HealthCheck } from './http/serve.ts';
import type { ElectionSettings } from './settings.ts';

export interface LeadOptions {
  readonly settings: ElectionSettings | undefined;
  /** Another for every process that ever runs: host name, "_", a UUID. */
  readonly identity: string;
  readonly client: Client;
  readonly metrics: MetricsRegistry;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Leading {
  readonly check: HealthCheck;
  /** For a line of status: what it does now. */
  readonly word: string;
  run(work: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void>;
}

export function leadership({ settings, identity, client, metrics, clock, log }: LeadOptions): Leading {
  const election = settings === undefined ? undefined : new LeaderElection({ ...settings, identity, client, clock, log });
  if (settings !== undefined) {
    const labels = ['name'];
    metrics.add(
      new Observed({ name: 'leader_election_master_status', help: 'Whether this process leads (1) or stands by (0).', labels }, () => [
        [[settings.name], election?.isLeader === true ? 1 : 0],
      ]),
    );
  }
  let works = false;
  return {
    get word() {
      if (election === undefined || election.isLeader) return 'leads';
      return election.holder === '' ? 'waits for the lease' : `stands by for ${election.holder.replace(/_.*/, '')}`;
    },
    // One that works although the lease is not its any more has lost control of itself.
    check: { name: 'leaderElection', problem: () => (works && election?.isLeader === false ? 'works without the lease' : undefined) },
    run: async (work, signal) => {
      const tracked = async (leads: AbortSignal): Promise<void> => {
        works = true;
        try {
          await work(leads);
        } finally {
          works = false;
        }
      };
      await (election === undefined ? tracked(signal) : election.run(tracked, signal));
    },
  };
}
