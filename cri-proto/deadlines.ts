/**
 * How long a call may take when its caller says nothing. Pure.
 *
 * Source: runtimeRequestTimeout of KubeletConfiguration (2 min) is the unit, and the exceptions below are upstream's kubelet's:
 * making a sandbox gets twice as long, a stop or an exec gets its own time on top, a pull and an event stream have no end.
 * Units: milliseconds, but the timeout fields in requests are seconds.
 */
export const DEFAULT_REQUEST_TIMEOUT_MS = 120_000;

const ENDLESS: ReadonlySet<string> = new Set(['PullImage', 'GetContainerEvents', 'Subscribe']);
const TAKES_OWN_TIMEOUT: ReadonlySet<string> = new Set(['StopContainer', 'ExecSync', 'CheckpointContainer']);

/** Infinity: no deadline. */
export function deadlineOf(rpc: string, request: object, requestTimeoutMs: number): number {
  if (ENDLESS.has(rpc)) return Infinity;
  if (rpc === 'RunPodSandbox') return requestTimeoutMs * 2;
  if (!TAKES_OWN_TIMEOUT.has(rpc)) return requestTimeoutMs;
  const seconds = Number('timeout' in request ? request.timeout : 0);
  // An exec without a timeout may run for ever; a stop without one kills at once.
  if (rpc === 'ExecSync' && !(seconds > 0)) return Infinity;
  return requestTimeoutMs + (seconds > 0 ? seconds * 1000 : 0);
}
