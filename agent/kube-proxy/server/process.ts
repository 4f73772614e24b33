/** Facts of this process and its network namespace, for metrics and explanations. Units: bytes, seconds. */
import { networkInterfaces } from 'node:os';
import type { Clock } from '#base/clock.ts';
import { parseIp } from '../ip.ts';

/** Every address of the node, canonical, the loopback included. */
export function localAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).flatMap((e) => parseIp(e.address)?.text ?? []));
  return [...new Set(all)];
}

export interface ProcessMetric {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly value: number;
}

export function processMetrics(clock: Clock): ProcessMetric[] {
  const { user, system } = process.cpuUsage();
  return [
    { name: 'process_cpu_seconds_total', help: 'CPU time of this process', kind: 'counter', value: (user + system) / 1e6 },
    { name: 'process_resident_memory_bytes', help: 'Memory of this process', kind: 'gauge', value: process.memoryUsage.rss() },
    {
      name: 'process_start_time_seconds',
      help: 'When this process started',
      kind: 'gauge',
      value: clock.nowMs() / 1_000 - process.uptime(),
    },
  ];
}
