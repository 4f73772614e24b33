/** The table of the benchmark: medians of each subject, and what part of the floor's speed the server keeps. */
import type { Subject } from './children.ts';

export interface Sample {
  readonly value: number;
  /** Of the server, for one operation. */
  readonly cpuUs: number | undefined;
}

export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  readonly bare?: number;
  readonly oursCpuUs?: number;
  readonly bareCpuUs?: number;
}

export class Report {
  readonly figures: Row[] = [];
  readonly #say: (line: string) => void;

  constructor(title: string, say: (line: string) => void) {
    this.#say = say;
    say(`\n| ${title} | ours | bare | ratio | CPU µs each | bare | ratio |\n|---|---:|---:|---:|---:|---:|---:|`);
  }

  add(
    name: string,
    unit: string,
    { ours = [], bare = [] }: { readonly ours?: readonly Sample[]; readonly bare?: readonly Sample[] },
  ): void {
    this.#row({ name, unit, ours: median(ours.map((s) => s.value)) ?? Number.NaN, ...both(bare, ours) });
  }

  note(name: string, value: number, unit: string): void {
    this.#row({ name, unit, ours: value });
  }

  memory(name: string, ours: Subject, bare?: Subject): void {
    const [mine, floor] = [ours.memory(), bare?.memory()];
    if (mine === undefined) return;
    this.#row({ name, unit: 'MB', ours: mine.residentMb, ...(floor === undefined ? {} : { bare: floor.residentMb }) });
    this.#row({
      name: '... of it pages of files',
      unit: 'MB',
      ours: mine.filesMb,
      ...(floor === undefined ? {} : { bare: floor.filesMb }),
    });
  }

  #row(row: Row): void {
    this.figures.push(row);
    const { name, unit, ours, bare, oursCpuUs, bareCpuUs } = row;
    const cells = [text(ours), text(bare), ratio(ours, bare), text(oursCpuUs), text(bareCpuUs), ratio(oursCpuUs, bareCpuUs)];
    this.#say(`| ${name}, ${unit} | ${cells.join(' | ')} |`);
  }
}

function both(bare: readonly Sample[], ours: readonly Sample[]): Pick<Row, 'bare' | 'oursCpuUs' | 'bareCpuUs'> {
  const found = {
    bare: median(bare.map((s) => s.value)),
    oursCpuUs: median(ours.flatMap((s) => (s.cpuUs === undefined ? [] : [s.cpuUs]))),
    bareCpuUs: median(bare.flatMap((s) => (s.cpuUs === undefined ? [] : [s.cpuUs]))),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined));
}

function median(numbers: readonly number[]): number | undefined {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
}

const text = (value: number | undefined): string =>
  value === undefined ? '' : value >= 100 ? String(Math.round(value)) : value.toFixed(1);

const ratio = (value: number | undefined, floor: number | undefined): string =>
  value === undefined || floor === undefined || floor === 0 ? '' : `${(value / floor).toFixed(2)} x`;
