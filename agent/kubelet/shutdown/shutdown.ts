/**
 * Graceful shutdown of the node: holds the machine's shutdown back until the pods have ended, those that matter least first.
 *
 * A shutdown that does not happen after all gives static pods back what was taken from them, as does the next start of the machine.
 * Differs: upstream leaves static pods ended when a shutdown is called off, and gives up for good where logind does not answer at the
 * start; here it is asked again. Where logind lets nobody wait as long as configured, upstream does nothing at all; here pods get less.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { Backoff } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import { explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { Logind, Inhibitor } from '../../linux/logind.ts';
import type { Fates } from '../pods/fates.ts';
import type { Rejection } from '../pods/admit.ts';
import { isFromApi } from '../sources/origin.ts';
import { shutdownGroups, totalMs, type ShutdownPeriod } from './plan.ts';

export interface NodeShutdownDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly fates: Fates;
  readonly logind: Pick<Logind, 'inhibit' | 'isShuttingDown' | 'listen' | 'longestDelayMs' | 'setLongestDelay'>;
  /** The lowest priority first; empty: a shutdown is not waited for. */
  readonly periods: readonly ShutdownPeriod[];
  /** Those that are not over, by key. */
  readonly pods: () => ReadonlyMap<string, Pod>;
  /** Whether a container of it runs. */
  readonly runs: (key: string, pod: Pod) => boolean;
  /** The pod has to end now, whatever it waits for, or may begin again. */
  readonly onPod: (key: string) => void;
  /** A shutdown began, or was called off. */
  readonly onChange: () => void;
  /** All pods have had their time. */
  readonly onEnded: () => void;
}

const REASON = 'Terminated';
const MESSAGE = 'Pod was terminated in response to imminent node shutdown.';
const REFUSAL: Rejection = { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' };
const RETRY_BASE_MS = 1_000;
const RETRY_MAX_MS = 60_000;
const LOOK_EVERY_MS = 100;

export class NodeShutdown {
  readonly #deps: NodeShutdownDeps;
  readonly #backoff = new Backoff(RETRY_BASE_MS, RETRY_MAX_MS);
  #told = '';
  #ending: AbortController | undefined;

  constructor(deps: NodeShutdownDeps) {
    this.#deps = deps;
  }

  get isShuttingDown(): boolean {
    return this.#ending !== undefined;
  }

  /** No pod begins any more. */
  refusal(): Rejection | undefined {
    return this.isShuttingDown ? REFUSAL : undefined;
  }

  /** Before the first pod is looked at: what an earlier shutdown of the machine ended may begin again, unless that one goes on. */
  async prepare(signal: AbortSignal): Promise<void> {
    const { fates, logind } = this.#deps;
    if (fates.endedBy('nodeShutdown').length === 0) return;
    if (!(await logind.isShuttingDown(signal).catch(() => false))) this.#giveBack();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, periods } = this.#deps;
    if (periods.length === 0) return;
    while (!signal.aborted) {
      const end = new AbortController();
      try {
        await this.#watch(AbortSignal.any([signal, end.signal]));
      } catch (err) {
        if (signal.aborted) return;
        const text = explain(err);
        if (text !== this.#told)
          log.warn('Cannot hold back a shutdown of the machine, its pods would end without their grace periods', { err });
        this.#told = text;
      } finally {
        end.abort(new Error('the watch for shutdowns is over')); // and with it the children
      }
      await clock.sleep(this.#backoff.nextMs('logind'), signal).catch(() => undefined);
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { log, logind, periods } = this.#deps;
    const wantedMs = totalMs(periods);
    let delayMs = await logind.longestDelayMs(signal);
    if (delayMs < wantedMs) {
      await logind.setLongestDelay(wantedMs, signal);
      await this.#until(async () => (delayMs = await logind.longestDelayMs(signal)) >= wantedMs, signal);
      if (delayMs < wantedMs)
        log.warn('The machine waits less for its pods at a shutdown than is configured', { configuredMs: wantedMs, inEffectMs: delayMs });
    }
    const { shutdowns } = await logind.listen(signal);
    // One that goes on already lets nobody hold it back any more.
    const isLate = await logind.isShuttingDown(signal);
    let held = isLate ? undefined : await this.#inhibit(signal);
    this.#told = '';
    this.#backoff.reset('logind');
    log.info('A shutdown of the machine waits for the pods', { forMs: wantedMs });
    if (isLate) this.#begin(held, signal);
    for await (const begins of shutdowns) {
      if (begins) this.#begin(held, signal);
      else if (this.isShuttingDown) {
        this.#callOff();
        held = await this.#inhibit(signal);
      }
    }
  }

  #inhibit(signal: AbortSignal): Promise<Inhibitor> {
    return this.#deps.logind.inhibit('kubelet', 'Kubelet needs time to handle node shutdown', signal);
  }

  #begin(held: Inhibitor | undefined, signal: AbortSignal): void {
    if (this.isShuttingDown) return;
    const { log, onChange } = this.#deps;
    const ending = new AbortController();
    this.#ending = ending;
    log.info('The machine shuts down, pods end', { pods: this.#deps.pods().size });
    onChange();
    void this.#endAll(AbortSignal.any([signal, ending.signal]))
      .then(
        () => {
          log.info('All pods have had their time, the machine may go on with its shutdown');
          this.#deps.onEnded();
        },
        (err: unknown) => (ending.signal.aborted || signal.aborted ? undefined : log.error('Cannot end the pods', { err })),
      )
      .then(() => held?.release())
      .catch((err: unknown) => log.debug('Cannot release the inhibitor', { err }));
  }

  async #endAll(signal: AbortSignal): Promise<void> {
    const { fates, pods, periods, onPod, runs, clock } = this.#deps;
    const all = [...pods()].map(([key, pod]) => ({ key, pod, spec: pod.spec }));
    for (const group of shutdownGroups(all, periods)) {
      for (const { pod: p, graceMs } of group.pods) {
        // The API has been told that it failed, and that holds; a static pod comes again with the machine.
        const stays = isFromApi(p.pod) ? ({ stays: true } as const) : {};
        fates.set(p.pod.metadata.uid ?? '', {
          why: 'nodeShutdown',
          reason: REASON,
          message: MESSAGE,
          graceMs,
          disruption: 'TerminationByKubelet',
          ...stays,
        });
        onPod(p.key);
      }
      const endMs = clock.monotonicMs() + group.ms;
      while (clock.monotonicMs() < endMs && group.pods.some(({ pod: p }) => runs(p.key, p.pod))) await clock.sleep(LOOK_EVERY_MS, signal);
      signal.throwIfAborted();
    }
  }

  #callOff(): void {
    const { log, onChange } = this.#deps;
    this.#ending?.abort(new Error('the shutdown was called off'));
    this.#ending = undefined;
    log.info('The shutdown of the machine was called off');
    this.#giveBack();
    onChange();
  }

  #giveBack(): void {
    const { fates, pods, onPod } = this.#deps;
    const keys = new Map([...pods()].map(([key, pod]) => [pod.metadata.uid, key]));
    for (const uid of fates.endedBy('nodeShutdown')) {
      fates.clear(uid);
      const key = keys.get(uid);
      if (key !== undefined) onPod(key);
    }
  }

  /** For a few seconds at most. */
  async #until(isSo: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
    const endMs = this.#deps.clock.monotonicMs() + 5_000;
    while (!(await isSo()) && this.#deps.clock.monotonicMs() < endMs) await this.#deps.clock.sleep(LOOK_EVERY_MS, signal);
  }
}
