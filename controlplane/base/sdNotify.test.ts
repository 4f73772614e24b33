import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { dlopen } from 'node:ffi';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openNotifier } from './sdNotify.ts';

const { functions: libc } = dlopen(null, {
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  bind: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
  recv: { arguments: ['i32', 'buffer', 'u64', 'i32'], return: 'i64' },
  close: { arguments: ['i32'], return: 'i32' },
});
const MSG_DONTWAIT = 0x40;

for (const kind of ['file', 'abstract']) {
  test(`openNotifier: systemd receives what is sent, over a socket with a name of kind ${kind}`, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kijabi-notify-'));
    const path = kind === 'file' ? join(dir, 'notify') : `@${dir}`;
    const name = Buffer.from(`\x01\0${path.replace(/^@/, '\0')}`);
    const fd = libc.socket(1, 2, 0);
    try {
      assert.equal(libc.bind(fd, name, name.length), 0);
      const failures: unknown[] = [];
      const notify = await openNotifier({ NOTIFY_SOCKET: path, WATCHDOG_USEC: '3000000', WATCHDOG_PID: '42' }, 42, (err) =>
        failures.push(err),
      );
      notify.send({ READY: 1, STATUS: '12 pods\nrunning' });
      const into = Buffer.alloc(200);
      const got = Number(libc.recv(fd, into, BigInt(into.length), MSG_DONTWAIT));
      assert.equal(into.subarray(0, got).toString(), 'READY=1\nSTATUS=12 pods running');
      assert.equal(notify.watchdogMs, 1500);
      assert.deepEqual(failures, []);
    } finally {
      libc.close(fd);
      rmSync(dir, { recursive: true });
    }
  });
}

test('openNotifier: a socket nobody listens on is an error for onError only', async () => {
  const failures: unknown[] = [];
  const notify = await openNotifier({ NOTIFY_SOCKET: '/nowhere/at/all' }, 42, (err) => failures.push(err));
  notify.send({ READY: 1 });
  assert.equal(failures.length, 1);
});

test('openNotifier: a watchdog meant for another process is not ours to feed', async () => {
  const notify = await openNotifier({ NOTIFY_SOCKET: '@x', WATCHDOG_USEC: '3000000', WATCHDOG_PID: '41' }, 42, () => undefined);
  assert.equal(notify.watchdogMs, undefined);
});
