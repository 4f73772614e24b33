/**
 * The loop: takes the next pod, decides, and has the decision written down, while it decides about the next ones. A decision never waits for
 * the network; a binding that fails gives the room back and the pod is tried again.
 *
 * Only the leader runs it. What was decided is assumed at once, so that two pods never get the same room; a binding names the pod's UID and
 * the API server binds a pod once, so that two leaders never bind it twice.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodDisruptionBudget } from '#api/kinds/policy/v1.ts';
import type { Clock } from '#base/clock.ts';
import { explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { isConflict, isNotFound } from '#client/errors.ts';
import { regarding, type EventRecorder } from '#client/events.ts';
import type { NotPlaced, Writer } from './act.ts';
import type { Cluster } from './core/cluster.ts';
import { find, pick, type Decision, type DecideOptions, type DoesNotFit, type Fits, type Found, type Profile } from './core/decide.ts';
import { refusalText } from './core/message.ts';
import type { NodeInfo } from './core/nodeInfo.ts';
import type { PodInfo } from './core/podInfo.ts';
import { preempt, type Preemption, type PreemptOptions } from './core/preempt.ts';
import { bindByExtender, narrow, narrowVictims, preferences } from './extenders/ask.ts';
import type { Extender } from './extenders/extender.ts';
import { PODS } from '../component/kinds.ts';
import type { Result, SchedulerMetrics } from './metrics.ts';
import type { QueuedPod, SchedulingQueue } from './queue/queue.ts';

export interface Outcome {
  readonly pod: PodInfo;
  readonly profile: Profile;
  readonly decision: Decision;
  readonly preemption: Preemption | undefined;
  /** What was said about it when it did not fit. */
  readonly message: string | undefined;
  readonly atMs: number;
}

export interface SchedulerDeps {
  readonly cluster: Cluster;
  readonly queue: SchedulingQueue;
  readonly writer: Writer;
  readonly profileOf: (pod: Pod) => Profile | undefined;
  readonly recorderOf: (schedulerName: string) => EventRecorder;
  readonly budgets: () => Iterable<PodDisruptionBudget>;
  readonly preemption: (profile: Profile) => Pick<PreemptOptions, 'minCandidateNodesAbsolute' | 'minCandidateNodesPercentage'> | undefined;
  readonly metrics: SchedulerMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** Lets everything else that is due have its turn. */
  readonly turn: () => Promise<void>;
  /** Bindings under way at once. */
  readonly parallelism: number;
  readonly onOutcome: (outcome: Outcome) => void;
  /** Asked in their order. */
  readonly extenders: readonly Extender[];
}

/** A pod that is being decided about. */
interface Attempt extends Pick<QueuedPod, 'key' | 'info' | 'attempts' | 'sinceMs'> {
  readonly profile: Profile;
  readonly options: DecideOptions;
  /** Those that have a say about this pod. */
  readonly extenders: readonly Extender[];
  readonly startedMs: number;
  readonly ended: (result: Result) => void;
}

/** How long decisions are made before others have their turn. */
const SLICE_MS = 5;
const FLUSH_MS = 30_000;
/** Source: upstream's longest note of an event. */
const LONGEST_NOTE = 1_024;

export class Scheduler {
  readonly #deps: SchedulerDeps;
  readonly #binding = new Set<Promise<void>>();
  /** Of them, those that wait for something outside, such as a volume: for minutes maybe, so they hold nobody up. */
  #waiting = 0;
  /** While extenders are asked about a pod: the next one is decided about after it, as upstream does. */
  #asking = false;
  #wake: () => void = () => undefined;
  #woken = false;
  #start = 0;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  /** Something may be due. */
  readonly wake = (): void => {
    this.#woken = true;
    this.#wake();
  };

