/**
 * Measures the stores and the bare databases under them, each in a process of its own, in turn, several rounds; prints medians and
 * what part of the bare database's speed each store keeps.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { noEtcd } from '../etcd/testEtcd.ts';
import { CLIENTS, median, OBJECTS, type Measured } from './measure.ts';

const child = new URL('child.ts', import.meta.url).pathname;

const ROWS: readonly [title: string, field: keyof Measured, digits: number][] = [
  ['durable creates/s, 1 client', 'createsPerSecond1', 0],
  [`durable creates/s, ${CLIENTS} clients`, 'createsPerSecond32', 0],
  [`read + update/s, ${CLIENTS} clients`, 'updatesPerSecond32', 0],
  ['get/s', 'getsPerSecond', 0],
  [`list of ${OBJECTS} x 2 KB, ms`, 'listMs', 1],
  ['the same in pages of 500, at an old revision, ms', 'pagesOfThePastMs', 1],
  ['watch deliveries/s, 100 watches', 'deliveriesPerSecond', 0],
  ['RSS afterwards, MB (Node alone 45)', 'rssMb', 0],
  ['... and of the etcd member, MB', 'serverRssMb', 0],
];

/** Store and the floor it stands on; memory has none, it has nothing to wait for. */
const COLUMNS: readonly (readonly [subject: string, floor?: string])[] = [
  ['memory'],
  ['lmdb'],
  ['embedded', 'lmdb'],
  ['bare-etcd'],
  ['etcd', 'bare-etcd'],
];

export async function runStorageBench(args: readonly string[], print: (line: string) => void): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '3' }, json: { type: 'boolean', default: false } },
  });
  const columns = noEtcd === undefined ? COLUMNS : COLUMNS.filter(([subject]) => !subject.includes('etcd'));
  const found = new Map<string, Measured[]>(columns.map(([subject]) => [subject, []]));
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const [subject, all] of found) {
      const { stdout } = await execa(process.execPath, [child, subject], {
        env: { NODE_COMPILE_CACHE: join(tmpdir(), 'kijabi-compile-cache') },
      });
      all.push(JSON.parse(stdout) as Measured);
    }
  }
  const value = (subject: string, field: keyof Measured): number | undefined => {
    const numbers = (found.get(subject) ?? []).map((m) => m[field]).filter((n) => n !== undefined);
    return numbers.length === 0 ? undefined : median(numbers);
  };
  if (values.json) {
    const all = columns.map(([subject]) => [subject, Object.fromEntries(ROWS.map(([, field]) => [field, value(subject, field)]))]);
    return print(JSON.stringify(Object.fromEntries(all)));
  }
  if (noEtcd !== undefined) print(`etcd left out: ${noEtcd}`);
  print(
    `| median of ${values.rounds} | ${columns.map(([subject, floor]) => (floor === undefined ? subject : `${subject} | / ${floor}`)).join(' | ')} |`,
  );
  print(`|---|${columns.map(([, floor]) => (floor === undefined ? '---:|' : '---:|---:|')).join('')}`);
  for (const [title, field, digits] of ROWS) {
    const cells = columns.flatMap(([subject, floor]) => {
      const own = value(subject, field);
      const text = own === undefined ? '' : own.toFixed(digits);
      return floor === undefined ? [text] : [text, ratio(own, value(floor, field))];
    });
    print(`| ${title} | ${cells.join(' | ')} |`);
  }
}

function ratio(own: number | undefined, floor: number | undefined): string {
  return own === undefined || floor === undefined ? '' : `${(own / floor).toFixed(2)} x`;
}
