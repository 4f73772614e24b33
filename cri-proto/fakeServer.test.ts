import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SystemClock } from '#base/clock.ts';
import { CriClient } from './client.ts';
import { type ContractRuntime, EXECS, PROGRAMS, testCriContract } from './contract.ts';
import type { Program } from './fakeRuntime.ts';
import { startFakeRuntime } from './fakeServer.ts';

const SCRIPTS: readonly (readonly [command: readonly string[], program: Program])[] = [
  [PROGRAMS.runs, {}],
  [PROGRAMS.exits3, { exits: 3 }],
  [PROGRAMS.exits0, { exits: 0 }],
  [PROGRAMS.eats, { exits: 137, reason: 'OOMKilled' }],
  [PROGRAMS.isMissing, { failsToStart: 'exec: "/no/such/program": stat /no/such/program: no such file or directory: unknown' }],
  [PROGRAMS.prints, { prints: ['one', 'two'] }],
  [PROGRAMS.endsWell, { prints: ['ready'], onStop: 5 }],
  [PROGRAMS.ignoresTerm, { prints: ['ready'], onStop: 'ignores' }],
];
const same = (a: readonly string[], b: readonly string[]): boolean => JSON.stringify(a) === JSON.stringify(b);

for (const events of ['containerd', 'cri'] as const) {
  testCriContract(`fake runtime with ${events} events`, async (): Promise<ContractRuntime> => {
    const dir = mkdtempSync(join(tmpdir(), 'kijabi-cri-'));
    const clock = new SystemClock();
    const fake = await startFakeRuntime({ socketPath: join(dir, 'fake.sock'), clock, events });
    const image = 'docker.io/library/busybox:test';
    const pullable = 'registry.example/pulled:1';
    fake.addImage(image);
    fake.offerImage(pullable);
    fake.program = ({ command }) => {
      const script = SCRIPTS.find(([known]) => same(known, command));
      assert.ok(script !== undefined, `no script for ${JSON.stringify(command)}`);
      return script[1];
    };
    fake.exec = (_container, cmd) => {
      if (same(cmd, EXECS.hangs)) return 'hangs';
      return same(cmd, EXECS.speaks) ? { stdout: 'out\n', stderr: 'err\n', exitCode: 7 } : undefined;
    };
    const client = new CriClient({ endpoint: fake.endpoint, clock });
    const kill = async (kind: 'container' | 'sandbox', id: string): Promise<void> => {
      if (kind === 'container') fake.exitContainer(id, 137);
      else fake.killSandbox(id);
    };
    const close = async (): Promise<void> => {
      client.close();
      fake.close();
      rmSync(dir, { recursive: true, force: true });
      assert.deepEqual(fake.unexpected, []);
    };
    return {
      client,
      cgroupRoot: '/contract',
      logRoot: join(dir, 'logs'),
      image,
      pullable,
      missing: 'localhost:1/nothing/here:1',
      kill,
      close,
    };
  });
}
