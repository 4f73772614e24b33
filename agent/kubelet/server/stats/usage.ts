/** What this process uses, for metrics. Units: seconds, bytes. Source: proc(5), stat and limits. */
import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessUsage } from '../../metrics/kubeletMetrics.ts';

const startSeconds = performance.timeOrigin / 1_000;

export function processUsage(): ProcessUsage {
  const { user, system } = process.cpuUsage();
  const virtualBytes = Number(readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ')[20] ?? 0);
  const mostFiles = Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 0);
  const activeResources = new Map<string, number>();
  for (const type of process.getActiveResourcesInfo()) activeResources.set(type, (activeResources.get(type) ?? 0) + 1);
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    virtualBytes,
    openFiles: readdirSync('/proc/self/fd').length - 1, // without the directory that is read
    mostFiles,
    startSeconds,
    activeResources,
  };
}
