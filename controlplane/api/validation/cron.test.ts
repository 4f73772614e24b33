import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDuration } from '#api/formats.ts';
import { scheduleProblem } from './cron.ts';

const notANumber = (text: string): string =>
  `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`;

const ROWS: readonly (readonly [schedule: string, problem?: string])[] = [
  ['* * * * *'],
  ['*/5 0-23/2 1,15 jan-MAR mon'],
  ['  0   0 ? 12  6 '],
  ['5/15 * * * *'],
  ['@daily'],
  ['@every 1h30m'],
  ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
  ['* * * * * *', 'expected exactly 5 fields, found 6: [* * * * * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* 24 * * *', 'end of range (24) above maximum (23): 24'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['* * * 13 *', 'end of range (13) above maximum (12): 13'],
  ['* * * * 7', 'end of range (7) above maximum (6): 7'],
  ['5-2 * * * *', 'beginning of range (5) beyond end of range (2): 5-2'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
  ['*/2/3 * * * *', 'too many slashes: */2/3'],
  ['x * * * *', notANumber('x')],
  ['* * * monday *', notANumber('monday')],
  ['@often', 'unrecognized descriptor: @often'],
  ['@every soon', 'failed to parse duration @every soon: time: invalid duration "soon"'],
];

for (const [schedule, problem] of ROWS) {
  test(`schedule ${JSON.stringify(schedule)}: ${problem ?? 'fine'}`, () => assert.equal(scheduleProblem(schedule, isDuration), problem));
}
