import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { bootId, identify } from '../linux/proc.ts';
import { ownerRuns, readState, runningProcesses, StateFile, writeState, type NodeState } from './state.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kijabi-state-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const self = identify(process.pid);
const STATE: NodeState = {
  version: 1,
  name: 'n1',
  nodeName: 'worker',
  bootId: bootId(),
  startedAtMs: 1,
  owner: self,
  processes: {},
  manifestsDir: '/m',
  servicesDir: '/s',
  podSubnet: '10.244.0.0/24',
  madeDirectories: [],
};

test('what is written is read, by root alone, with nothing left beside it', () => {
  const path = join(directory, 'below', 'state.json');
  writeState(path, STATE);
  assert.deepEqual(readState(path), STATE);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.deepEqual(readdirSync(join(directory, 'below')), ['state.json']);
});

test('nothing there is no state; what is not ours is an error that says what to do', () => {
  assert.equal(readState(join(directory, 'none.json')), undefined);
  const path = join(directory, 'state.json');
  for (const text of ['', '{', '[]', 'null', '{"version":2,"name":"n1","owner":{"pid":1}}', '{"version":1,"name":"n1"}']) {
    writeFileSync(path, text);
    assert.throws(() => readState(path), { code: 'STATE_UNREADABLE', message: /kijabi down/ }, text);
  }
});

test('StateFile: a process is on disk when record returns, and the others stay', () => {
  const path = join(directory, 'state.json');
  const file = new StateFile(path, STATE);
  file.record('containerd', self);
  file.record('kubelet', { pid: 4242, startTicks: 1 });
  assert.deepEqual(readState(path)?.processes, { containerd: self, kubelet: { pid: 4242, startTicks: 1 } });
});

const processes = { containerd: self, kubelet: { ...self, startTicks: self.startTicks + 1 } };
test('runningProcesses: neither one that ended nor one whose id another has now', () => {
  assert.deepEqual(runningProcesses({ ...STATE, processes }), [['containerd', self]]);
});

test('after another boot nothing of it runs, whatever the ids say', () => {
  const before = { ...STATE, bootId: 'another', processes };
  assert.deepEqual(runningProcesses(before), []);
  assert.equal(ownerRuns(before), false);
  assert.equal(ownerRuns(STATE), true);
});
