/**
 * Follows the pods of a node through its kubelet: keeps the forwarded port on a running pod, reports what changes, and knows when
 * all have settled. One loop; a kubelet that does not answer for a while changes nothing.
 */
import type { Pod } from '#api/kinds/core/pod.ts';
import { podRow } from '#api/print/pod.ts';
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import type { HostNode } from './hostNode.ts';
import type { KubeletClient, Refusal, TimelineStep } from './kubeletClient.ts';
import { LogTail } from './logTail.ts';
import type { PodView, Report } from './progress.ts';
import { chooseTarget, isSettled, podKey, sameTarget, type PodTarget } from './target.ts';

/** While people watch a start, and afterwards. */
const CLOSE_LOOK_MS = 40;
const GLANCE_MS = 250;

export interface PodWatchOptions {
  readonly node: HostNode;
  readonly kubelet: KubeletClient;
  readonly clock: Clock;
  readonly report: Report;
}

export class PodWatch {
  readonly #options: PodWatchOptions;
  readonly #log: LogTail;
  #pods: readonly Pod[] = [];
  #target: PodTarget | undefined;
  #rows = new Map<string, string>();
  #shown = '';
  #settled = false;

  constructor(options: PodWatchOptions) {
    this.#options = options;
    this.#log = new LogTail(options.node.paths.logs.kubelet);
  }

  get pods(): readonly Pod[] {
    return this.#pods;
  }

  /** The pod that the port leads to. */
  get target(): PodTarget | undefined {
    return this.#target;
  }

  /** Until there is a pod and all have settled, with a close look at each step. Throws the reason of the signal, or what onRefused throws. */
  async untilSettled(signal: AbortSignal, onRefused: (refusals: readonly Refusal[]) => void): Promise<void> {
    for (;;) {
      if (await this.#look(signal)) await this.#showSteps(signal);
      if (this.#pods.length > 0 && this.#pods.every(isSettled)) break;
      if (this.#pods.length === 0) onRefused(await this.#refusals(signal));
      await this.#options.clock.sleep(CLOSE_LOOK_MS, signal);
    }
    this.#settled = true;
    this.#rows = rowsOf(this.#pods, this.#options.clock.nowMs());
  }

  /** Until the signal aborts: a line for each change. */
  async follow(signal: AbortSignal): Promise<void> {
    this.#settled = true;
    while (!signal.aborted) {
      if (await this.#look(signal)) this.#reportChanges();
      await this.#options.clock.sleep(GLANCE_MS, signal).catch(() => undefined);
    }
  }

  stepsOf({ metadata: { namespace = 'default', name = '' } }: Pod, signal: AbortSignal): Promise<readonly TimelineStep[]> {
    return this.#options.kubelet.timeline(namespace, name, signal);
  }

  /** False: the kubelet did not answer. */
  async #look(signal: AbortSignal): Promise<boolean> {
    const { kubelet, node, report } = this.#options;
    for (const text of this.#log.warnings()) report({ kind: 'warning', text });
    try {
      this.#pods = await kubelet.pods(signal);
    } catch (err) {
      signal.throwIfAborted();
      if (codeOf(err)?.startsWith('KUBELET_') !== true) throw err;
      return false;
    }
    // Which pod comes first is told by name, not by which one happened to start first.
    const target = chooseTarget(this.#pods, this.#settled ? this.#target : undefined);
    if (!sameTarget(target, this.#target)) await node.forwardTo(target);
    this.#target = target;
    return true;
  }

  async #refusals(signal: AbortSignal): Promise<readonly Refusal[]> {
    return this.#options.kubelet.refusals(signal).catch((err: unknown) => {
      signal.throwIfAborted();
      if (codeOf(err)?.startsWith('KUBELET_') !== true) throw err;
      return [];
    });
  }

  async #showSteps(signal: AbortSignal): Promise<void> {
    const views: PodView[] = await Promise.all(this.#pods.map(async (pod) => ({ pod, steps: await this.stepsOf(pod, signal) })));
    const shown = JSON.stringify(views);
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#options.report({ kind: 'pods', views });
  }

  #reportChanges(): void {
    const { clock, report } = this.#options;
    const rows = rowsOf(this.#pods, clock.nowMs());
    for (const [pod, text] of rows) if (this.#rows.get(pod) !== text) report({ kind: 'change', pod, text });
    for (const pod of this.#rows.keys()) if (!rows.has(pod)) report({ kind: 'change', pod, text: 'gone' });
    this.#rows = rows;
  }
}

function rowsOf(pods: readonly Pod[], nowMs: number): Map<string, string> {
  return new Map(
    pods.map((pod) => {
      const { status, ready, ip } = podRow(pod, nowMs);
      // Not how long ago a restart was: that changes every second.
      const restarts = (pod.status?.containerStatuses ?? []).reduce((sum, { restartCount }) => sum + restartCount, 0);
      return [podKey(pod), `${status}, ${ready} ready${restarts === 0 ? '' : `, restarts ${restarts}`}${ip === '<none>' ? '' : `, ${ip}`}`];
    }),
  );
}