  /** Until the signal aborts; bindings under way have ended then. */
  async run(signal: AbortSignal): Promise<void> {
    signal.addEventListener('abort', this.wake, { once: true });
    const flushing = this.#flush(signal);
    while (!signal.aborted) {
      this.#woken = false;
      const isBusy = this.#slice(signal);
      if (isBusy) await this.#deps.turn();
      else await this.#rest();
    }
    await Promise.all([flushing, ...this.#binding]);
  }

  get #isFull(): boolean {
    return this.#binding.size - this.#waiting >= this.#deps.parallelism;
  }

  /** Decides for a while; false: nothing is left to do now. */
  #slice(signal: AbortSignal): boolean {
    const { clock, queue } = this.#deps;
    const endMs = clock.monotonicMs() + SLICE_MS;
    do {
      if (this.#isFull || this.#asking) return false;
      const next = queue.pop(clock.monotonicMs());
      if (next === undefined) return false;
      this.#schedule(next, signal);
    } while (clock.monotonicMs() < endMs);
    return true;
  }

  async #rest(): Promise<void> {
    if (this.#woken) return;
    const { clock, queue } = this.#deps;
    const woken = new Promise<void>((resolve) => (this.#wake = resolve));
    const atMs = this.#isFull || this.#asking ? undefined : queue.nextAtMs;
    const cancel = atMs === undefined ? undefined : clock.after(atMs - clock.monotonicMs(), this.#wake);
    await woken;
    cancel?.();
    this.#wake = () => undefined;
  }

  async #flush(signal: AbortSignal): Promise<void> {
    const { clock, queue } = this.#deps;
    while (!signal.aborted) {
      await clock.sleep(FLUSH_MS, signal).catch(() => undefined);
      queue.flushOld(clock.monotonicMs());
      this.wake();
    }
  }

  #schedule({ key, info, attempts, sinceMs }: QueuedPod, signal: AbortSignal): void {
    const { cluster, queue, clock, random, profileOf, metrics } = this.#deps;
    const profile = profileOf(info.pod);
    if (profile === undefined || cluster.placed(key) !== undefined) return queue.delete(key);
    const startedMs = clock.monotonicMs();
    const ended = (result: Result): void => {
      metrics.attempts.inc([result, profile.schedulerName]);
      metrics.attemptSeconds.observe([result, profile.schedulerName], (clock.monotonicMs() - startedMs) / 1_000);
    };
    const options = { profile, cluster, start: this.#start, random };
    const extenders = this.#deps.extenders.filter((e) => e.isInterested(info));
    const attempt = { key, info, attempts, sinceMs, profile, options, extenders, startedMs, ended };
    try {
      const found = find(info, options);
      if (extenders.length > 0) return this.#ask(attempt, found, signal);
      if (found.kind === 'found') return this.#decided(attempt, pick(info, found, options), undefined, signal);
      this.#decided(attempt, found, this.#preemption(info, profile, found), signal);
    } catch (err) {
      this.#failed(attempt, err, signal);
    }
  }

  /** A bug, an object that makes no sense, or an extender that does not answer: this pod waits, the others go on. */
  #failed({ key, info, profile, ended }: Attempt, err: unknown, signal: AbortSignal): void {
    this.#deps.log.error('Cannot decide about a pod', { pod: key, err });
    this.#notPlaced(info, profile, { reason: 'SchedulerError', message: explain(err) }, new Set(), signal);
    ended('error');
  }

  #decided(attempt: Attempt, decision: Decision, preemption: Preemption | undefined, signal: AbortSignal): void {
    const { cluster, clock, metrics } = this.#deps;
    const { info, profile, ended, startedMs } = attempt;
    metrics.algorithmSeconds.observe([], (clock.monotonicMs() - startedMs) / 1_000);
    if (decision.kind === 'doesNotFit') {
      this.#refused(info, profile, decision, preemption, signal);
      return ended('unschedulable');
    }
    this.#start = (this.#start + decision.evaluated) % Math.max(1, cluster.nodes.length);
    this.#deps.onOutcome({ pod: info, profile, decision, preemption: undefined, message: undefined, atMs: clock.nowMs() });
    const binding = this.#place({ ...attempt, decision }, signal)
      .then(ended)
      .finally(() => {
        this.#binding.delete(binding);
        this.wake();
      });
    this.#binding.add(binding);
  }

  #ask(attempt: Attempt, found: Found | DoesNotFit, signal: AbortSignal): void {
    this.#asking = true;
    const asked = this.#withExtenders(attempt, found, signal)
      .catch((err: unknown) => {
        if (signal.aborted) this.#deps.queue.failed(attempt.key, new Set(), this.#deps.clock.monotonicMs());
        else this.#failed(attempt, err, signal);
      })
      .finally(() => (this.#asking = false));
    this.#track(asked);
  }

  async #withExtenders(attempt: Attempt, found: Found | DoesNotFit, signal: AbortSignal): Promise<void> {
    const { cluster, queue, log } = this.#deps;
    const { key, info, extenders, options } = attempt;
    const asking = { extenders, pod: info, log, signal };
    const decision = found.kind === 'found' ? await narrow(asking, found, cluster.nodes.length) : found;
    let preemption: Preemption | undefined;
    if (decision.kind === 'doesNotFit') preemption = await narrowVictims(asking, this.#preemption(info, attempt.profile, decision));
    // It is gone, or another one under its name, since they were asked.
    const now = queue.get(key);
    if (now?.place !== 'inFlight' || now.info.uid !== info.uid) return attempt.ended('error');
    if (decision.kind === 'doesNotFit') return this.#decided(attempt, decision, preemption, signal);
    const feasible = decision.feasible.filter((node) => cluster.node(node.name) === node);
    if (feasible.length === 0) throw new Error('the nodes that passed are gone');
    const others = feasible.length === 1 ? [] : await preferences(asking, feasible);
    if (queue.get(key)?.place !== 'inFlight') return attempt.ended('error');
    this.#decided(attempt, pick(info, { ...decision, feasible }, options, others), undefined, signal);
  }

  async #place(
    { info, profile, decision, attempts, sinceMs, extenders }: Attempt & { decision: Fits },
    signal: AbortSignal,
  ): Promise<Result> {
    const { cluster, queue, writer, clock, log, metrics } = this.#deps;
    const { node } = decision;
    cluster.assume(info, node.name);
    const reserved: Profile['plugins'][number][] = [];
    /** What is being done, as upstream words it when it fails; '': an extender's work, which says itself what it was. */
    let step = '';
    try {
      for (const plugin of profile.plugins) {
        if (plugin.reserve === undefined) continue;
        reserved.push(plugin);
        step = `running Reserve plugin "${plugin.name}"`;
        plugin.reserve(info, node);
      }
      for (const plugin of profile.plugins) {
        const ready = plugin.preBind?.(info, node, signal);
        if (ready === undefined) continue;
        step = `running PreBind plugin "${plugin.name}"`;
        await this.#waitFor(ready);
      }
      step = '';
      if (!(await bindByExtender({ extenders, pod: info, log, signal }, node.name))) {
        step = 'running Bind plugin "DefaultBinder"';
        await writer.bind(info, node.name, signal);
      }
    } catch (err) {
      return this.#notBound({ info, profile, node, reserved, step, err }, signal);
    }
    queue.delete(info.key);
    log.debug('Placed a pod', { pod: info.key, node: node.name });
    this.#record(profile, info, 'Normal', 'Scheduled', `Successfully assigned ${info.key} to ${node.name}`, 'Binding');
    metrics.podSeconds.observe([attempts >= 15 ? '15+' : String(attempts)], (clock.monotonicMs() - sinceMs) / 1_000);
    metrics.podAttempts.observe([], attempts);
    return 'scheduled';
  }

  async #waitFor(ready: Promise<void>): Promise<void> {
    this.#waiting += 1;
    this.wake();
    try {
      await ready;
    } finally {
      this.#waiting -= 1;
    }
  }

