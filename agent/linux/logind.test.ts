import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseShutdown } from './logind.ts';

/** What busctl of systemd 252 and 257 writes of one signal. */
const told = (
  begins: boolean,
): string => `‣ Type=signal  Endian=l  Flags=1  Version=1 Cookie=2  Timestamp="Thu 2026-11-26 11:38:45.245879 UTC"
  Sender=:1.6  Path=/org/freedesktop/login1  Interface=org.freedesktop.login1.Manager  Member=PrepareForShutdown
  UniqueName=:1.6
  MESSAGE "b" {
          BOOLEAN ${begins};
  };
`;

for (const [name, text, want] of [
  ['a shutdown begins', told(true), [true]],
  ['it is called off', told(false), [false]],
  ['both', told(true) + told(false), [true, false]],
  ['what busctl says first', 'Monitoring bus message stream.', []],
  ['another argument', '          STRING "BOOLEAN true;";', []],
] as const)
  test(`parseShutdown: ${name}`, () => {
    const found = text.split('\n').map(parseShutdown);
    assert.deepEqual(
      found.filter((begins) => begins !== undefined),
      want,
    );
  });
