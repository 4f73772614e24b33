import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lease } from '#api/kinds/coordination/v1.ts';
import { ManualClock } from '#base/clock.ts';
import { leases } from '#client/leaderElection.ts';
import { unlimited } from '#client/rateLimit.ts';
import { Client } from '#client/rest.ts';
import { answer, FakeApi } from '#client/testing/fakeApi.ts';
import { recorder, turns } from '#client/testing/kit.ts';
import { NODES, PODS } from '../component/kinds.ts';
import { DEFAULT_ROOM, nodeName } from './objects.ts';
import { Simulation } from './simulation.ts';

function setUp(count: number) {
  const api = new FakeApi({ types: [NODES, PODS, leases] });
  const clock = new ManualClock(1_700_000_000_000);
  const client = new Client({ transport: api, clock, limiter: unlimited, userAgent: 'test' });
  const shape = { prefix: 'sim-', count, room: DEFAULT_ROOM, zones: 3, labels: {}, taints: [] };
  const options = { client, clock, log: recorder([]), random: () => 0.5, shape, startDelayMs: [1, 1] as const, stopDelayMs: 1 };
  return { api, clock, shape, simulation: new Simulation(options), stop: new AbortController() };
}

test('when one node cannot be made no others begin, and nothing is under way when that is thrown', async () => {
  const { api, simulation, stop } = setUp(500);
  let created = 0;
  api.intercept = ({ method, path }) => {
    if (method !== 'POST' || !path.startsWith('/api/v1/nodes')) return undefined;
    created += 1;
    return created === 40 ? answer(403, { kind: 'Status', reason: 'Forbidden', code: 403, message: 'enough' }) : undefined;
  };
  await assert.rejects(simulation.make(stop.signal), { code: 'Forbidden' });
  const begun = created;
  assert.ok(begun >= 40 && begun < 40 + 32, `${begun} were begun`);
  assert.equal(api.all(leases).length, begun - 1);
  await turns(50);
  assert.equal(created, begun);
  assert.equal((await simulation.remove(stop.signal)).nodes, begun - 1);
  assert.deepEqual([api.all(NODES), api.all(leases)], [[], []]);
});

test('leases are renewed every ten seconds however much pods have to say, and however long the requests take', async () => {
  const { api, clock, shape, simulation, stop } = setUp(100);
  await simulation.make(stop.signal);
  const held = Promise.withResolvers<undefined>();
  let waiting = 0;
  api.intercept = async ({ path }) => {
    if (path.includes('/pods/')) {
      waiting += 1;
      return held.promise.then(() => answer(404, { kind: 'Status', reason: 'NotFound', code: 404 }));
    }
    if (path.includes('/leases/')) await clock.sleep(90, stop.signal);
    return undefined;
  };
  for (let i = 0; i < 100; i++) {
    const metadata = { namespace: 'default', name: `p${i}`, uid: `uid-p${i}` };
    api.put(PODS, { metadata, spec: { nodeName: nodeName(shape, i), containers: [{ name: 'c', image: 'app' }] } } as never);
  }
  const running = simulation.run(stop.signal);
  for (let i = 0; i < 2_000; i++) {
    await turns(2);
    await clock.advance(10);
  }
  assert.equal(waiting, 32);
  const renewed = (api.all(leases) as unknown as Lease[]).map(({ spec }) => clock.nowMs() - Date.parse(spec.renewTime ?? ''));
  assert.equal(renewed.length, 100);
  assert.ok(Math.max(...renewed) <= 10_500, `the oldest is ${Math.max(...renewed)} ms old`);
  stop.abort(new Error('the test is over'));
  held.resolve(undefined);
  await running;
});
