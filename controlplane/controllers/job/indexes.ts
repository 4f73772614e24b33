/**
 * Sets of completion indexes, and their texts: "1,3-5". Pure.
 * Source: the form of status.completedIndexes in the Kubernetes API.
 */
export type Indexes = ReadonlySet<number>;

/** What is no range is left out; so is what lies beyond the completions. */
export function parseIndexes(text: string | undefined, completions: number): Set<number> {
  const out = new Set<number>();
  for (const part of (text ?? '').split(',')) {
    const [, from = '', to] = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part) ?? [];
    if (from === '') continue;
    const last = Math.min(Number(to ?? from), completions - 1);
    for (let i = Number(from); i <= last; i++) out.add(i);
  }
  return out;
}

export function formatIndexes(indexes: Indexes): string {
  const parts: string[] = [];
  const sorted = [...indexes].toSorted((a, b) => a - b);
  for (let i = 0; i < sorted.length;) {
    let end = i;
    while (sorted[end + 1] === (sorted[end] ?? 0) + 1) end++;
    const [from, to] = [sorted[i] ?? 0, sorted[end] ?? 0];
    // Two neighbours are two numbers, as upstream writes them.
    parts.push(from === to ? String(from) : to === from + 1 ? `${from},${to}` : `${from}-${to}`);
    i = end + 1;
  }
  return parts.join(',');
}
