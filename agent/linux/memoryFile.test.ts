import assert from 'node:assert/strict';
import { test } from 'node:test';
import { execa } from 'execa';
import { memoryFile, textOf } from './memoryFile.ts';

test('memoryFile: a program reads all of it, however it was put together, and another writes it', async () => {
  const parts = [Buffer.from('a\n'), Buffer.alloc(300_000, 'x'), Buffer.from('\nend\n')];
  for (const content of [parts, Buffer.concat(parts), textOf(parts)]) {
    const [given, printed] = [memoryFile(content), memoryFile()];
    const child = execa('cat', [], { stdin: given.fd, stdout: printed.fd });
    given.close();
    await child;
    assert.equal(printed.bytes, 300_007);
    assert.equal(printed.text(), textOf(parts));
    printed.close();
  }
});
