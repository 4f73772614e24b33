/**
 * Asks every container that wants to be asked, each in its own rhythm, and tells when a verdict turns.
 *
 * One timer per probe of a running container, and none between the pods: a probe costs what its question costs. Verdicts belong to
 * the id of a container, so a restart begins anew; they are kept while the container is there, also after it ended.
 */
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Probe } from '#api/kinds/core/probes.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { EventLog } from '../events.ts';
import { ownContainers } from '../pods/containers.ts';
import type { RuntimeContainer } from '../runtime/types.ts';
import type { ProbeAnswer, ProbeTarget } from './act.ts';
import {
  activeProbes,
  decide,
  extend,
  firstDelayMs,
  hasProbes,
  periodOf,
  probeOf,
  verdictOf,
  type ProbeKind,
  type ProbeResults,
  type ProbeVerdict,
  type Run,
} from './plan.ts';

export interface ProberDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: EventLog;
  /** 0 to 1. */
  readonly random: () => number;
  readonly ask: (target: ProbeTarget, probe: Probe, signal: AbortSignal) => Promise<ProbeAnswer>;
  /** A verdict of a container of this pod turned. */
  readonly onChange: (key: string) => void;
  /** Told of every answer, for metrics. */
  readonly onAnswer?: (pod: Pod, container: string, kind: ProbeKind, answer: { answer: ProbeAnswer['kind']; tookMs: number }) => void;
  /** Nobody asks a container of this pod any more, for metrics. */
  readonly onGone?: (pod: Pod) => void;
  /** Verdicts of an earlier run, by container id, and where they are kept. */
  readonly known?: ReadonlyMap<string, ProbeResults>;
  readonly keep?: (results: ReadonlyMap<string, ProbeResults>) => void;
}

/** What a worker of a pod tells of it. */
export interface Tracked {
  readonly key: string;
  readonly pod: Pod;
  /** Everything in the runtime under the pod's UID. */
  readonly containers: readonly RuntimeContainer[];
  readonly ip: string;
  /** It is to end: nobody needs to know any more whether it lives, only whether it is ready. */
  readonly ending: boolean;
}

/** What a probe found last, and since when it finds nothing else. */
export interface ProbeFound {
  readonly container: string;
  readonly probe: ProbeKind;
  readonly result: ProbeAnswer['kind'];
  readonly message: string;
  readonly atMs: number;
  readonly tookMs: number;
  readonly sinceMs: number;
  /** How often in a row. */
  readonly times: number;
}

interface Watched {
  readonly key: string;
  readonly container: Container;
  results: ProbeResults;
  readonly askers: Map<ProbeKind, AbortController>;
  readonly found: Map<ProbeKind, ProbeFound>;
}

/** A question that could not be put is put again this often before it counts, as upstream. */
const TRIES = 3;

export class Prober {
  readonly #deps: ProberDeps;
  readonly #life: AbortSignal;
  /** By container id. */
  readonly #watched = new Map<string, Watched>();
  readonly #bornMs: number;

  constructor(deps: ProberDeps, life: AbortSignal) {
    this.#deps = deps;
    this.#life = life;
    this.#bornMs = deps.clock.nowMs();
  }

