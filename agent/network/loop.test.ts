import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Backoff } from '#base/backoff.ts';
import { ManualClock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import { makeLogger } from '#base/log.ts';
import { runLoop } from '#base/reconcile.ts';
import { WorkQueue } from '#base/workqueue.ts';
import { networkLoop } from './loop.ts';
import type { Action, Wanted } from './plan.ts';

const [GOOD, BAD] = [
  { to: '10.244.1.0/24', via: '192.0.2.2' },
  { to: '10.244.2.0/24', via: '198.51.100.9' },
];
const WANTED: Wanted = { podSubnets: ['10.244.0.0/24'], nodeIps: [], routes: [GOOD, BAD], rules: 'rules', problems: [] };

interface Lab {
  readonly done: readonly string[];
  readonly lines: readonly string[];
  readonly ready: number;
}

/** What was done of a world that fails as it is told, after so many milliseconds. */
async function after(ms: readonly number[], fails: (action: Action) => Error | undefined): Promise<Lab> {
  const clock = new ManualClock();
  const lines: string[] = [];
  const log = makeLogger({ write: (line) => lines.push(line), clock });
  const queue = new WorkQueue(clock);
  const stop = new AbortController();
  const done: string[] = [];
  const now: { cni?: string; routes: Wanted['routes'] } = { routes: [] };
  let ready = 0;
  const loop = networkLoop('network', {
    wanted: () => WANTED,
    observe: async (rules) => ({ cni: now.cni, wantedCni: () => 'cni', routes: now.routes, rules, forwardingOff: [] }),
    async act(action) {
      done.push(action.kind);
      if (action.kind === 'changeRoutes') now.routes = [...now.routes, ...action.set.filter((route) => route !== BAD)];
      const err = fails(action);
      if (err !== undefined) throw err;
      if (action.kind === 'writeCni') now.cni = action.text;
    },
    onReady: () => void ready++,
  });
  const ended = runLoop(loop, { queue, clock, log, backoff: new Backoff(200, 30_000) }, stop.signal);
  queue.add('network');
  for (const one of ms) await clock.advance(one);
  stop.abort();
  await ended;
  return { done, lines, ready };
}

const refuse = (action: Action): Error | undefined =>
  action.kind === 'changeRoutes' ? new AppError('ROUTES_FAILED', 'The kernel refused one', { refused: 1 }) : undefined;

test('one neighbour that cannot be reached: pods get their network, the node is ready, and the route is told and tried again', async () => {
  const { done, lines, ready } = await after([0, 200], refuse);
  assert.deepEqual(done, ['writeRules', 'changeRoutes', 'writeCni', 'changeRoutes']);
  assert.equal(ready, 2);
  assert.equal(lines.length, 1, 'the second one is folded');
  assert.match(lines[0] ?? '', /^<4>Reconcile failed loop=network key=network step=changeRoutes retryInMs=200 .*code=ROUTES_FAILED$/);
});

test('anything else that fails ends the turn: no pod starts before what it needs is there', async () => {
  const { done, ready } = await after([0], ({ kind }) => (kind === 'writeRules' ? new AppError('EXEC_FAILED', 'no nft') : undefined));
  assert.deepEqual(done, ['writeRules']);
  assert.equal(ready, 0);
});
