/**
 * The watch oracle: random writers, one watcher that never loses its connection, and many that do, through the HTTP API. The first one's
 * history is held against what the writers were answered; the history of every other one against that: every event once, in order, none
 * missing, or else an honest 410 and a list that is right for its version.
 */
import assert from 'node:assert/strict';
import type { Store } from '../../apiserver/storage/store.ts';
import { TestClient, type TestAnswer, type TestWatch, type WatchEvent } from '../../apiserver/testing/client.ts';
import type { DevServer } from '../../apiserver/dev/start.ts';

export interface OracleOptions {
  /** Over one store; writers and watchers are spread over them. */
  readonly servers: readonly DevServer[];
  /** To compact it while all this goes on. */
  readonly store: Store;
  /** One that is started when half is written: it remembers nothing of what was before, so old versions come out of the store's log or are gone. */
  readonly late: () => Promise<DevServer>;
  readonly writes: number;
  readonly watchers: number;
  /** 0 <= x < 1 */
  readonly random: () => number;
}

export interface OracleFigures {
  readonly events: number;
  readonly reconnects: number;
  /** How often a watcher was told that its version is gone. */
  readonly forgotten: number;
}

interface Told {
  readonly type: string;
  readonly key: string;
  readonly version: number;
  readonly value: string;
  readonly colour: string;
}

interface MapObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly resourceVersion: string;
    readonly labels: { readonly colour: string };
  };
  readonly data: { readonly n: string };
}

interface Filter {
  readonly path: string;
  readonly query: string;
  readonly passes: (key: string, colour: string) => boolean;
}

const NAMESPACES = ['red', 'green'];
const COLOURS = ['red', 'green', 'blue'];
/** Passes every filter, so that everyone knows when it is over. */
const LAST = 'zz-last';

/** The server makes objects of its own in every namespace. */
const isOurs = (key: string): boolean => /^(red|green)\/(w\d|zz)/.test(key);

const FILTERS: readonly Filter[] = [
  { path: '/api/v1/configmaps', query: '', passes: isOurs },
  { path: '/api/v1/namespaces/red/configmaps', query: '', passes: (key) => isOurs(key) && key.startsWith('red/') },
  {
    path: '/api/v1/namespaces/green/configmaps',
    query: '&labelSelector=colour%3Dblue',
    passes: (key, colour) => isOurs(key) && key.startsWith('green/') && colour === 'blue',
  },
  {
    path: '/api/v1/configmaps',
    query: '&labelSelector=colour+in+(red,blue)',
    passes: (key, colour) => isOurs(key) && colour !== 'green',
  },
];

function toldOf({ type, object }: WatchEvent): Told {
  const { metadata, data } = object as unknown as MapObject;
  return {
    type,
    key: `${metadata.namespace}/${metadata.name}`,
    version: Number(metadata.resourceVersion),
    value: data?.n ?? '',
    colour: metadata.labels?.colour ?? '',
  };
}

export async function runOracle(options: OracleOptions): Promise<OracleFigures> {
  const { servers, random } = options;
  const clients = servers.map((server) => new TestClient(server));
  const any = (): TestClient => clients[Math.floor(random() * clients.length)] ?? clients[0]!;
  try {
    for (const name of NAMESPACES) await made(any().post('/api/v1/namespaces', { metadata: { name } }));
    const list = await any().get('/api/v1/configmaps');
    const start = Number((list.json as { metadata: { resourceVersion: string } }).metadata.resourceVersion);
    const reference = watchAll(any(), start);
    const watchers = Array.from({ length: options.watchers }, (_, i) =>
      new Watcher({ any, random, filter: FILTERS[i % FILTERS.length]!, start, isSlow: i % 5 === 4 }).run(),
    );
    const half = { ...options, writes: options.writes / 2, any };
    const written: Written = new Map();
    await writeAll(half, written);
    const late = new TestClient(await options.late());
    clients.push(late);
    await options.store.compact(await options.store.revision());
    // Away since the beginning, and where nobody remembers it.
    watchers.push(...FILTERS.map((filter) => new Watcher({ any: () => late, random, filter, start, isSlow: false }).run()));
    await writeAll(half, written);
    for (const namespace of NAMESPACES) {
      await made(any().post(`/api/v1/namespaces/${namespace}/configmaps`, map(LAST, { value: 'last', colour: 'blue' })));
    }
    const history = await reference;
    checkHistory(history, written);
    const stories = await Promise.all(watchers);
    for (const story of stories) checkStory(story, history, start);
    return {
      events: stories.reduce((sum, s) => sum + s.parts.reduce((n, p) => n + p.events.length, 0), 0),
      reconnects: stories.reduce((sum, s) => sum + s.reconnects, 0),
      forgotten: stories.reduce((sum, s) => sum + s.parts.length - 1, 0),
    };
  } finally {
    for (const client of clients) client.close();
  }
}

