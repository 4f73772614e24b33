/** What the HTTP API answers from, put together from the parts of a kubelet. */
import type { Clock } from '#base/clock.ts';
import type { CgroupMounts } from '../../linux/cgroup.ts';
import type { Settings } from '../config/settings.ts';
import { healthChecks } from '../health/observe.ts';
import type { KubeletMetrics } from '../metrics/kubeletMetrics.ts';
import type { Paths } from '../paths.ts';
import type { RuntimeWatch } from '../pods/observe.ts';
import type { PodWorkers } from '../pods/workers.ts';
import type { CriRuntime } from '../runtime/cri.ts';
import type { PodVolumes } from '../volumes/sync.ts';
import type { ApiDeps } from './api.ts';
import { StatsCollector } from './stats/observe.ts';
import { VolumeLooks } from './stats/volumes.ts';

const SYSTEM_LOGS = '/var/log';

export interface ApiParts {
  readonly settings: Settings;
  readonly nodeName: string;
  /** Of the machine. */
  readonly cores: number;
  readonly cgroupMounts: CgroupMounts;
  readonly paths: Paths;
  readonly clock: Clock;
  readonly runtime: CriRuntime;
  readonly runtimeWatch: RuntimeWatch;
  /** What is wrong with the runtime. */
  readonly runtimeProblem: () => string | undefined;
  readonly workers: PodWorkers;
  readonly volumes: PodVolumes;
  readonly metrics: KubeletMetrics;
}

export function makeApi(parts: ApiParts): ApiDeps {
  const { settings, nodeName, cores, cgroupMounts, paths, clock, runtime, runtimeWatch, runtimeProblem, workers, volumes, metrics } = parts;
  const { debugging, systemLogs, streamIdleMs, volumesEveryMs } = settings.server;
  return {
    paths,
    workers,
    runtime,
    clock,
    health: {
      checks: healthChecks({
        clock,
        rootDir: settings.rootDir,
        runtime: runtimeProblem,
        relist: () => runtimeWatch.relists(),
        looksSince: () => workers.looksSince(),
        logs: () => process.stderr.writable,
      }),
      onOutcomes: (outcomes) => metrics.healthLooked(outcomes),
    },
    metrics,
    stats: new StatsCollector({
      runtime,
      workers,
      paths,
      nodeName,
      cores,
      volumes: new VolumeLooks({ clock, everyMs: volumesEveryMs, places: (pod, s) => volumes.places(pod, s) }),
      details: {
        mounts: cgroupMounts,
        groupOf: ({ namespace, name }, id) => {
          const known = workers.pod(`${namespace}/${name}`);
          return known === undefined ? undefined : settings.cgroupNames.ofContainer(known.pod, id);
        },
        hasOwnNetwork: ({ namespace, name }) => workers.pod(`${namespace}/${name}`)?.pod.spec.hostNetwork !== true,
      },
      clock,
    }),
    configz: () => settings.configz,
    debugging,
    systemLogs: systemLogs ? SYSTEM_LOGS : undefined,
    streamIdleMs,
  };
}
