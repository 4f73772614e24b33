/** Fields of KubeletConfiguration about what pods can have of the node, and how limits are enforced. Pure. */
import { durationMs } from '#api/formats.ts';
import { sum, type ResourceList } from '#api/podResources.ts';
import { isQuantity } from '#api/quantity.ts';
import { boolean, duration, list, map, string, type Fields } from '#api/schema.ts';
import type { CpuQuota } from '../pods/resources.ts';
import type { Found } from './checks.ts';

export const resourceFields = {
  systemReserved: map(string(), 'What the system outside pods needs of cpu, memory and ephemeral-storage'),
  kubeReserved: map(string(), 'What kubelet and runtime need of them'),
  enforceNodeAllocatable: list(
    string(),
    'pods: all pods together get no more than what is not reserved; none or empty: they are not held to it',
  ),
  cpuCFSQuota: boolean('Whether limits of CPU are enforced', { default: true }),
  cpuCFSQuotaPeriod: duration('Within which time a container may use up its limit of CPU, 1ms to 1s', { default: '100ms' }),
} satisfies Fields;

export interface ResourceSettings {
  readonly reserved: ResourceList;
  /** Whether all pods together are held to what is not reserved. */
  readonly enforcePods: boolean;
  readonly quota: CpuQuota;
}

interface Given {
  readonly systemReserved?: ResourceList | undefined;
  readonly kubeReserved?: ResourceList | undefined;
  readonly enforceNodeAllocatable?: readonly string[] | undefined;
  readonly cpuCFSQuota?: boolean | undefined;
  readonly cpuCFSQuotaPeriod?: string | undefined;
}

export function resourceSettings(config: Given): ResourceSettings {
  const periodMs = durationMs(config.cpuCFSQuotaPeriod ?? '') || 100;
  return {
    reserved: sum([config.systemReserved ?? {}, config.kubeReserved ?? {}]),
    enforcePods: (config.enforceNodeAllocatable ?? ['pods']).includes('pods'),
    quota: { periodUs: config.cpuCFSQuota === false ? undefined : periodMs * 1_000 },
  };
}

const RESERVABLE = ['cpu', 'memory', 'ephemeral-storage'];
const ENFORCEABLE = ['pods', 'none'];

/** What the types do not say; values of another type are told elsewhere. */
export function checkResources(config: Readonly<Record<string, unknown>>): Found[] {
  const problems: Found[] = [];
  for (const field of ['systemReserved', 'kubeReserved']) {
    const given = config[field];
    if (typeof given !== 'object' || given === null) continue;
    for (const [name, amount] of Object.entries(given)) {
      if (!RESERVABLE.includes(name)) problems.push({ path: [field, name], message: `want one of ${RESERVABLE.join(', ')}` });
      else if (typeof amount === 'string' && (!isQuantity(amount) || amount.startsWith('-')))
        problems.push({ path: [field, name], message: `want a quantity that is not negative, got "${amount}"` });
    }
  }
  const enforced = config['enforceNodeAllocatable'];
  for (const name of Array.isArray(enforced) ? (enforced as unknown[]) : [])
    if (typeof name === 'string' && !ENFORCEABLE.includes(name))
      problems.push({
        path: ['enforceNodeAllocatable'],
        message: `this kubelet does not honour "${name}" yet: want ${ENFORCEABLE.join(' or ')}`,
      });
  const period = config['cpuCFSQuotaPeriod'];
  const periodMs = typeof period === 'string' ? durationMs(period) : undefined;
  if (periodMs !== undefined && periodMs !== 0 && (periodMs < 1 || periodMs > 1_000))
    problems.push({ path: ['cpuCFSQuotaPeriod'], message: `want 1ms to 1s, got "${String(period)}"` });
  return problems;
}
