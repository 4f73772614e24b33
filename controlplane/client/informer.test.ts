import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import fc from 'fast-check';
import type { ConfigMap } from '#api/kinds/core/config.ts';
import { ManualClock } from '#base/clock.ts';
import { configMaps } from './contract.ts';
import { unreachable } from './errors.ts';
import { Informer, type Change, type InformerOptions } from './informer.ts';
import { unlimited } from './rateLimit.ts';
import { Client } from './rest.ts';
import type { ApiResponse } from './transport.ts';
import { answer, FakeApi, type FakeApiOptions } from './testing/fakeApi.ts';
import { chance, recorder, turns, type Line } from './testing/kit.ts';

function setUp(t: TestContext | undefined, options: Partial<FakeApiOptions> = {}, more: Partial<InformerOptions<ConfigMap>> = {}) {
  const api = new FakeApi({ types: [configMaps], ...options });
  const clock = new ManualClock();
  const lines: Line[] = [];
  const client = new Client({ transport: api, clock, limiter: unlimited, userAgent: 'test' });
  const informer = new Informer({
    source: client.resource(configMaps),
    name: 'configmaps',
    clock,
    log: recorder(lines),
    random: () => 0.5,
    ...more,
  });
  const stop = new AbortController();
  const running = informer.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort(new Error('test is over'));
    await running;
  };
  t?.after(end);
  return { api, clock, lines, informer, end };
}

const map = (name: string, value = ''): ConfigMap => ({ metadata: { namespace: 'default', name }, data: { value } });
const put = (api: FakeApi, name: string, value = ''): void => api.put(configMaps, map(name, value));

/** Lets everything run that can; time moves only here. */
async function settle(clock: ManualClock, byMs = 0): Promise<void> {
  await turns();
  if (byMs > 0) await clock.advance(byMs);
  await turns();
}

const held = (informer: Informer<ConfigMap>): Record<string, string | undefined> =>
  Object.fromEntries([...informer.keys()].toSorted().map((key) => [key, informer.get(key)?.data?.['value']]));

test('an informer holds what there is and follows what happens', async (t) => {
  const { api, clock, informer, lines } = setUp(t);
  put(api, 'a', '1');
  assert.equal(informer.isSynced, false);
  await settle(clock);
  await informer.synced(t.signal);
  put(api, 'b', '1');
  put(api, 'a', '2');
  await settle(clock);
  assert.deepEqual(held(informer), { 'default/a': '2', 'default/b': '1' });
  api.remove(configMaps, 'default/a');
  await settle(clock);
  assert.deepEqual(held(informer), { 'default/b': '1' });
  assert.deepEqual(lines, []);
});

test('a server without streamed lists is asked for lists', async (t) => {
  const { api, clock, informer, lines } = setUp(t, { streamsLists: false });
  put(api, 'a');
  await settle(clock);
  assert.deepEqual(Object.keys(held(informer)), ['default/a']);
  assert.deepEqual(lines, []);
});

test('a server that does not know streamed lists and never ends one is asked for lists', async (t) => {
  const { api, clock, informer } = setUp(t);
  const streamed: string[] = [];
  api.intercept = ({ path, signal }) => {
    if (!path.includes('sendInitialEvents')) return undefined;
    streamed.push(path);
    return {
      status: 200,
      headers: {},
      body: (async function* () {
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
        yield Buffer.from('');
      })(),
    };
  };
  put(api, 'a');
  await settle(clock);
  assert.equal(informer.isSynced, false);
  await settle(clock, 15_000);
  assert.deepEqual(Object.keys(held(informer)), ['default/a']);
  assert.equal(streamed.length, 1);
});

test('after a lost connection the watch goes on where it was, without a new list', async (t) => {
  const { api, clock, informer } = setUp(t);
  await settle(clock);
  const asked: string[] = [];
  api.intercept = ({ path }) => void asked.push(path);
  put(api, 'a');
  await settle(clock);
  api.disconnect();
  put(api, 'b');
  await settle(clock, 1_000);
  assert.deepEqual(Object.keys(held(informer)), ['default/a', 'default/b']);
  assert.equal(asked.length, 1);
  assert.match(asked[0]!, /watch=true/);
  assert.doesNotMatch(asked[0]!, /sendInitialEvents/);
});

test('a bookmark moves the place to go on from, so that compaction does no harm', async (t) => {
  const { api, clock, informer, lines } = setUp(t);
  await settle(clock);
  put(api, 'a');
  for (let i = 0; i < 5; i++) api.remove(configMaps, 'default/none');
  put(api, 'a', '2');
  api.bookmark();
  api.compact();
  await settle(clock);
  const asked: string[] = [];
  api.intercept = ({ path }) => void asked.push(path);
  api.disconnect();
  put(api, 'a', '3');
  await settle(clock, 1_000);
  assert.deepEqual(held(informer), { 'default/a': '3' });
  assert.equal(asked.length, 1);
  assert.deepEqual(lines, []);
});

