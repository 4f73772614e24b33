/** Facts of this process and its network namespace, for metrics and explanations. Units: bytes, seconds. */
import { networkInterfaces } from 'node:os';
import type { Clock } from '#base/clock.ts';
import { parseIp } from '../ip.ts';
import type { ProcessUsage } from '../metrics.ts';

/** Every address of the node, canonical, the loopback included. */
export function localAddresses(): string[] {
  const all = Object.values(networkInterfaces()).flatMap((entries) => (entries ?? []).flatMap((e) => parseIp(e.address)?.text ?? []));
  return [...new Set(all)];
}

export function processUsage(clock: Clock): ProcessUsage {
  const { user, system } = process.cpuUsage();
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: process.memoryUsage.rss(),
    startSeconds: clock.nowMs() / 1_000 - process.uptime(),
  };
}
