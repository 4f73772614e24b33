/**
 * The line that `systemctl status kubelet` shows: how many pods there are of each sort, and which one waits for what. The words are
 * pure; the teller sends them when they change, at most once a second.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Clock } from '#base/clock.ts';

export interface PodFact {
  readonly key: string;
  readonly phase: string;
  /** Why a container of it does not run. */
  readonly waiting: string | undefined;
}

export interface StatusFacts {
  readonly pods: readonly PodFact[];
  readonly refusedManifests: number;
  /** Of the node itself. */
  readonly problems: readonly string[];
}

export function podFact(key: string, { status: stored }: Pod, status: Pod['status'] = stored): PodFact {
  const containers = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const waiting = containers.flatMap(({ state }) => state?.waiting?.reason ?? []).find((reason) => reason !== 'PodInitializing');
  return { key, phase: status?.phase ?? 'Pending', waiting: waiting ?? status?.reason };
}

export function statusLine({ pods, refusedManifests, problems }: StatusFacts): string {
  const running = pods.filter(({ phase, waiting }) => phase === 'Running' && waiting === undefined);
  const waiting = pods.filter(({ phase, waiting: reason }) => phase === 'Pending' || (phase === 'Running' && reason !== undefined));
  const ended = (phase: string): readonly PodFact[] => pods.filter((pod) => pod.phase === phase);
  const parts = [
    ...problems,
    pods.length === 0 ? 'no pods' : `${count(running.length, 'pod')} running`,
    ...named(waiting, 'waiting'),
    ...named(ended('Failed'), 'failed'),
    ...(ended('Succeeded').length === 0 ? [] : [`${ended('Succeeded').length} completed`]),
    ...(refusedManifests === 0 ? [] : [`${count(refusedManifests, 'manifest')} refused`]),
  ];
  return parts.join(', ');
}

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;

/** The first by name stands for all. */
function named(pods: readonly PodFact[], word: string): string[] {
  const [first] = pods.toSorted((a, b) => (a.key < b.key ? -1 : 1));
  return first === undefined ? [] : [`${pods.length} ${word} (${first.key}: ${first.waiting ?? 'ContainerCreating'})`];
}

export interface StatusTellerOptions {
  readonly clock: Clock;
  readonly facts: () => StatusFacts;
  readonly tell: (line: string) => void;
}

const AT_MOST_EVERY_MS = 1_000;

export class StatusTeller {
  readonly #options: StatusTellerOptions;
  #changed = Promise.withResolvers<void>();

  constructor(options: StatusTellerOptions) {
    this.#options = options;
  }

  /** Something it tells of may be different now. */
  changed(): void {
    this.#changed.resolve();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, facts, tell } = this.#options;
    signal.addEventListener('abort', () => this.changed(), { once: true });
    let told = '';
    while (!signal.aborted) {
      const line = statusLine(facts());
      if (line !== told) tell((told = line));
      await clock.sleep(AT_MOST_EVERY_MS, signal).catch(() => undefined);
      await this.#changed.promise;
      this.#changed = Promise.withResolvers();
    }
  }
}
