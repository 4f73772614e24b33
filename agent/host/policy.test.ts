import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { run } from '../linux/exec.ts';
import { identify, type ProcessId } from '../linux/proc.ts';
import { policyScript } from './policy.ts';

let directory: string;
before(() => {
  directory = mkdtempSync(join(tmpdir(), 'kijabi-policy-test-'));
  writeFileSync(join(directory, 'systemctl'), '#!/bin/sh\n[ "$3" = running.service ]\n', { mode: 0o755 });
});
after(() => rmSync(directory, { recursive: true }));

const self = identify(process.pid);
const gone: ProcessId = { pid: self.pid, startTicks: self.startTicks + 1 };

async function ask(script: string, ...args: string[]): Promise<number> {
  const path = join(directory, 'policy');
  writeFileSync(path, script, { mode: 0o755 });
  const env = { PATH: `${directory}:${process.env['PATH']}` };
  return (await run([path, ...args], { okCodes: [101, 104], env })).exitCode;
}

const rows: [why: string, installer: ProcessId, args: string[], code: number][] = [
  ['a new service is not started', self, ['new.service', 'start'], 101],
  ['nor by the word that starts it if it runs not', self, ['new.service', 'restart'], 101],
  ['an upgrade restarts what runs', self, ['running.service', 'restart'], 0],
  ['stopping is none of our business', self, ['new.service', 'stop'], 0],
  ['it is void once the installer is gone', gone, ['new.service', 'start'], 0],
];
for (const [why, installer, args, code] of rows) {
  test(`policy: ${why}`, async () => {
    assert.equal(await ask(policyScript(installer), ...args), code);
    assert.equal(existsSync(join(directory, 'policy')), installer === self, 'a void one removes itself, another one stays');
  });
}

test("policy: the machine's own is asked first, and its answer counts", async () => {
  const theirs = join(directory, 'theirs');
  writeFileSync(theirs, `#!/bin/sh\necho "$@" > ${directory}/asked\nexit 104\n`, { mode: 0o755 });
  assert.equal(await ask(policyScript(self, theirs), 'running.service', 'start', '2'), 104);
  assert.equal(readFileSync(join(directory, 'asked'), 'utf8'), 'running.service start 2\n');
});
