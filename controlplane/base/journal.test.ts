import assert from 'node:assert/strict';
import { closeSync, fstatSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { dlopen } from 'node:ffi';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fieldName, journalEntry, openJournal } from './journal.ts';

test('journalEntry: the line, its level and every field', () => {
  const entry = journalEntry(4, 'Pod is waiting pod=default/web', 'kubelet', {
    pod: 'default/web',
    lookAgainInMs: 10,
    code: undefined,
    list: [1],
  });
  assert.equal(
    entry.toString(),
    'MESSAGE=Pod is waiting pod=default/web\nPRIORITY=4\nSYSLOG_IDENTIFIER=kubelet\nPOD=default/web\nLOOK_AGAIN_IN_MS=10\nLIST=[1]\n',
  );
});

test('journalEntry: a value of several lines goes behind its length, and cannot add a field of its own', () => {
  const entry = journalEntry(6, 'm', 'kubelet', { err: 'a\nPRIORITY=0' });
  const at = entry.indexOf('ERR\n') + 4;
  assert.equal(entry.readBigUInt64LE(at), 12n);
  assert.equal(entry.subarray(at + 8).toString(), 'a\nPRIORITY=0\n');
});

for (const [key, name] of [
  ['pod', 'POD'],
  ['tookMs', 'TOOK_MS'],
  ['exitCode', 'EXIT_CODE'],
  ['message', undefined],
  ['priority', undefined],
  ['_pid', undefined],
  ['9a', undefined],
  ['a=b', undefined],
  ['a\nB', undefined],
  ['x'.repeat(65), undefined],
] as const)
  test(`fieldName: ${JSON.stringify(key)} is ${name}`, () => assert.equal(fieldName(key), name));

const { functions: libc } = dlopen(null, {
  socket: { arguments: ['i32', 'i32', 'i32'], return: 'i32' },
  bind: { arguments: ['i32', 'buffer', 'u32'], return: 'i32' },
  recv: { arguments: ['i32', 'buffer', 'u64', 'i32'], return: 'i64' },
  close: { arguments: ['i32'], return: 'i32' },
});

test('openJournal: what is sent arrives; without a listener it is not taken; on another stderr there is none', () => {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-journal-'));
  const path = join(dir, 'socket');
  const stderr = openSync('/dev/null', 'w');
  const { dev, ino } = fstatSync(stderr);
  const name = Buffer.from(`\x01\0${path}`);
  const fd = libc.socket(1, 2, 0);
  try {
    const send = openJournal({ JOURNAL_STREAM: `${dev}:${ino}` }, path, stderr);
    assert.equal(send?.(Buffer.from('MESSAGE=lost\n')), false);
    assert.equal(libc.bind(fd, name, name.length), 0);
    assert.equal(send?.(Buffer.from('MESSAGE=here\n')), true);
    const into = Buffer.alloc(100);
    const got = Number(libc.recv(fd, into, BigInt(into.length), 0x40));
    assert.equal(into.subarray(0, got).toString(), 'MESSAGE=here\n');
    assert.equal(send?.(Buffer.alloc(64 << 20)), false, 'too large for a datagram');
    assert.equal(openJournal({ JOURNAL_STREAM: '1:1' }, path, stderr), undefined);
    assert.equal(openJournal({}, path, stderr), undefined);
  } finally {
    libc.close(fd);
    closeSync(stderr);
    rmSync(dir, { recursive: true });
  }
});
