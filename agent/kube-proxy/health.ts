/**
 * Is the proxy doing its work? Pure, except that it remembers what it was told.
 *
 * Unhealthy: a change has been waiting longer than twice the sync period for the rules of some family. While the node is being deleted
 * /healthz fails, so that load balancers send new traffic elsewhere, and /livez does not, so that the proxy is not restarted.
 * Source: KEP-3836; body and statuses as upstream's, load balancers and probes read them. Units: milliseconds.
 */
import type { LaneState } from './sync.ts';

/** The taint that the cluster autoscaler puts on a node it is about to remove. */
const TO_BE_DELETED = 'ToBeDeletedByClusterAutoscaler';

export interface NodeLike {
  readonly metadata?: { readonly deletionTimestamp?: string };
  readonly spec?: { readonly taints?: readonly { readonly key?: string }[] };
}

export function isEligible({ metadata, spec }: NodeLike): boolean {
  return metadata?.deletionTimestamp === undefined && !(spec?.taints ?? []).some((t) => t.key === TO_BE_DELETED);
}

export interface HealthInput {
  readonly lanes: readonly LaneState[];
  readonly nowMs: number;
  readonly timeoutMs: number;
  readonly nodeEligible: boolean;
}

export interface HealthAnswer {
  readonly isHealthy: boolean;
  readonly status: 200 | 503;
  readonly body: string;
}

export function isProxyHealthy({ lanes, nowMs, timeoutMs }: Pick<HealthInput, 'lanes' | 'nowMs' | 'timeoutMs'>): boolean {
  return lanes.every(({ pendingSinceMs }) => pendingSinceMs === undefined || nowMs - pendingSinceMs < timeoutMs);
}

export function healthAnswer(path: 'healthz' | 'livez', input: HealthInput): HealthAnswer {
  const { lanes, nowMs, nodeEligible } = input;
  const isAlive = isProxyHealthy(input);
  const isHealthy = isAlive && (path === 'livez' || nodeEligible);
  // As upstream: a healthy proxy is up to date now, even when nothing had to be written for hours.
  const lastMs = isHealthy ? nowMs : Math.max(0, ...lanes.map((l) => l.lastSyncAtMs ?? 0));
  const eligible = path === 'healthz' ? `, "nodeEligible": ${nodeEligible}` : '';
  return {
    isHealthy,
    status: isHealthy ? 200 : 503,
    body: `{"lastUpdated": "${goTime(lastMs)}","currentTime": "${goTime(nowMs)}"${eligible}}`,
  };
}

/** As Go prints a time. */
function goTime(ms: number): string {
  if (ms === 0) return '0001-01-01 00:00:00 +0000 UTC';
  return `${new Date(ms).toISOString().replace('T', ' ').replace('Z', '')} +0000 UTC`;
}