  /** Called again with what changed; what is not there any more is forgotten. */
  track({ key, pod, containers, ip, ending }: Tracked): void {
    const specs = new Map(
      ownContainers(pod.spec)
        .filter(hasProbes)
        .map((c) => [c.name, c]),
    );
    const ids = new Set(containers.map((c) => c.id));
    const gone = [...this.#watched].filter(([id, w]) => w.key === key && !ids.has(id));
    for (const [id, w] of gone) this.#forget(id, w);
    if (gone.length > 0 && containers.length === 0) this.#deps.onGone?.(pod);
    if (specs.size === 0) return;
    for (const c of containers) {
      const spec = specs.get(c.name);
      if (spec === undefined || (c.state !== 'running' && !this.#watched.has(c.id))) continue;
      const watched = this.#watched.get(c.id) ?? {
        key,
        container: spec,
        results: this.#deps.known?.get(c.id) ?? {},
        askers: new Map(),
        found: new Map(),
      };
      this.#watched.set(c.id, watched);
      const active = c.state === 'running' && ip !== '' ? activeProbes(spec, watched.results) : [];
      const wanted = ending ? active.filter((kind) => kind === 'readiness') : active;
      for (const [kind, asker] of watched.askers) if (!wanted.includes(kind)) this.#stop(watched, kind, asker);
      for (const kind of wanted) if (!watched.askers.has(kind)) this.#begin(watched, kind, { pod, c, ip });
    }
  }

  /** undefined: nobody asks this container. */
  verdict(containerId: string): ProbeVerdict | undefined {
    const watched = this.#watched.get(containerId);
    return watched === undefined ? undefined : verdictOf(watched.container, watched.results);
  }

  /** Of these containers, those that have one. */
  verdicts(containers: readonly { readonly id: string }[]): Map<string, ProbeVerdict> {
    const found = new Map<string, ProbeVerdict>();
    for (const { id } of containers) {
      const verdict = this.verdict(id);
      if (verdict !== undefined) found.set(id, verdict);
    }
    return found;
  }

  /** What the probes of a pod found last, for people. */
  found(key: string): ProbeFound[] {
    const all = [...this.#watched.values()].filter((w) => w.key === key).flatMap((w) => [...w.found.values()]);
    // Of the runs of a container the newest one that was asked.
    return [...new Map(all.map((f) => [`${f.container} ${f.probe}`, f])).values()];
  }

  #forget(id: string, watched: Watched): void {
    for (const [kind, asker] of watched.askers) this.#stop(watched, kind, asker);
    this.#watched.delete(id);
    if (Object.keys(watched.results).length > 0) this.#keep();
  }

  #stop(watched: Watched, kind: ProbeKind, asker: AbortController): void {
    watched.askers.delete(kind);
    asker.abort(new Error('nobody needs to know any more'));
  }

  #begin(watched: Watched, kind: ProbeKind, { pod, c, ip }: { pod: Pod; c: RuntimeContainer; ip: string }): void {
    const probe = probeOf(watched.container, kind);
    if (probe === undefined || this.#life.aborted) return;
    const asker = new AbortController();
    watched.askers.set(kind, asker);
    const onLife = (): void => asker.abort(this.#life.reason);
    this.#life.addEventListener('abort', onLife, { once: true });
    const target = { containerId: c.id, container: watched.container, ip };
    this.#askForEver({ watched, kind, probe, pod, target, startedAtMs: c.startedAtMs }, asker.signal)
      .catch((err: unknown) => {
        if (!asker.signal.aborted)
          this.#deps.log.error('Probe stopped because of a bug', { pod: watched.key, container: c.name, probe: kind, err });
      })
      .finally(() => {
        this.#life.removeEventListener('abort', onLife);
        if (watched.askers.get(kind) === asker) watched.askers.delete(kind);
      });
  }

  async #askForEver(a: Asking, signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#deps;
    const periodMs = periodOf(a.probe);
    // What runs already when the kubelet comes is not asked all at once.
    const found = a.startedAtMs < this.#bornMs && clock.nowMs() - this.#bornMs < periodMs;
    const timing = { startedAtMs: a.startedAtMs, nowMs: clock.nowMs(), chance: found ? random() : 0 };
    let dueMs = clock.monotonicMs() + firstDelayMs(a.probe, timing);
    let run: Run | undefined;
    while (!signal.aborted) {
      const waitMs = dueMs - clock.monotonicMs();
      if (waitMs > 0) await clock.sleep(waitMs, signal);
      const answer = await this.#ask(a, signal);
      if (answer !== undefined) {
        run = extend(run, answer.kind === 'good' || answer.kind === 'warning');
        const verdict = decide(run, a.probe);
        if (verdict !== undefined && this.#turn(a, verdict)) return;
      }
      // A question that took longer than the period is followed by the next at once, never by two.
      dueMs = Math.max(dueMs + periodMs, clock.monotonicMs());
    }
  }

  /** undefined: it could not be asked; told in an event. */
  async #ask(a: Asking, signal: AbortSignal): Promise<ProbeAnswer | undefined> {
    const { ask, events, onAnswer, clock } = this.#deps;
    const askedMs = clock.monotonicMs();
    const { pod, target, probe, kind } = a;
    const name = target.container.name;
    let answer: ProbeAnswer = { kind: 'error', message: '' };
    for (let tries = 0; tries < TRIES && answer.kind === 'error'; tries++) answer = await ask(target, probe, signal);
    const tookMs = clock.monotonicMs() - askedMs;
    onAnswer?.(pod, name, kind, { answer: answer.kind, tookMs });
    const before = a.watched.found.get(kind);
    const [atMs, same] = [clock.nowMs(), before?.result === answer.kind];
    a.watched.found.set(kind, {
      container: name,
      probe: kind,
      result: answer.kind,
      message: 'message' in answer ? answer.message : '',
      atMs,
      tookMs: Math.round(tookMs * 10) / 10,
      sinceMs: same ? (before?.sinceMs ?? atMs) : atMs,
      times: same ? (before?.times ?? 0) + 1 : 1,
    });
    const who = kind[0]?.toUpperCase() + kind.slice(1);
    switch (answer.kind) {
      case 'good':
        return answer;
      case 'warning':
        events.record(pod, 'Warning', 'ProbeWarning', `${who} probe warning: ${answer.message}`, name);
        return answer;
      case 'bad':
        events.record(pod, 'Warning', 'Unhealthy', `${who} probe failed: ${answer.message}`, name);
        return answer;
      case 'error':
        events.record(pod, 'Warning', 'Unhealthy', `${who} probe errored and resulted in unknown state: ${answer.message}`, name);
        return undefined;
    }
  }

  /** True: this probe has said its last word. */
  #turn({ watched, kind, pod, target }: Asking, verdict: boolean): boolean {
    const { log, onChange } = this.#deps;
    const before = watched.results[kind];
    if (before !== verdict) {
      watched.results = { ...watched.results, [kind]: verdict };
      this.#keep();
      const name = target.container.name;
      if (!verdict && (before === true || kind !== 'readiness'))
        log.warn('Container is unhealthy', { pod: watched.key, container: name, probe: kind, uid: pod.metadata.uid });
      onChange(watched.key);
    }
    return kind === 'startup' || (kind === 'liveness' && !verdict);
  }

  #keep(): void {
    this.#deps.keep?.(new Map([...this.#watched].map(([id, w]) => [id, w.results])));
  }
}

interface Asking {
  readonly watched: Watched;
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly pod: Pod;
  readonly target: ProbeTarget;
  readonly startedAtMs: number;
}
