/** Tells of a crash loop once when it begins and when it changes, by an event and in the log; holds are told where they arise. */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodStatus } from '#api/kinds/core/podStatus.ts';
import type { Logger } from '#base/log.ts';
import type { EventLog } from '../events.ts';

export class CrashNotices {
  readonly #events: EventLog;
  readonly #log: Logger;
  readonly #told = new Map<string, string>();

  constructor(events: EventLog, log: Logger) {
    this.#events = events;
    this.#log = log;
  }

  forget(key: string): void {
    this.#told.delete(key);
  }

  tell(key: string, pod: Pod, status: PodStatus): void {
    const crashing = (status.containerStatuses ?? []).find((c) => c.state?.waiting?.reason === 'CrashLoopBackOff');
    if (crashing === undefined) return;
    const { name, restartCount, state, lastState } = crashing;
    const told = `${name} ${restartCount}`;
    if (this.#told.get(key) === told) return;
    this.#told.set(key, told);
    this.#events.record(pod, 'Warning', 'BackOff', state?.waiting?.message ?? '', name);
    this.#log.warn('Pod is waiting', {
      pod: key,
      for: 'CrashLoopBackOff',
      container: name,
      restarts: restartCount,
      exitCode: lastState?.terminated?.exitCode,
      why: lastState?.terminated?.reason,
    });
  }
}
