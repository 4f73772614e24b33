/** How far pulls are, in a few words. Pure. */
import type { Download } from '#cri/client.ts';

const MIB = 2 ** 20;

/** undefined: nothing is being downloaded now. The runtime does not say which download is of which image. */
export function progressText(downloads: readonly Download[], pulls: number): string | undefined {
  if (downloads.length === 0) return undefined;
  const done = downloads.reduce((sum, d) => sum + d.doneBytes, 0);
  const total = downloads.reduce((sum, d) => sum + d.totalBytes, 0);
  const parts = `${downloads.length} ${downloads.length === 1 ? 'part' : 'parts'} under way`;
  const share = total > 0 && done <= total ? `${Math.floor((done * 100) / total)}%, ` : '';
  const of = total > 0 ? ` of ${(total / MIB).toFixed(1)}` : '';
  const together = pulls > 1 ? `, of ${pulls} pulls together` : '';
  return `${share}${(done / MIB).toFixed(1)}${of} MiB (${parts}${together})`;
}
