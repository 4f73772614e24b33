/** Texts of /proc in our units. Pure. Source: proc(5). */
import type { Interface, Packets } from './types.ts';

/** CPU time of all cores, without the idle one. Units: the kernel's clock ticks, 100 a second. */
export function busyNanoseconds(stat: string): number {
  const [, user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (/^cpu .*$/m.exec(stat)?.[0] ?? '')
    .split(/ +/)
    .map(Number);
  return (user + nice + system + irq + softirq + steal) * 10_000_000;
}

export function bootedAtMs(stat: string): number {
  return Number(/^btime (\d+)$/m.exec(stat)?.[1] ?? 0) * 1_000;
}

export interface MemInfo {
  readonly totalBytes: number;
  readonly freeBytes: number;
  readonly availableBytes: number;
  readonly anonymousBytes: number;
}

export function memInfo(text: string): MemInfo {
  const of = (name: string): number => Number(new RegExp(`^${name}: +(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0) * 1_024;
  return { totalBytes: of('MemTotal'), freeBytes: of('MemFree'), availableBytes: of('MemAvailable'), anonymousBytes: of('AnonPages') };
}

export function interfaces(netDev: string): Interface[] {
  return netDev.split('\n').flatMap((line): Interface[] => {
    const [, name, numbers] = /^ *([^:|]+): *([\d ]+)$/.exec(line) ?? [];
    if (name === undefined || name === 'lo') return [];
    const n = (numbers ?? '').trim().split(/ +/).map(Number);
    return [{ name, rxBytes: n[0] ?? 0, rxErrors: n[2] ?? 0, txBytes: n[8] ?? 0, txErrors: n[10] ?? 0 }];
  });
}

/** Of the same text: what the CRI does not tell. */
export function packets(netDev: string): Packets[] {
  return netDev.split('\n').flatMap((line): Packets[] => {
    const [, name, numbers] = /^ *([^:|]+): *([\d ]+)$/.exec(line) ?? [];
    if (name === undefined || name === 'lo') return [];
    const n = (numbers ?? '').trim().split(/ +/).map(Number);
    return [{ name, rx: n[1] ?? 0, rxDropped: n[3] ?? 0, tx: n[9] ?? 0, txDropped: n[11] ?? 0 }];
  });
}

/** Of "0.50 0.40 0.30 2/345 6789": how many threads there are. */
export function threads(loadAverage: string): number {
  return Number(/\d+\/(\d+)/.exec(loadAverage)?.[1] ?? 0);
}
