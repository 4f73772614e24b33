/** What is measured of a store, and of the bare database under it. Units: operations per second, milliseconds, MB of 10^6 bytes. */
import type { Clock } from '#base/clock.ts';
import type { Store } from '../store.ts';

/** Absent: the subject cannot do it. */
export interface Measured {
  readonly createsPerSecond1: number;
  readonly createsPerSecond32: number;
  readonly updatesPerSecond32?: number;
  readonly getsPerSecond: number;
  readonly listMs: number;
  readonly pagesOfThePastMs?: number;
  readonly deliveriesPerSecond?: number;
  readonly rssMb?: number;
  readonly serverRssMb?: number;
}

export const OBJECTS = 10_000;
export const CLIENTS = 32;
const SERIAL_CREATES = 500;
const UPDATES = 5_000;
const GETS = 20_000;
const LISTS = 5;
const WATCHES = 100;
const FANNED_OUT = 1_000;

/** JSON of 2 KB, no two alike. */
export function valueOf(n: number): Buffer {
  return Buffer.from(
    JSON.stringify({ kind: 'Pod', metadata: { name: `pod-${n}`, resourceVersion: '' }, pad: String(n).padStart(1_960, 'x') }),
  );
}

export function keyOf(n: number): string {
  return `/registry/pods/ns-${n % 17}/pod-${String((n * 7_919) % 1_000_003).padStart(7, '0')}`;
}

export interface Subject {
  create(key: string, value: Buffer): Promise<unknown>;
  get(key: string): Promise<unknown>;
  /** Returns how many entries there were. */
  list(): Promise<number>;
}

/** Fills the subject with OBJECTS objects. */
export async function measureBasics(
  subject: Subject,
  clock: Clock,
): Promise<Pick<Measured, 'createsPerSecond1' | 'createsPerSecond32' | 'getsPerSecond' | 'listMs'>> {
  const create = (n: number): Promise<unknown> => subject.create(keyOf(n), valueOf(n));
  const createsPerSecond1 = await rate(clock, { from: 0, to: SERIAL_CREATES, clients: 1 }, create);
  const createsPerSecond32 = await rate(clock, { from: SERIAL_CREATES, to: OBJECTS, clients: CLIENTS }, create);
  const getsPerSecond = await rate(clock, { from: 0, to: GETS, clients: CLIENTS }, (n) => subject.get(keyOf(n % OBJECTS)));
  const listed: number[] = [];
  for (let i = 0; i < LISTS; i++) {
    const startMs = clock.monotonicMs();
    const found = await subject.list();
    listed.push(clock.monotonicMs() - startMs);
    if (found !== OBJECTS) throw new Error(`listed ${found} of ${OBJECTS} objects`);
  }
  return { createsPerSecond1, createsPerSecond32, getsPerSecond, listMs: median(listed) };
}

export async function measureStore(store: Store, clock: Clock): Promise<Measured> {
  const basics = await measureBasics(
    {
      create: (key, value) => store.transact([{ kind: 'create', key, value }]),
      get: (key) => store.get(key),
      list: async () => (await store.list({ prefix: '/registry/pods/' })).entries.length,
    },
    clock,
  );
  const past = await store.revision();
  const updatesPerSecond32 = await rate(clock, { from: 0, to: UPDATES, clients: CLIENTS }, (n) => update(store, n));
  const startMs = clock.monotonicMs();
  let after: string | undefined;
  do {
    const page = await store.list({ prefix: '/registry/pods/', limit: 500, revision: past, ...(after === undefined ? {} : { after }) });
    after = page.next;
  } while (after !== undefined);
  const pagesOfThePastMs = clock.monotonicMs() - startMs;
  return { ...basics, updatesPerSecond32, pagesOfThePastMs, deliveriesPerSecond: await fanOut(store, clock) };
}

async function update(store: Store, n: number): Promise<void> {
  const key = keyOf(n);
  const now = await store.get(key);
  if (now === undefined) throw new Error(`${key} is gone`);
  await store.transact([{ kind: 'update', key, value: valueOf(n), ifRevision: now.modRevision }]);
}

async function fanOut(store: Store, clock: Clock): Promise<number> {
  const stop = new AbortController();
  const afterRevision = await store.revision();
  let delivered = 0;
  const watching = Array.from({ length: WATCHES }, async () => {
    let left = FANNED_OUT;
    for await (const { changes } of store.watch({ prefix: '/registry/pods/', afterRevision, signal: stop.signal })) {
      delivered += changes.length;
      left -= changes.length;
      if (left === 0) break;
    }
  });
  const startMs = clock.monotonicMs();
  await rate(clock, { from: 0, to: FANNED_OUT, clients: CLIENTS }, (n) => update(store, n));
  await Promise.all(watching);
  stop.abort();
  return (delivered / (clock.monotonicMs() - startMs)) * 1_000;
}

interface Load {
  readonly from: number;
  readonly to: number;
  readonly clients: number;
}

/** Each client does the next thing as soon as its last one is done. */
async function rate(clock: Clock, { from, to, clients }: Load, work: (n: number) => Promise<unknown>): Promise<number> {
  const startMs = clock.monotonicMs();
  let next = from;
  const client = async (): Promise<void> => {
    while (next < to) await work(next++);
  };
  await Promise.all(Array.from({ length: clients }, client));
  return ((to - from) / (clock.monotonicMs() - startMs)) * 1_000;
}

export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
