import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lastDue, parseSchedule, zonedTime } from './schedule.ts';

const ms = (text: string): number => Date.parse(text);
const iso = (at: number | undefined): string | undefined => (at === undefined ? undefined : new Date(at).toISOString().slice(0, 16));

for (const [schedule, zone, after, next] of [
  ['*/15 * * * *', 'UTC', '2026-01-01T00:01:00Z', '2026-01-01T00:15'],
  ['0 3 * * mon-fri', 'UTC', '2026-01-02T04:00:00Z', '2026-01-05T03:00'],
  ['30 9 * * *', 'Asia/Seoul', '2026-01-01T00:00:00Z', '2026-01-01T00:30'],
  ['0 0 13 * 5', 'UTC', '2026-01-01T00:00:00Z', '2026-01-02T00:00'],
  ['0 0 13 * *', 'UTC', '2026-01-01T00:00:00Z', '2026-01-13T00:00'],
  ['0 0 ? * 5', 'UTC', '2026-01-03T00:00:00Z', '2026-01-09T00:00'],
  ['5/20 * * * *', 'UTC', '2026-01-01T00:06:00Z', '2026-01-01T00:25'],
  ['0 0 1 JAN *', 'UTC', '2026-02-01T00:00:00Z', '2027-01-01T00:00'],
  ['@hourly', 'UTC', '2026-01-01T00:00:00Z', '2026-01-01T01:00'],
  ['@weekly', 'UTC', '2026-01-01T00:00:00Z', '2026-01-04T00:00'],
  ['@every 90m', undefined, '2026-01-01T00:00:00Z', '2026-01-01T01:30'],
  ['0 0 30 2 *', 'UTC', '2026-01-01T00:00:00Z', undefined],
] as const)
  test(`${schedule} (${zone ?? 'any zone'}) after ${after}: ${next ?? 'never'}`, () =>
    assert.equal(iso(parseSchedule(schedule, zone).next(ms(after))), next));

test('a zone that nobody knows is refused', () => assert.throws(() => parseSchedule('@daily', 'Mars/Olympus').next(0)));

for (const [schedule, since, now, at, missed] of [
  ['*/10 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:09:00Z', undefined, 0],
  ['*/10 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:10:00Z', '2026-01-01T00:10', 1],
  ['*/10 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:35:00Z', '2026-01-01T00:30', 3],
  ['* * * * *', '2026-01-01T00:00:00Z', '2026-03-01T00:00:30Z', '2026-03-01T00:00', 84_960],
  ['0 9 * * mon-fri', '2026-01-01T00:00:00Z', '2026-01-04T12:00:00Z', '2026-01-02T09:00', 4],
] as const)
  test(`${schedule} from ${since} to ${now}: last due ${at ?? 'never'}`, () => {
    const due = lastDue(parseSchedule(schedule, 'UTC'), ms(since), ms(now));
    assert.equal(iso(due.atMs), at);
    assert.equal(due.missed, missed);
  });

test('times are written as the clocks of the zone show them', () => {
  const at = ms('2026-01-01T00:30:00Z');
  assert.equal(zonedTime(at, 'Asia/Seoul'), '2026-01-01T09:30:00+09:00');
  assert.equal(zonedTime(at, 'America/New_York'), '2025-12-31T19:30:00-05:00');
  assert.equal(zonedTime(at, 'UTC'), '2026-01-01T00:30:00Z');
});
