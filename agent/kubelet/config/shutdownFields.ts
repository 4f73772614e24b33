/** Fields of KubeletConfiguration about the shutdown of the machine, their rules and what they come to. Pure. */
import { durationMs } from '#api/formats.ts';
import { showValue } from '#api/problem.ts';
import { duration, int32, int64, list, object, type Draft, type Fields } from '#api/schema.ts';
import { shutdownPeriods, type ShutdownPeriod } from '../shutdown/plan.ts';
import type { Found } from './checks.ts';
import type { KubeletConfiguration } from './kubeletConfiguration.ts';

export const shutdownFields = {
  shutdownGracePeriod: duration('How long a shutdown of the machine waits for pods to end, the critical ones included; 0: it does not', {
    default: '0s',
  }),
  shutdownGracePeriodCriticalPods: duration('What of it is kept for critical pods, which end last', { default: '0s' }),
  shutdownGracePeriodByPodPriority: list(
    object('io.k8s.kubelet.config.v1beta1.ShutdownGracePeriodByPodPriority', {
      priority: int32('Of pods with this priority or more, up to the next one'),
      shutdownGracePeriodSeconds: int64('How long they have'),
    }),
    'Instead of the two: periods by priority; the lowest ends first',
  ),
} satisfies Fields;

const SHORTEST_MS = 1_000;

/** What has the wrong type is not looked at. */
export function checkShutdown(config: Readonly<Record<string, unknown>>): Found[] {
  const found: Found[] = [];
  const ms = (field: string): number => {
    const text = config[field];
    return typeof text === 'string' ? (durationMs(text) ?? 0) : 0;
  };
  const [all, critical] = [ms('shutdownGracePeriod'), ms('shutdownGracePeriodCriticalPods')];
  const invalid = (field: string, want: string): void =>
    void found.push({ path: [field], message: `Invalid value: ${showValue(config[field])}: ${want}` });
  for (const [field, value] of [
    ['shutdownGracePeriod', all],
    ['shutdownGracePeriodCriticalPods', critical],
  ] as const)
    if (value !== 0 && value < SHORTEST_MS) invalid(field, 'want 0, or 1s and more');
  if (critical > all) invalid('shutdownGracePeriodCriticalPods', 'want no more than shutdownGracePeriod, of which it is a part');
  const list_ = config['shutdownGracePeriodByPodPriority'];
  const periods: unknown[] = Array.isArray(list_) ? list_ : [];
  if (periods.length > 0 && all + critical > 0)
    invalid('shutdownGracePeriodByPodPriority', 'want it alone, without shutdownGracePeriod and shutdownGracePeriodCriticalPods');
  const priorities = periods.map((p) => (p as { priority?: unknown } | null)?.priority ?? 0);
  if (new Set(priorities).size < priorities.length) invalid('shutdownGracePeriodByPodPriority', 'want each priority once');
  if (periods.some((p) => Number((p as { shutdownGracePeriodSeconds?: unknown } | null)?.shutdownGracePeriodSeconds ?? 0) < 0))
    invalid('shutdownGracePeriodByPodPriority', 'want 0 or more seconds');
  return found;
}

/** The lowest priority first; empty: a shutdown is not waited for. */
export function shutdownSettings(config: Draft<KubeletConfiguration>): ShutdownPeriod[] {
  return shutdownPeriods({
    shutdownGracePeriodMs: durationMs(config.shutdownGracePeriod ?? '') ?? 0,
    criticalPodsMs: durationMs(config.shutdownGracePeriodCriticalPods ?? '') ?? 0,
    byPodPriority: (config.shutdownGracePeriodByPodPriority ?? []).map(({ priority = 0, shutdownGracePeriodSeconds = 0 }) => ({
      priority,
      ms: shutdownGracePeriodSeconds * 1_000,
    })),
  });
}
