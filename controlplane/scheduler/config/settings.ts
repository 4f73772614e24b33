/**
 * What flags and configuration ask for together. Pure. Units: milliseconds.
 * Throws: AppError SETTINGS_INVALID, CONFIG_INVALID.
 */
import { durationMs } from '#api/formats.ts';
import type { FlagValues } from '../../component/flags.ts';
import { Problems, sharedSettings, type ElectionSettings, type SharedSettings } from '../../component/settings.ts';
import { refuse } from './load.ts';
import type { KubeSchedulerConfiguration } from './schedulerConfiguration.ts';

export interface FlagSettings extends SharedSettings {
  readonly configFile: string | undefined;
  readonly pluginFiles: readonly string[];
  readonly flushAfterMs: number;
  readonly socket: string | undefined;
  /** Flags that stand on the command line win over the file. */
  readonly given: (flag: string) => boolean;
}

export function settingsOf(values: FlagValues): FlagSettings {
  const problems = new Problems();
  const settings = {
    ...sharedSettings(values, problems),
    configFile: values.file('config'),
    pluginFiles: values.list('plugins'),
    socket: values.file('socket'),
    flushAfterMs: problems.positiveMs(values, 'pod-max-in-unschedulable-pods-duration'),
    given: (flag: string) => values.isGiven(flag),
  };
  problems.throwIfAny();
  return settings;
}

/** The shared settings with those of the file where no flag says otherwise. */
export function withConfig(flags: FlagSettings, config: KubeSchedulerConfiguration): SharedSettings {
  const { given } = flags;
  const { kubeconfig, qps, burst } = config.clientConnection ?? {};
  return {
    ...flags,
    kubeconfig: given('kubeconfig') ? flags.kubeconfig : (emptied(kubeconfig) ?? flags.kubeconfig),
    qps: given('kube-api-qps') || qps === undefined || qps === 0 ? flags.qps : qps,
    burst: given('kube-api-burst') || burst === undefined || burst === 0 ? flags.burst : burst,
    election: electionOf(flags, config.leaderElection ?? {}),
  };
}

const emptied = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

const DEFAULTS: ElectionSettings = {
  namespace: 'kube-system',
  name: 'kube-scheduler',
  leaseDurationMs: 15_000,
  renewDeadlineMs: 10_000,
  retryPeriodMs: 2_000,
};

function electionOf(flags: FlagSettings, config: NonNullable<KubeSchedulerConfiguration['leaderElection']>): ElectionSettings | undefined {
  const { given } = flags;
  const isOn = given('leader-elect') ? flags.election !== undefined : (config.leaderElect ?? flags.election !== undefined);
  if (!isOn) return undefined;
  const own = flags.election ?? DEFAULTS;
  const ms = (flag: string, field: string | undefined, otherwise: number): number =>
    given(flag) || field === undefined ? otherwise : (durationMs(field) ?? 0) || otherwise;
  const text = (flag: string, field: string | undefined, otherwise: string): string =>
    given(flag) ? otherwise : (emptied(field) ?? otherwise);
  const election = {
    namespace: text('leader-elect-resource-namespace', config.resourceNamespace, own.namespace),
    name: text('leader-elect-resource-name', config.resourceName, own.name),
    leaseDurationMs: ms('leader-elect-lease-duration', config.leaseDuration, own.leaseDurationMs),
    renewDeadlineMs: ms('leader-elect-renew-deadline', config.renewDeadline, own.renewDeadlineMs),
    retryPeriodMs: ms('leader-elect-retry-period', config.retryPeriod, own.retryPeriodMs),
  };
  const { leaseDurationMs, renewDeadlineMs, retryPeriodMs } = election;
  if (
    leaseDurationMs < 1_000 ||
    leaseDurationMs % 1_000 !== 0 ||
    leaseDurationMs <= renewDeadlineMs ||
    renewDeadlineMs <= 1.2 * retryPeriodMs
  )
    throw refuse(['leaderElection: want leaseDuration in whole seconds > renewDeadline > 1.2 times retryPeriod']);
  return election;
}
