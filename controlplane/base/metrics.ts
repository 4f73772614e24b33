/**
 * Counters, gauges and histograms in Prometheus' text form. Holds numbers only; no timers, no time.
 * Why not prom-client: loading it costs 20 MB and 116 ms, see .github/adr/0005-metrics.md.
 * Source: the text exposition format 0.0.4 of Prometheus.
 */
/** Of durations in seconds, where nothing else is said. Source: the client libraries of Prometheus. */
export const DEFAULT_BUCKETS: readonly number[] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

type Kind = 'counter' | 'gauge' | 'histogram';

interface Options {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** Label values from outside must be bounded by the caller: every combination is kept. */
abstract class Metric {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  abstract readonly kind: Kind;

  constructor({ name, help, labels = [] }: Options) {
    this.name = name;
    this.help = help;
    this.labels = labels;
  }

  abstract lines(): Iterable<string>;

  text(): string {
    return [`# HELP ${this.name} ${this.help}`, `# TYPE ${this.name} ${this.kind}`, ...this.lines()].join('\n');
  }

  protected series(values: readonly string[], more = ''): string {
    const pairs = this.labels.map((label, i) => `${label}="${escape(values[i] ?? '')}"`);
    if (more !== '') pairs.push(more);
    return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
  }
}

function shown(value: number): string {
  return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

const SEPARATOR = '\u0001';
const keyOf = (values: readonly string[]): string => values.join(SEPARATOR);
const valuesOf = (key: string): readonly string[] => key.split(SEPARATOR);

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}

interface Cell {
  value: number;
}

export class Counter extends Metric {
  readonly kind: Kind = 'counter';
  readonly #values = new Map<string, Cell>();

  /** Of what is gone. */
  forget(isGone: (values: readonly string[]) => boolean): void {
    for (const key of this.#values.keys()) if (isGone(valuesOf(key))) this.#values.delete(key);
  }

  inc(values: readonly string[] = [], by = 1): void {
    this.#cell(values).value += by;
  }

  /** What counts for these labels, without looking for them each time. Not for series that are forgotten. */
  bound(values: readonly string[]): () => void {
    const cell = this.#cell(values);
    return () => void (cell.value += 1);
  }

  get(values: readonly string[] = []): number {
    return this.#values.get(keyOf(values))?.value ?? 0;
  }

  #cell(values: readonly string[]): Cell {
    const key = keyOf(values);
    let cell = this.#values.get(key);
    if (cell === undefined) this.#values.set(key, (cell = { value: 0 }));
    return cell;
  }

  *lines(): Iterable<string> {
    for (const [key, { value }] of this.#values) yield `${this.name}${this.series(valuesOf(key))} ${shown(value)}`;
  }
}

export class Gauge extends Counter {
  override readonly kind = 'gauge';

  set(values: readonly string[], value: number): void {
    this.inc(values, value - this.get(values));
  }
}

/** A gauge whose value is asked for when it is read. */
export class Observed extends Metric {
  readonly kind: Kind;
  readonly #read: () => Iterable<readonly [values: readonly string[], value: number]>;

  constructor(options: Options & { readonly kind?: 'counter' | 'gauge' }, read: () => Iterable<readonly [readonly string[], number]>) {
    super(options);
    this.kind = options.kind ?? 'gauge';
    this.#read = read;
  }

  *lines(): Iterable<string> {
    for (const [values, value] of this.#read()) yield `${this.name}${this.series(values)} ${shown(value)}`;
  }
}

interface Distribution {
  readonly counts: Float64Array;
  sum: number;
  count: number;
}

export class Histogram extends Metric {
  readonly kind = 'histogram';
  readonly #buckets: readonly number[];
  readonly #values = new Map<string, Distribution>();

  constructor(options: Options & { readonly buckets: readonly number[] }) {
    super(options);
    this.#buckets = options.buckets;
  }

  /** Of what is gone. */
  forget(isGone: (values: readonly string[]) => boolean): void {
    for (const key of this.#values.keys()) if (isGone(valuesOf(key))) this.#values.delete(key);
  }

  observe(values: readonly string[], value: number): void {
    this.#add(this.#distribution(values), value);
  }

  /** As that of a counter. */
  bound(values: readonly string[]): (value: number) => void {
    const distribution = this.#distribution(values);
    return (value) => this.#add(distribution, value);
  }

  #distribution(values: readonly string[]): Distribution {
    const key = keyOf(values);
    let found = this.#values.get(key);
    if (found === undefined) this.#values.set(key, (found = { counts: new Float64Array(this.#buckets.length), sum: 0, count: 0 }));
    return found;
  }

  #add(to: Distribution, value: number): void {
    to.sum += value;
    to.count += 1;
    const buckets = this.#buckets;
    let i = 0;
    while (i < buckets.length && !(value <= (buckets[i] ?? 0))) i++;
    if (i < buckets.length) to.counts[i] = (to.counts[i] ?? 0) + 1;
  }

  *lines(): Iterable<string> {
    for (const [key, { counts, sum, count }] of this.#values) {
      const values = valuesOf(key);
      let below = 0;
      for (const [i, le] of this.#buckets.entries()) {
        below += counts[i] ?? 0;
        yield `${this.name}_bucket${this.series(values, `le="${le}"`)} ${below}`;
      }
      yield `${this.name}_bucket${this.series(values, 'le="+Inf"')} ${count}`;
      yield `${this.name}_sum${this.series(values)} ${sum}`;
      yield `${this.name}_count${this.series(values)} ${count}`;
    }
  }
}

export class MetricsRegistry {
  readonly #metrics: Metric[] = [];

  add<T extends Metric>(metric: T): T {
    this.#metrics.push(metric);
    return metric;
  }

  text(): string {
    return `${this.#metrics.map((metric) => metric.text()).join('\n')}\n`;
  }
}

export const METRICS_CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8';
