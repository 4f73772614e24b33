/** Durations as Go prints whole seconds: 10s, 1m20s, 5m0s. Part of messages that tools match on. Pure. Units: milliseconds. */
export function formatDuration(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  const [h, m, s] = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  return `${h > 0 ? `${h}h` : ''}${h > 0 || m > 0 ? `${m}m` : ''}${s}s`;
}
