import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { until } from '#agent/test/harness/until.ts';
import { Authority } from '../../pki/issue.ts';
import { datesProblem, watchCertificateDates } from './certificateDates.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const nowMs = Date.parse('2026-06-01T00:00:00Z');
const pemOf = async (fromMs: number, toMs: number): Promise<string> =>
  (await Authority.make('x', { notBefore: new Date(nowMs + fromMs), notAfter: new Date(nowMs + toMs) })).pem.certificate;

for (const [name, fromMs, toMs, want] of [
  ['a year, half of it gone', -180 * DAY, 185 * DAY, undefined],
  ['a year, a week left', -358 * DAY, 7 * DAY, 'soon: it ends on 2026-06-08T00:00:00Z'],
  ['a day, an hour left', -23 * HOUR, HOUR, 'soon: it ends on 2026-06-01T01:00:00Z'],
  ['a day, half of it gone', -12 * HOUR, 12 * HOUR, undefined],
  ['over', -DAY, -HOUR, 'ended: it ended on 2026-05-31T23:00:00Z'],
  ['to come', HOUR, DAY, 'early: it begins on 2026-06-01T01:00:00Z: is the clock right?'],
] as const)
  test(`dates of a certificate: ${name}`, async () => {
    const problem = datesProblem(await pemOf(fromMs, toMs), nowMs);
    assert.equal(problem === undefined ? undefined : `${problem.kind}: ${problem.text}`, want);
  });

test('what is no certificate is nothing to tell of', () => assert.equal(datesProblem('-----BEGIN', nowMs), undefined));

test('it is told once for each state, and again when it came back', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-dates-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'a.crt');
  writeFileSync(file, await pemOf(-DAY, 3 * HOUR));
  const clock = new ManualClock(nowMs);
  const lines: string[] = [];
  const log = makeLogger({ write: (line) => lines.push(line), clock });
  const life = new AbortController();
  const running = watchCertificateDates({ files: [file, join(dir, 'missing.crt')], clock, log }, life.signal);
  const later = async (hours: number, count: number): Promise<void> => {
    for (let i = 0; i < hours; i++) {
      await until('it sleeps', () => clock.nextWakeMs !== undefined);
      await clock.advance(HOUR);
    }
    await until(`${count} lines`, () => lines.length === count);
  };
  await later(1, 1);
  assert.match(lines[0] ?? '', /^<4>A certificate of the server .* because="it ends on 2026-06-01T03:00:00Z" next="kijabi certs/);
  await later(3, 2);
  assert.match(lines[1] ?? '', /^<3>.*because="it ended on/);
  await later(2, 2);
  life.abort();
  await running;
});