test('when the version is forgotten everything is read anew, and what went meanwhile is told as gone', async (t) => {
  const { api, clock, informer } = setUp(t);
  put(api, 'a');
  put(api, 'b');
  await settle(clock);
  const told: string[] = [];
  informer.onChange(
    ({ key, before, after }) => void told.push(`${key} ${before?.data?.['value'] ?? '-'}>${after?.data?.['value'] ?? '-'}`),
  );
  told.length = 0;
  api.disconnect();
  api.remove(configMaps, 'default/a');
  put(api, 'b', '2');
  put(api, 'c', '1');
  api.compact();
  await settle(clock, 2_000);
  await settle(clock, 2_000);
  assert.deepEqual(told.toSorted(), ['default/a >-', 'default/b >2', 'default/c ->1']);
});

test('a server that is away is asked less and less often, is warned of, and found again', async (t) => {
  const { api, clock, informer, lines } = setUp(t);
  await settle(clock);
  let asked = 0;
  api.intercept = () => {
    asked += 1;
    return answer(503, { kind: 'Status', reason: 'ServiceUnavailable', code: 503, message: 'going down' });
  };
  api.disconnect();
  for (let i = 0; i < 60; i++) await settle(clock, 1_000);
  assert.ok(asked >= 4 && asked <= 9, `asked ${asked} times in a minute`);
  assert.equal(lines.at(-1)?.message, 'Cannot follow the API server');
  put(api, 'a');
  api.intercept = undefined;
  for (let i = 0; i < 60; i++) await settle(clock, 1_000);
  assert.deepEqual(Object.keys(held(informer)), ['default/a']);
  assert.equal(lines.at(-1)?.message, 'Following the API server again');
});

test('where nobody is, somebody is looked for every few seconds, however long; who answers is then given time', async (t) => {
  const { api, clock, informer } = setUp(t);
  await settle(clock);
  let asked = 0;
  const refuse = (told: () => ApiResponse) => () => {
    asked += 1;
    return told();
  };
  api.intercept = refuse(() => {
    throw unreachable('https://server', new Error('connect ECONNREFUSED'));
  });
  api.disconnect();
  for (let i = 0; i < 600; i++) await settle(clock, 1_000);
  const away = asked;
  assert.ok(away >= 60 && away <= 110, `asked ${away} times in ten minutes`);
  put(api, 'a');
  api.intercept = refuse(() => answer(503, { kind: 'Status', reason: 'ServiceUnavailable', code: 503, message: 'not yet' }));
  for (let i = 0; i < 12; i++) await settle(clock, 1_000);
  assert.ok(asked > away + 1 && asked < away + 6, `asked ${asked - away} times in twelve seconds`);
  api.intercept = undefined;
  for (let i = 0; i < 20; i++) await settle(clock, 1_000);
  assert.deepEqual(Object.keys(held(informer)), ['default/a']);
});

test('a connection that says nothing is not trusted for ever, and that is no news', async (t) => {
  const { api, clock, informer, lines } = setUp(t);
  await settle(clock);
  let asked = 0;
  api.intercept = ({ path }) => {
    if (path.includes('watch=true')) asked += 1;
    return undefined;
  };
  await settle(clock, 180_000);
  await settle(clock, 2_000);
  assert.equal(asked, 1);
  put(api, 'a');
  await settle(clock, 2_000);
  assert.deepEqual(Object.keys(held(informer)), ['default/a']);
  assert.deepEqual(lines, []);
});

test('nonsense in a stream leads to a new list, not to a wrong state', async (t) => {
  const { api, clock, informer, lines } = setUp(t);
  put(api, 'a', '1');
  await settle(clock);
  let nonsense = true;
  api.intercept = ({ path }) => {
    if (!nonsense || path.includes('sendInitialEvents')) return undefined;
    nonsense = false;
    return {
      status: 200,
      headers: {},
      body: (async function* () {
        yield Buffer.from('{"type":"MODIFIED","object":{"metadata":{"name":"a"}}}\n');
      })(),
    };
  };
  api.disconnect();
  put(api, 'a', '2');
  for (let i = 0; i < 5; i++) await settle(clock, 2_000);
  assert.deepEqual(held(informer), { 'default/a': '2' });
  assert.equal(lines[0]?.message, 'Cannot follow the API server');
});

test('indexes find objects by what they hold', async (t) => {
  const { api, clock, informer } = setUp(t, {}, { indexes: { value: (o) => Object.values(o.data ?? {}) } });
  put(api, 'a', 'x');
  put(api, 'b', 'x');
  await settle(clock);
  const names = (value: string): string[] => informer.by('value', value).map((o) => o.metadata.name ?? '');
  assert.deepEqual(names('x').toSorted(), ['a', 'b']);
  put(api, 'a', 'y');
  api.remove(configMaps, 'default/b');
  await settle(clock);
  assert.deepEqual([names('x'), names('y')], [[], ['a']]);
  assert.throws(() => informer.by('nope', ''), /no index nope/);
});

