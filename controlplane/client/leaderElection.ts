/**
 * One of several processes leads, by holding a Lease and renewing it. Never do two believe to lead at once: the holder stops to believe
 * renewDeadline after it last *asked* for a renewal that succeeded; the others begin leaseDuration after they *saw* the lease change, which
 * is later. Only durations on each one's own monotonic clock count, so that wall clocks may differ and be moved at will.
 *
 * Units: milliseconds.
 * Source: the algorithm and defaults (15 s, 10 s, 2 s, jitter 1.2, release) of client-go's leader election.
 * Differs: upstream counts the deadline from the answer, and a process that lost the lease has to exit; here leading is a function with a
 * signal, and when it has ended the process stands for election again.
 */
import { rfc3339Micro } from '#api/formats.ts';
import { Lease } from '#api/kinds/coordination/v1.ts';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { isAlreadyExists, isConflict, isNotFound } from './errors.ts';
import type { ResourceType } from './query.ts';
import type { Client, ResourceClient } from './rest.ts';

export const leases: ResourceType<Lease> = {
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  plural: 'leases',
  namespaced: true,
  schema: Lease,
};

export interface ElectionOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly log: Logger;
  readonly namespace: string;
  readonly name: string;
  /** Another for every process that ever runs: two with one identity would both lead. Usual: host name, "_", a UUID. */
  readonly identity: string;
  readonly leaseDurationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
  /** Hand the lease back when the signal aborts, so that the next one need not wait. Default true; needs lead() to end promptly. */
  readonly releaseOnCancel?: boolean;
  /** 0 <= x < 1 */
  readonly random?: () => number;
}

const LEASE_DURATION_MS = 15_000;
const RENEW_DEADLINE_MS = 10_000;
const RETRY_PERIOD_MS = 2_000;
const JITTER = 1.2;

export class LeaderElection {
  readonly #options: Required<ElectionOptions>;
  readonly #leases: ResourceClient<Lease>;
  #seen: { readonly lease: Lease; readonly atMs: number } | undefined;
  /** We lead before this moment of our own clock. */
  #leadsUntilMs = Number.NEGATIVE_INFINITY;
  #leading: AbortController | undefined;

