/** What every daemon tells about its process, under the names that Prometheus' clients use. */
import { Observed, type MetricsRegistry } from '#base/metrics.ts';
import { RELEASE } from '#base/version.ts';

export function addProcessMetrics(registry: MetricsRegistry): void {
  const one = (name: string, help: string, read: () => number, kind: 'gauge' | 'counter' = 'gauge'): void =>
    void registry.add(new Observed({ name, help, kind }, () => [[[], read()]]));
  one('process_cpu_seconds_total', 'CPU time used.', () => (process.cpuUsage().user + process.cpuUsage().system) / 1e6, 'counter');
  one('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss());
  one('process_start_time_seconds', 'When the process started, since 1970.', () => performance.timeOrigin / 1_000);
  registry.add(new Observed({ name: 'kubernetes_build_info', help: 'What runs here.', labels: ['git_version'] }, () => [[[RELEASE], 1]]));
}
