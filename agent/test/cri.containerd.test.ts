/** The real containerd against the contract of the CRI, and what only a real one can show. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { CriClient } from '#cri/client.ts';
import { type ContractRuntime, testCriContract } from '#cri/contract.ts';
import { missing, startContainerd } from './harness/containerd.ts';
import { BUSYBOX_IMAGE, busyboxImage } from './harness/ociImage.ts';
import { startRegistry } from './harness/registry.ts';

const skip = missing();
const clock = new SystemClock();

if (skip === undefined) testCriContract('containerd', openContainerd);
else test('CRI contract: containerd', { skip }, () => undefined);

async function openContainerd(): Promise<ContractRuntime> {
  const ctd = await startContainerd();
  // Not the same image under another name: removing it must not take the other away.
  const pulled = { ...busyboxImage(), config: { Env: ['PATH=/bin', 'PULLED=yes'] } };
  const registry = await startRegistry(ctd, pulled);
  const client = new CriClient({ endpoint: ctd.endpoint, clock });
  const logRoot = join(ctd.dir, 'logs');
  mkdirSync(logRoot);
  const close = async (): Promise<void> => {
    client.close();
    await registry.stop();
    await ctd.stop();
  };
  const kill = async (kind: 'container' | 'sandbox', id: string): Promise<void> => {
    const answer =
      kind === 'container'
        ? client.runtime.containerStatus({ container_id: id, verbose: true })
        : client.runtime.podSandboxStatus({ pod_sandbox_id: id, verbose: true });
    const { pid } = JSON.parse((await answer).info['info'] ?? '{}') as { pid: number };
    process.kill(pid, 'SIGKILL');
  };
  const pullable = `${registry.host}/test/pulled:1`;
  return {
    client,
    cgroupRoot: ctd.cgroupRoot,
    logRoot,
    image: BUSYBOX_IMAGE,
    pullable,
    missing: 'localhost:1/nothing/here:1',
    kill,
    close,
  };
}

test('a killed containerd is noticed once, and found again once it is back', { skip: skip ?? false }, async (t) => {
  const ctd = await startContainerd({ images: 'none' });
  t.after(() => ctd.stop());
  const states: boolean[] = [];
  const client = new CriClient({ endpoint: ctd.endpoint, clock, onStateChange: (up) => states.push(up) });
  t.after(() => client.close());
  await client.waitReady(t.signal);
  const events = (async () => {
    for await (const event of client.containerdEvents([], t.signal)) assert.fail(`nothing runs, but: ${event.kind}`);
  })();
  events.catch(() => undefined);
  await ctd.kill();
  await assert.rejects(events, (err) => codeOf(err) === 'CRI_UNAVAILABLE');
  await assert.rejects(client.runtime.version({}), (err) => codeOf(err) === 'CRI_UNAVAILABLE');
  await ctd.start();
  await client.waitReady(t.signal);
  assert.equal((await client.runtime.version({})).runtime_name, 'containerd');
  assert.deepEqual(states, [true, false, true]);
});

test('a containerd with its CRI plugin switched off answers, and the message says where to look', { skip: skip ?? false }, async (t) => {
  const ctd = await startContainerd({ images: 'none', cri: 'off' });
  t.after(() => ctd.stop());
  const client = new CriClient({ endpoint: ctd.endpoint, clock });
  t.after(() => client.close());
  await client.waitReady(t.signal);
  await assert.rejects(client.runtime.version({}), (err) => codeOf(err) === 'CRI_UNIMPLEMENTED' && /disabled_plugins/.test(String(err)));
});
