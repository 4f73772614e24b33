import { readFileSync } from 'node:fs';
/** Medians and ratios for the benchmarks, one line a row. */
export function percentile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((p / 100) * sorted.length))] ?? NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}

export const ms = (value: number): string => `${value.toFixed(1)} ms`;
export const ratio = (value: number, floor: number): string => (value / floor).toFixed(2);

export function row(what: string, details: readonly string[], figure: string): void {
  process.stdout.write(`${what.padEnd(42)} ${figure.padEnd(16)} ${details.join(', ')}\n`);
}

export interface Cost {
  readonly ms: number;
  /** Of this process and of the tools it runs, to ten milliseconds: on a shared machine it says more than the time does. */
  readonly cpuMs: number;
}

export async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const before = cpuMs();
  const start = performance.now();
  await work();
  return { ms: performance.now() - start, cpuMs: cpuMs() - before };
}

export function medianCost(costs: readonly Cost[]): Cost {
  return { ms: median(costs.map((c) => c.ms)), cpuMs: median(costs.map((c) => c.cpuMs)) };
}

export function rssMb(): number {
  (globalThis as { gc?: () => void }).gc?.();
  return process.memoryUsage().rss / (1 << 20);
}

/** utime, stime, cutime and cstime of proc(5), in ticks of a hundredth of a second: of this process and of the tools that stay with it. */
function cpuMs(pid: number | 'self' = 'self'): number {
  const read = (file: string): string => readFileSync(`/proc/${pid}/${file}`, 'utf8');
  try {
    const [id = '', ...fields] = [
      read('stat').split(' ', 1)[0],
      ...read('stat')
        .replace(/^.*\) /, '')
        .split(' '),
    ];
    const children = read(`task/${id}/children`).split(' ').filter(Boolean).map(Number);
    const own = fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) * 10, 0);
    return children.reduce((sum, child) => sum + cpuMs(child), own);
  } catch {
    return 0; // it ended
  }
}