  constructor(options: ElectionOptions) {
    this.#options = {
      leaseDurationMs: LEASE_DURATION_MS,
      renewDeadlineMs: RENEW_DEADLINE_MS,
      retryPeriodMs: RETRY_PERIOD_MS,
      releaseOnCancel: true,
      random: Math.random,
      ...options,
    };
    const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = this.#options;
    if (leaseDurationMs < 1_000 || leaseDurationMs % 1_000 !== 0) {
      throw new RangeError(`leaseDuration ${leaseDurationMs} ms: want whole seconds, at least one`);
    }
    if (leaseDurationMs <= renewDeadlineMs) throw new RangeError('leaseDuration must be greater than renewDeadline');
    if (renewDeadlineMs <= JITTER * retryPeriodMs) throw new RangeError('renewDeadline must be greater than retryPeriod * 1.2');
    this.#leases = options.client.resource(leases);
  }

  /** Worked out from the time, so that it is right also after the process was stopped for a while. */
  get isLeader(): boolean {
    return this.#leading !== undefined && this.#options.clock.monotonicMs() < this.#leadsUntilMs;
  }

  /** Who held the lease when it was last seen; "" when nobody did. */
  get holder(): string {
    return this.#seen?.lease.spec.holderIdentity ?? '';
  }

  /**
   * Stands for election until the signal aborts. lead is called each time we win; its signal aborts when we lose or stop. While lead has
   * not ended after a loss we do not stand again. When lead ends by itself, so does run; what it throws is thrown.
   */
  async run(lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { log, identity, name } = this.#options;
    while (!signal.aborted) {
      await this.#acquire(signal);
      if (signal.aborted) break;
      log.info('Became leader', { lease: name, identity });
      const leading = (this.#leading = new AbortController());
      const done = new AbortController();
      const renewing = this.#renew(leading, AbortSignal.any([signal, done.signal]));
      try {
        await lead(AbortSignal.any([signal, leading.signal]));
      } catch (err) {
        if (!signal.aborted && !leading.signal.aborted) throw err;
        if (err !== leading.signal.reason && err !== signal.reason) log.warn('Leading ended with an error', { lease: name, err });
      } finally {
        done.abort();
        await renewing;
        const stillHeld = this.isLeader;
        this.#leading = undefined;
        if (stillHeld && this.#options.releaseOnCancel) await this.#release();
      }
      if (!leading.signal.aborted) return;
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    const { clock, log, name, retryPeriodMs, random } = this.#options;
    let told: string | undefined;
    while (!signal.aborted) {
      try {
        if (await this.#try(signal)) return;
        if (this.holder !== told && this.holder !== '') log.info('Another leads', { lease: name, holder: this.holder });
        told = this.holder;
      } catch (err) {
        if (signal.aborted) return;
        log.warn('Cannot stand for election', { lease: name, retryInMs: retryPeriodMs, err });
      }
      await clock.sleep(retryPeriodMs * (1 + JITTER * random()), signal).catch(() => undefined);
    }
  }

  /** Until the lease is lost or the signal aborts. */
  async #renew(leading: AbortController, signal: AbortSignal): Promise<void> {
    const { clock, log, name, retryPeriodMs } = this.#options;
    const watching = new AbortController();
    void this.#watchDeadline(leading, AbortSignal.any([signal, watching.signal]));
    try {
      while (!signal.aborted && !leading.signal.aborted) {
        await clock.sleep(retryPeriodMs, AbortSignal.any([signal, leading.signal])).catch(() => undefined);
        if (signal.aborted || leading.signal.aborted) return;
        try {
          if (!(await this.#try(AbortSignal.any([signal, leading.signal]))))
            this.#lose(leading, `${this.holder || 'nobody'} holds the lease now`);
        } catch (err) {
          if (!signal.aborted && !leading.signal.aborted)
            log.warn('Cannot renew the lease', { lease: name, retryInMs: retryPeriodMs, err });
        }
      }
    } finally {
      watching.abort();
    }
  }

  async #watchDeadline(leading: AbortController, signal: AbortSignal): Promise<void> {
    const { clock, renewDeadlineMs } = this.#options;
    while (!signal.aborted) {
      const leftMs = this.#leadsUntilMs - clock.monotonicMs();
      if (leftMs <= 0) return this.#lose(leading, `it was not renewed within ${renewDeadlineMs} ms`);
      await clock.sleep(leftMs, signal).catch(() => undefined);
    }
  }

  #lose(leading: AbortController, why: string): void {
    if (leading.signal.aborted) return;
    const { log, name, identity } = this.#options;
    this.#leadsUntilMs = Number.NEGATIVE_INFINITY;
    log.warn('Lost leadership', { lease: name, identity, why });
    leading.abort(new AppError('LEADERSHIP_LOST', `${identity} no longer leads ${name}: ${why}`, { lease: name }));
  }

  /** Takes the lease, or renews it. false: it is another's. */
  async #try(signal: AbortSignal): Promise<boolean> {
    const { clock, identity, leaseDurationMs, renewDeadlineMs } = this.#options;
    const call = { signal, timeoutMs: renewDeadlineMs / 2 };
    // While we lead nobody else should have written it: the version says so, and one request is enough.
    const lease = this.isLeader && this.#seen !== undefined ? this.#seen.lease : await this.#look(call);
    const held = lease?.spec.holderIdentity ?? '';
    // How long the holder wanted to be waited for, or we would have, whichever is longer.
    const waitMs = Math.max((lease?.spec.leaseDurationSeconds ?? 0) * 1_000, held === '' ? 0 : leaseDurationMs);
    const atMs = clock.monotonicMs();
    if (held !== '' && held !== identity && atMs < (this.#seen?.atMs ?? 0) + waitMs) return false;
    const now = rfc3339Micro(clock.nowMs());
    const isRenewal = held === identity;
    const spec = {
      holderIdentity: identity,
      leaseDurationSeconds: leaseDurationMs / 1_000,
      acquireTime: isRenewal ? (lease?.spec.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: lease === undefined ? 0 : (lease.spec.leaseTransitions ?? 0) + (isRenewal ? 0 : 1),
    };
    const { namespace, name } = this.#options;
    let written: Lease;
    try {
      written =
        lease === undefined
          ? await this.#leases.create({ metadata: { namespace, name }, spec }, call)
          : await this.#leases.update({ ...lease, spec: { ...lease.spec, ...spec } }, call);
    } catch (err) {
      if (!isConflict(err) && !isAlreadyExists(err)) throw err;
      // Somebody was quicker. Whether that was ours to lose is what the lease says.
      return (await this.#look(call))?.spec.holderIdentity === identity && this.isLeader;
    }
    const nowMs = clock.monotonicMs();
    this.#seen = { lease: written, atMs: nowMs };
    if (nowMs >= atMs + renewDeadlineMs) return false;
    this.#leadsUntilMs = atMs + renewDeadlineMs;
    return true;
  }

  async #look(call: { readonly signal: AbortSignal; readonly timeoutMs: number }): Promise<Lease | undefined> {
    const { namespace, name, clock } = this.#options;
    let lease: Lease;
    try {
      lease = await this.#leases.get({ namespace, name }, call);
    } catch (err) {
      if (isNotFound(err)) return undefined;
      throw err;
    }
    if (this.#seen?.lease.metadata.resourceVersion !== lease.metadata.resourceVersion) this.#seen = { lease, atMs: clock.monotonicMs() };
    return lease;
  }

  async #release(): Promise<void> {
    const { clock, log, name, identity, renewDeadlineMs } = this.#options;
    this.#leadsUntilMs = Number.NEGATIVE_INFINITY;
    const call = { signal: new AbortController().signal, timeoutMs: renewDeadlineMs / 2 };
    try {
      // A renewal may have been cut off half-way, so what we know may be old.
      const lease = await this.#look(call);
      if (lease?.spec.holderIdentity !== identity) return;
      const now = rfc3339Micro(clock.nowMs());
      const spec = { ...lease.spec, holderIdentity: '', leaseDurationSeconds: 1, acquireTime: now, renewTime: now };
      await this.#leases.update({ ...lease, spec }, call);
    } catch (err) {
      log.warn('Cannot release the lease; the next leader waits until it runs out', { lease: name, err });
    }
  }
}
