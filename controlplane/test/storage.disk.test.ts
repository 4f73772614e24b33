/** What needs a real disk's behaviour: one that is full, and the order in which an answer and its bytes reach it. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { execa } from 'execa';

const here = (name: string): string => new URL(name, import.meta.url).pathname;
const env = { NODE_COMPILE_CACHE: join(tmpdir(), 'kijabi-compile-cache') };
const root = process.getuid?.() === 0 ? undefined : 'needs root to mount a small file system';
const strace = existsSync('/usr/bin/strace') ? undefined : 'needs strace (apt install strace)';

async function scratch(t: TestContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-disk-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

for (const [how, minFreeBytes] of [
  ['stopped in good time', 2 * 1_024 * 1_024],
  ['run into', 0],
] as const) {
  test(
    `a full file system, ${how}: writes are refused, reads and deletes go on, and it recovers`,
    root === undefined ? {} : { skip: root },
    async (t) => {
      const dir = await scratch(t);
      const inside = `mount -t tmpfs -o size=16m tmpfs ${dir} && exec ${process.execPath} ${here('storage.disk.child.ts')} ${dir} ${minFreeBytes}`;
      const { stdout } = await execa('unshare', ['--mount', 'sh', '-c', inside], { env });
      const told = JSON.parse(stdout.split('\n').at(-1) ?? '') as Record<string, unknown> & {
        readonly message: string;
        readonly written: number;
      };
      const { message, written, revisionWhileFull, mixedCreate, ...rest } = told;
      // A lone small write may still fit where fifty did not.
      assert.match(String(mixedCreate), minFreeBytes > 0 ? /^STORE_FULL$/ : /^(STORE_FULL|done)$/);
      assert.deepEqual(rest, {
        refusals: ['STORE_FULL'],
        allReadWhileFull: true,
        mixedDeletes: Array.from({ length: 5 }, () => 'done'),
        afterSpace: ['done'],
        allReadAfterwards: true,
      });
      assert.match(message, /the file system is full; free some space/);
      assert.ok(written > 500 && Number(revisionWhileFull) > 500, `only ${written} entries fitted`);
    },
  );
}

test(
  'an answer comes after its bytes are on disk: data, fdatasync, then the page that makes them count, written through',
  strace === undefined ? {} : { skip: strace },
  async (t) => {
    const dir = await scratch(t);
    const log = join(dir, 'strace');
    const script = `
    import { writeSync } from 'node:fs';
    import { EmbeddedStore } from ${JSON.stringify(new URL('../apiserver/storage/embedded.ts', import.meta.url).href)};
    const store = await EmbeddedStore.open({ dir: ${JSON.stringify(join(dir, 'store'))} });
    for (let i = 0; i < 5; i++) {
      writeSync(1, 'ask\\n');
      await Promise.all([1, 2, 3].map((n) => store.transact([{ kind: 'create', key: '/registry/' + i + '/' + n, value: Buffer.alloc(5000, 'x') }])));
      writeSync(1, 'answer\\n');
    }
    await store.close();`;
    const calls = 'trace=openat,write,pwrite64,writev,pwritev,fdatasync,fsync,msync';
    await execa('strace', ['-f', '-o', log, '-e', calls, process.execPath, '--input-type=module', '-e', script], { env });
    const trace = (await readFile(log, 'utf8')).split('\n').filter((line) => !line.includes('unfinished'));
    const through = new Set(
      trace.flatMap(
        (line) => /data\.mdb", O_WRONLY\|O_DSYNC\S*, .*= (\d+)|data\.mdb", O_WRONLY\|O_DSYNC\S*\) += (\d+)/.exec(line)?.slice(1) ?? [],
      ),
    );
    let steps: string[] | undefined;
    let answers = 0;
    for (const line of trace) {
      if (line.includes('write(1, "ask')) steps = [];
      else if (line.includes('write(1, "answer')) {
        // The last sync stands after all data and before the last page written through.
        const sync = steps?.lastIndexOf('sync') ?? -1;
        assert.ok(sync > 0, `answered without a sync: ${steps?.join(' ')}`);
        assert.equal(steps?.at(-1), 'through');
        assert.ok(steps.slice(0, sync).includes('data'), 'nothing was written before the sync');
        assert.ok(!steps.slice(sync).includes('data'), 'data were written after the sync');
        answers += 1;
        steps = undefined;
      } else if (/f(data)?sync\(|fdatasync resumed/.test(line)) steps?.push('sync');
      else if (/ p?writev?(64)?(\(| resumed)/.test(line)) {
        const fd = /\((\d+),/.exec(line)?.[1] ?? '';
        if (through.has(fd)) steps?.push('through');
        else if (Number(/= (\d+)$/.exec(line)?.[1] ?? 0) >= 16_384) steps?.push('data');
      }
    }
    assert.equal(answers, 5);
  },
);