async function made(answer: Promise<TestAnswer>): Promise<TestAnswer> {
  const { code, text } = await answer;
  assert.ok(code === 201 || code === 200, `${code}: ${text}`);
  return answer;
}

const map = (name: string, { value, colour }: { readonly value: string; readonly colour: string }): object => ({
  metadata: { name, labels: { colour } },
  data: { n: value },
});

// Writing

/** What was acknowledged for each key, in order. version is unknown for deletions: the answer does not say it. */
type Written = Map<string, { readonly type: string; readonly value: string; readonly version: number | undefined }[]>;

type Writing = OracleOptions & { readonly any: () => TestClient };

async function writeAll({ store, writes, random, any }: Writing, written: Written): Promise<void> {
  const writers = 4;
  const one = async (writer: number): Promise<void> => {
    for (let i = 0; i < writes / writers; i++) {
      const namespace = NAMESPACES[Math.floor(random() * 2)] ?? '';
      const name = `w${writer}-${Math.floor(random() * 6)}`;
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      const log = written.get(`${namespace}/${name}`) ?? [];
      written.set(`${namespace}/${name}`, log);
      const isThere = log.length > 0 && log.at(-1)?.type !== 'DELETED';
      const value = `${writer}.${i}.${log.length}`;
      const body = map(name, { value, colour: COLOURS[Math.floor(random() * 3)] ?? '' });
      if (isThere && random() < 0.3) {
        await made(any().delete(`${path}/${name}`));
        log.push({ type: 'DELETED', value: log.at(-1)?.value ?? '', version: undefined });
      } else {
        const { json } = await made(isThere ? any().put(`${path}/${name}`, body) : any().post(path, body));
        log.push({ type: isThere ? 'MODIFIED' : 'ADDED', value, version: Number((json as MapObject).metadata.resourceVersion) });
      }
      // All but the last few versions go: who is away at that moment is told so, or lives on what the server still remembers.
      if (random() < 0.02) await store.compact(Math.max((await store.revision()) - Math.floor(random() * 20), 1));
    }
  };
  await Promise.all(Array.from({ length: writers }, (_, i) => one(i)));
}

// Watching

async function watchAll(client: TestClient, start: number): Promise<readonly Told[]> {
  const watch = await client.watch(`/api/v1/configmaps?watch=true&resourceVersion=${start}`);
  const out: Told[] = [];
  for (let lasts = 0; lasts < NAMESPACES.length;) {
    const event = await watch.next();
    assert.ok(event !== undefined, 'the reference watch ended');
    const told = toldOf(event);
    if (told.key.endsWith(LAST)) lasts += 1;
    if (isOurs(told.key)) out.push(told);
  }
  watch.close();
  return out;
}

/** From one list (or the start) to the next 410. */
interface Part {
  readonly from: number;
  /** What the list showed; undefined for the first part, which begins without one. */
  readonly listed: ReadonlyMap<string, number> | undefined;
  readonly events: Told[];
}

interface Story {
  readonly filter: Filter;
  readonly parts: readonly Part[];
  readonly reconnects: number;
}

class Watcher {
  readonly #any: () => TestClient;
  readonly #random: () => number;
  readonly #filter: Filter;
  readonly #isSlow: boolean;
  readonly #parts: Part[];
  #version: number;
  #reconnects = 0;

  constructor(about: {
    readonly any: () => TestClient;
    readonly random: () => number;
    readonly filter: Filter;
    readonly start: number;
    readonly isSlow: boolean;
  }) {
    this.#any = about.any;
    this.#random = about.random;
    this.#filter = about.filter;
    this.#isSlow = about.isSlow;
    this.#version = about.start;
    this.#parts = [{ from: about.start, listed: undefined, events: [] }];
  }

