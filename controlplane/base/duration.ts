/** Durations as Go prints them, to the millisecond: 181ms, 1.5s, 10s, 1m20s, 5m0s. Part of messages that tools match on. Pure. Units: milliseconds. */
export function formatDuration(ms: number): string {
  const whole = Math.round(ms);
  if (whole < 1_000) return whole === 0 ? '0s' : `${whole}ms`;
  const [h, m, s] = [Math.floor(whole / 3_600_000), Math.floor(whole / 60_000) % 60, (whole % 60_000) / 1_000];
  return `${h > 0 ? `${h}h` : ''}${h > 0 || m > 0 ? `${m}m` : ''}${s}s`;
}
