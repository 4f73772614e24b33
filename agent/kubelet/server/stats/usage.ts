/** What this process uses, for metrics. Units: seconds, bytes. */
const startSeconds = performance.timeOrigin / 1_000;

export function processUsage(): { readonly cpuSeconds: number; readonly residentBytes: number; readonly startSeconds: number } {
  const { user, system } = process.cpuUsage();
  return { cpuSeconds: (user + system) / 1e6, residentBytes: process.memoryUsage.rss(), startSeconds };
}