test('a handler that throws is logged and told the next change; the others are told everything', async (t) => {
  const { api, clock, informer, lines } = setUp(t);
  const told: string[] = [];
  informer.onChange(({ key }) => {
    if (key === 'default/a') throw new Error('a bug');
    told.push(key);
  });
  put(api, 'a');
  put(api, 'b');
  await settle(clock);
  assert.deepEqual(told, ['default/b']);
  assert.deepEqual(
    lines.map(({ message, fields }) => [message, fields['key']]),
    [['Handler of an informer failed', 'default/a']],
  );
});

test('a transformation keeps only what is needed', async (t) => {
  const { api, clock, informer } = setUp(t, {}, { transform: ({ metadata }) => ({ metadata }) });
  put(api, 'a', '1');
  await settle(clock);
  assert.equal(informer.get('default/a')?.data, undefined);
});

type Step =
  | { readonly do: 'put'; readonly name: string }
  | { readonly do: 'remove'; readonly name: string }
  | { readonly do: 'disconnect'; readonly how: 'clean' | 'midLine' }
  | { readonly do: 'compact' | 'bookmark' | 'fail' | 'run' }
  | { readonly do: 'wait'; readonly ms: number };

const names = fc.constantFrom('a', 'b', 'c', 'd');
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('put' as const), name: names }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('remove' as const), name: names }) },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('disconnect' as const), how: fc.constantFrom('clean' as const, 'midLine' as const) }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constantFrom('compact' as const, 'bookmark' as const, 'fail' as const, 'run' as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 5_000 }) }) },
);

test('through any history of accidents the state ends equal to the server, and handlers are told an unbroken story', async () => {
  const met = { forgotten: 0, refused: 0, resumed: 0 };
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 10, maxLength: 60, size: 'max' }),
    fc.boolean(),
    fc.integer(),
    async (steps, streamsLists, seed) => {
      const random = chance(seed);
      const { api, clock, informer, lines, end } = setUp(undefined, { streamsLists, random });
      const story = new Map<string, string>();
      informer.onChange(({ key, before, after }: Change<ConfigMap>) => {
        const version = (o: ConfigMap | undefined): string => (o === undefined ? '-' : `${o.metadata.uid}@${o.metadata.resourceVersion}`);
        assert.equal(version(before), story.get(key) ?? '-', `the story of ${key} is broken`);
        assert.notEqual(version(before), version(after));
        const [was, is] = [before?.metadata, after?.metadata];
        if (was !== undefined && is !== undefined)
          assert.ok(Number(was.resourceVersion) < Number(is.resourceVersion), 'time ran backwards');
        if (after === undefined) story.delete(key);
        else story.set(key, version(after));
      });
      try {
        let failures = 0;
        api.intercept = ({ path }) => {
          if (path.includes('resourceVersion=')) met.resumed += 1;
          else if (informer.isSynced) met.forgotten += 1;
          if (failures === 0) return undefined;
          failures -= 1;
          met.refused += 1;
          if (random() < 0.5) throw new Error('connection refused');
          if (random() < 0.5) return answer(500, { kind: 'Status', reason: 'InternalError', code: 500, message: 'no' });
          return answer(410, { kind: 'Status', reason: 'Expired', code: 410, message: 'too old' });
        };
        for (const [i, s] of steps.entries()) {
          if (s.do === 'put') put(api, s.name, String(i));
          else if (s.do === 'remove') api.remove(configMaps, `default/${s.name}`);
          else if (s.do === 'disconnect') api.disconnect(s.how);
          else if (s.do === 'compact') api.compact();
          else if (s.do === 'bookmark') api.bookmark();
          else if (s.do === 'fail') failures += 1;
          else await settle(clock, s.do === 'wait' ? s.ms : 0);
        }
        failures = 0;
        for (let i = 0; i < 4; i++) await settle(clock, 61_000);
        const wanted = api.all(configMaps).map(({ metadata: m }) => `${m.name} ${m.uid}@${m.resourceVersion}`);
        const got = [...informer.values()].map(({ metadata: m }) => `${m.name} ${m.uid}@${m.resourceVersion}`);
        assert.deepEqual(got.toSorted(), wanted.toSorted());
        assert.deepEqual([...story.keys()].toSorted(), [...informer.keys()].toSorted());
        assert.deepEqual(
          lines.filter(({ level }) => level === 'error'),
          [],
        );
      } finally {
        await end();
      }
    },
  );
  await fc.assert(property, { numRuns: 150 });
  assert.ok(met.forgotten > 50 && met.refused > 100 && met.resumed > 200, JSON.stringify(met));
});