  async run(): Promise<Story> {
    for (;;) {
      const { path, query } = this.#filter;
      const client = this.#any();
      let watch: TestWatch;
      try {
        watch = await client.watch(`${path}?watch=true&allowWatchBookmarks=true&resourceVersion=${this.#version}${query}`);
      } catch (err) {
        assert.match(String(err), /refused with 410/);
        if (await this.#list(client)) return this.#story();
        continue;
      }
      if (await this.#read(watch)) return this.#story();
      this.#reconnects += 1;
    }
  }

  /** Until the end of it all (true), or until the connection is lost or the version is gone (false). */
  async #read(watch: TestWatch): Promise<boolean> {
    const patience = 1 + Math.floor(this.#random() * 40);
    try {
      for (let i = 0; i < patience; i++) {
        if (this.#isSlow && i % 8 === 3) {
          watch.pause();
          for (let n = 0; n < 200; n++) await new Promise((resolve) => setImmediate(resolve));
          watch.resume();
        }
        const event = await watch.next();
        if (event === undefined) return false;
        if (event.type === 'ERROR') {
          assert.equal(event.object.code, 410, JSON.stringify(event.object));
          return this.#list(this.#any());
        }
        if (event.type === 'BOOKMARK') {
          this.#version = Number(event.object.metadata.resourceVersion);
          continue;
        }
        const told = toldOf(event);
        if (isOurs(told.key)) this.#parts.at(-1)?.events.push(told);
        this.#version = told.version;
        if (this.#isOver()) return true;
      }
      return false;
    } finally {
      watch.close();
    }
  }

  #story(): Story {
    return { filter: this.#filter, parts: this.#parts, reconnects: this.#reconnects };
  }

  #isOver(): boolean {
    const seen = this.#parts.flatMap((part) => [...(part.listed?.keys() ?? []), ...part.events.map((e) => e.key)]);
    const lasts = NAMESPACES.map((namespace) => `${namespace}/${LAST}`).filter((key) => this.#filter.passes(key, 'blue'));
    return lasts.every((key) => seen.includes(key));
  }

  /** Returns whether the list shows the end already. */
  async #list(client: TestClient): Promise<boolean> {
    const { path, query } = this.#filter;
    const { json, code } = await client.get(`${path}?${query.slice(1)}`);
    assert.equal(code, 200);
    const { metadata, items } = json as { readonly metadata: { readonly resourceVersion: string }; readonly items: readonly MapObject[] };
    const listed = new Map(items.map((o) => [`${o.metadata.namespace}/${o.metadata.name}`, Number(o.metadata.resourceVersion)] as const));
    this.#version = Number(metadata.resourceVersion);
    this.#parts.push({ from: this.#version, listed: new Map([...listed].filter(([key]) => this.#filter.passes(key, 'blue'))), events: [] });
    return this.#isOver();
  }
}

// Judging

/** The reference saw, for every key, exactly what the writers were told; and all of it in the order of versions. */
function checkHistory(history: readonly Told[], written: Written): void {
  for (const [i, told] of history.entries()) {
    if (i > 0) assert.ok(told.version > history[i - 1]!.version, `versions out of order: ${history[i - 1]!.version}, ${told.version}`);
  }
  for (const [key, wanted] of written) {
    const seen = history.filter((told) => told.key === key);
    assert.deepEqual(
      seen.map(({ type, value }, i) => ({ type, value, version: wanted[i]?.version === undefined ? undefined : seen[i]!.version })),
      wanted,
      `the history of ${key}`,
    );
  }
}

/** What somebody with this filter is to see of the history after a version. */
function expected(history: readonly Told[], filter: Filter, from: number): readonly Told[] {
  const colours = new Map<string, string | undefined>();
  const out: Told[] = [];
  for (const told of history) {
    const before = colours.get(told.key);
    const was = before !== undefined && filter.passes(told.key, before);
    const is = told.type !== 'DELETED' && filter.passes(told.key, told.colour);
    colours.set(told.key, told.type === 'DELETED' ? undefined : told.colour);
    if (told.version <= from || (!was && !is)) continue;
    out.push({ ...told, type: is ? (was ? 'MODIFIED' : 'ADDED') : 'DELETED' });
  }
  return out;
}

function stateAt(history: readonly Told[], filter: Filter, version: number): ReadonlyMap<string, number> {
  const state = new Map<string, number>();
  for (const told of history) {
    if (told.version > version) break;
    if (told.type !== 'DELETED' && filter.passes(told.key, told.colour)) state.set(told.key, told.version);
    else state.delete(told.key);
  }
  return state;
}

function checkStory({ filter, parts }: Story, history: readonly Told[], start: number): void {
  for (const [i, { from, listed, events }] of parts.entries()) {
    if (listed !== undefined) assert.deepEqual(listed, stateAt(history, filter, from), `the list at ${from}`);
    const wanted = expected(history, filter, from);
    // The last part goes to the end; the others end where they were cut off.
    const length = i === parts.length - 1 ? wanted.length : events.length;
    const shown = (told: Told): string => `${told.version} ${told.type} ${told.key} ${told.type === 'DELETED' ? '' : told.value}`;
    assert.deepEqual(events.map(shown), wanted.slice(0, length).map(shown), `${filter.path} ${filter.query} from ${from}`);
  }
  assert.equal(parts[0]?.from, start);
}
