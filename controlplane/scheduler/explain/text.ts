/** The explanation for people. Pure. */
import type { Remembered } from './decisions.ts';
import type { Waiting } from './explain.ts';

export interface Explanation {
  readonly pod: string;
  /** Where it is now; undefined: nowhere. */
  readonly node: string | undefined;
  /** active, backoff, unschedulable, gated; undefined: it does not wait. */
  readonly queue: string | undefined;
  readonly attempts: number | undefined;
  readonly last: Remembered | undefined;
  /** As things are now; of pods without a node. */
  readonly now: Waiting | undefined;
}

const MOST_LINES = 20;

export function explanationText({ pod, node, queue, attempts, last, now }: Explanation): string {
  const lines: string[] = [];
  if (node !== undefined) lines.push(`${pod} is on ${node}.`);
  else lines.push(`${pod} waits${queue === undefined ? '' : ` (${queue}${attempts === undefined ? '' : `, tried ${attempts} times`})`}.`);
  if (last !== undefined) lines.push(...lastLines(last));
  if (now?.before !== undefined) lines.push('', `No node was looked at: ${now.before}.`);
  if (now !== undefined && now.nodes.length > 0) lines.push('', 'What would have to change, the smallest change first:', ...nowLines(now));
  return `${lines.join('\n')}\n`;
}

function lastLines({ atMs, profile, node, message, victims, scored, refused, weights }: Remembered): string[] {
  const when = new Date(atMs).toISOString();
  const lines = [node === undefined ? `Last decision (${profile}, ${when}): ${message ?? ''}` : `Decided by ${profile} at ${when}.`];
  if (victims.length > 0) lines.push(`For it go: ${victims.join(', ')}.`);
  if (scored.length > 1) {
    const plugins = Object.keys(weights);
    const rows = scored.slice(0, MOST_LINES).map((s) => [s.node, String(s.total), ...plugins.map((p) => String(s.scores[p] ?? ''))]);
    lines.push(
      '',
      ...table([['NODE', 'TOTAL', ...plugins.map((p) => (weights[p] === 1 ? p : `${p} x${weights[p]}`))], ...rows]),
      ...more(scored.length),
    );
  } else if (scored.length === 1) lines.push(`${scored[0]?.node ?? ''} was the only node that passed.`);
  if (node !== undefined && refused.length > 0) {
    const rows = refused.slice(0, MOST_LINES).map((r) => [r.node, r.plugin, r.reasons.join(', ')]);
    lines.push('', ...table([['REFUSED', 'BY', 'BECAUSE'], ...rows]), ...more(refused.length));
  }
  return lines;
}

function nowLines({ nodes }: Waiting): string[] {
  const shown = nodes.slice(0, MOST_LINES).flatMap(({ node, changes, verdicts }) => {
    const passed = verdicts.filter((v) => v.reasons.length === 0).length;
    const said = changes.length === 0 ? ['nothing: it fits now, and is tried when it is its turn'] : changes.map((c) => c.text);
    return [`  ${node}  (${passed} of ${verdicts.length} plugins take it)`, ...said.map((text) => `    - ${text}`)];
  });
  return [...shown, ...more(nodes.length)];
}

const more = (count: number): string[] => (count > MOST_LINES ? [`  ... and ${count - MOST_LINES} more: -o json`] : []);

function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => (row[i] ?? '').length)));
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd());
}
