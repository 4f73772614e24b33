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