  #notBound(
    {
      info,
      profile,
      node,
      reserved,
      step,
      err,
    }: { info: PodInfo; profile: Profile; node: NodeInfo; reserved: Profile['plugins']; step: string; err: unknown },
    signal: AbortSignal,
  ): Result {
    const { cluster, queue, log } = this.#deps;
    for (const plugin of reserved.toReversed()) plugin.unreserve?.(info, node);
    const wasAssumed = cluster.isAssumed(info.key);
    cluster.forget(info.key);
    // Others may have been refused because of the room that it had.
    if (wasAssumed) queue.moved({ kind: 'podGone', label: 'AssignedPodDelete', pod: info }, this.#deps.clock.monotonicMs());
    if (signal.aborted) {
      queue.failed(info.key, new Set(), this.#deps.clock.monotonicMs());
      return 'error';
    }
    if (isNotFound(err) && queue.get(info.key) === undefined) return 'error';
    if (isConflict(err)) log.info('Another has bound the pod, or it is another one now', { pod: info.key, err });
    else log.warn('Cannot bind a pod', { pod: info.key, node: node.name, err });
    const message = step === '' ? explain(err) : `${step}: ${explain(err)}`;
    this.#notPlaced(info, profile, { reason: 'SchedulerError', message }, new Set(), signal);
    return 'error';
  }

  #preemption(pod: PodInfo, profile: Profile, decision: DoesNotFit): Preemption | undefined {
    const { cluster, metrics, budgets, random, preemption: settingsOf } = this.#deps;
    const settings = settingsOf(profile);
    if (settings === undefined || decision.before !== undefined || decision.nodes === 0) return undefined;
    metrics.preemptions.inc();
    return preempt(pod, decision, { ...settings, profile, cluster, budgets: [...budgets()], random });
  }

  #refused(pod: PodInfo, profile: Profile, decision: DoesNotFit, preemption: Preemption | undefined, signal: AbortSignal): void {
    const { cluster, metrics, clock } = this.#deps;
    const message = refusalText(decision, preemption?.kind === 'none' ? preemption.text : '');
    this.#deps.onOutcome({ pod, profile, decision, preemption, message, atMs: clock.nowMs() });
    let nominatedNode: string | undefined;
    if (preemption?.kind === 'victims') {
      nominatedNode = preemption.candidate.node.name;
      cluster.nominate(pod, nominatedNode);
      metrics.victims.observe([], preemption.candidate.victims.length);
      this.#track(this.#push(pod, profile, preemption, signal));
    } else if (cluster.nominatedNodeOf(pod.key) !== undefined && preemption?.text.includes('terminating pod') !== true) {
      nominatedNode = '';
      cluster.nominate(pod, undefined);
    }
    this.#notPlaced(pod, profile, { reason: 'Unschedulable', message, nominatedNode }, decision.plugins, signal);
  }

  /** Has the victims removed. Whoever waited for the same place and is less important looks for another one. */
  async #push(pod: PodInfo, profile: Profile, { candidate }: Extract<Preemption, { kind: 'victims' }>, signal: AbortSignal): Promise<void> {
    const { cluster, writer, log } = this.#deps;
    const { node, victims } = candidate;
    const waiting = [...cluster.nominatedOn(node.name)].filter((p) => p.priority < pod.priority);
    for (const other of waiting) cluster.nominate(other, undefined);
    await Promise.all([
      ...waiting.map((other) =>
        writer.dropNomination(other, signal).catch((err: unknown) => log.warn('Cannot take back a nomination', { pod: other.key, err })),
      ),
      ...victims
        .filter((v) => !v.isTerminating)
        .map(async (victim) => {
          try {
            await writer.remove(victim, pod, signal);
            log.info('Pod is pushed out for a more important one', { pod: victim.key, by: pod.key, node: node.name });
            this.#record(profile, victim, 'Normal', 'Preempted', `Preempted by pod ${pod.uid} on node ${node.name}`, 'Preempting');
          } catch (err) {
            if (!signal.aborted) log.warn('Cannot remove a pod for a more important one', { pod: victim.key, by: pod.key, err });
          }
        }),
    ]);
  }

  #notPlaced(pod: PodInfo, profile: Profile, why: NotPlaced, refusedBy: ReadonlySet<string>, signal: AbortSignal): void {
    const { queue, writer, clock, log } = this.#deps;
    queue.failed(pod.key, refusedBy, clock.monotonicMs());
    const latest = queue.get(pod.key)?.info ?? pod;
    this.#record(profile, latest, 'Warning', 'FailedScheduling', why.message, 'Scheduling');
    this.#track(
      writer.say(latest, why, signal).catch((err: unknown) => {
        if (!signal.aborted) log.warn('Cannot say in a pod why it has no node', { pod: pod.key, err });
      }),
    );
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => {
      this.#binding.delete(tracked);
      this.wake();
    });
    this.#binding.add(tracked);
  }

  #record(profile: Profile, pod: PodInfo, type: 'Normal' | 'Warning', reason: string, message: string, action: string): void {
    const short = message.length > LONGEST_NOTE ? `${message.slice(0, LONGEST_NOTE - 4)} ...` : message;
    this.#deps.recorderOf(profile.schedulerName).record(regarding(PODS, pod.pod), { type, reason, message: short, action });
  }
}
