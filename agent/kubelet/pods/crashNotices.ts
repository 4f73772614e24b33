/** Tells of a crash loop once when it begins and when it changes, by an event and in the log; holds are told where they arise. */
import type { ContainerStatus } from '#api/kinds/core/containerStatus.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodStatus } from '#api/kinds/core/podStatus.ts';
import type { Logger } from '#base/log.ts';
import type { EventLog } from '../events.ts';

export class CrashNotices {
  readonly #events: EventLog;
  readonly #log: Logger;
  /** By pod and container: at which restart. */
  readonly #told = new Map<string, Map<string, number>>();

  constructor(events: EventLog, log: Logger) {
    this.#events = events;
    this.#log = log;
  }

  forget(key: string): void {
    this.#told.delete(key);
  }

  tell(key: string, pod: Pod, status: PodStatus): void {
    const all = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    for (const crashing of all.filter((c) => c.state?.waiting?.reason === 'CrashLoopBackOff')) this.#tell(key, pod, crashing);
  }

  #tell(key: string, pod: Pod, { name, restartCount, lastState }: ContainerStatus): void {
    const told = this.#told.get(key) ?? new Map<string, number>();
    if (told.get(name) === restartCount) return;
    this.#told.set(key, told.set(name, restartCount));
    const { name: podName, namespace, uid } = pod.metadata;
    const message = `Back-off restarting failed container ${name} in pod ${podName}_${namespace}(${uid})`;
    this.#events.record(pod, 'Warning', 'BackOff', message, name);
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
