/** Part of contract.ts: sandboxes, and what the runtime says of itself. */
import assert from 'node:assert/strict';
import { between, PROGRAMS, rejects, type Rules, until } from './contractWorld.ts';
import { nanosToMs } from './values.ts';

export const sandboxRules: Rules = {
  'says what it is and that it is ready': async (r) => {
    const version = await r.runtime.version({});
    assert.equal(version.runtime_api_version, 'v1');
    assert.notEqual(version.runtime_name, '');
    const { status } = await r.runtime.status({});
    const conditions = new Map(status?.conditions.map((c) => [c.type, c.status]));
    assert.deepEqual([conditions.get('RuntimeReady'), conditions.get('NetworkReady')], [true, true]);
  },

  'a sandbox is ready, then stopped, then gone; stopping and removing again is no error': async (r) => {
    const config = r.sandboxConfig({ labels: { a: '1', 'example.com/b': '' }, annotations: { note: 'ü "x"\n{}' } });
    const fromMs = Date.now();
    const { pod_sandbox_id: id } = await r.runtime.runPodSandbox({ config });
    const { status } = await r.runtime.podSandboxStatus({ pod_sandbox_id: id });
    assert.ok(status !== null);
    assert.equal(status.state, 'SANDBOX_READY');
    assert.deepEqual(status.metadata, config.metadata);
    assert.deepEqual(status.labels, config.labels);
    assert.deepEqual(status.annotations, config.annotations);
    assert.match(status.network?.ip ?? '', /^\d+\.\d+\.\d+\.\d+$/);
    between(nanosToMs(status.created_at), fromMs, Date.now());
    const listed = (await r.runtime.listPodSandbox({ filter: { id } })).items;
    assert.deepEqual(
      listed.map((s) => [s.id, s.state, s.created_at, s.labels, s.annotations]),
      [[id, 'SANDBOX_READY', status.created_at, config.labels, config.annotations]],
    );

    await r.runtime.stopPodSandbox({ pod_sandbox_id: id });
    await r.runtime.stopPodSandbox({ pod_sandbox_id: id });
    const stopped = (await r.runtime.podSandboxStatus({ pod_sandbox_id: id })).status;
    assert.equal(stopped?.state, 'SANDBOX_NOTREADY');
    assert.equal(stopped?.network?.ip, '');

    await r.runtime.removePodSandbox({ pod_sandbox_id: id });
    await r.runtime.removePodSandbox({ pod_sandbox_id: id });
    await rejects(r.runtime.podSandboxStatus({ pod_sandbox_id: id }), 'CRI_NOT_FOUND');
    assert.deepEqual((await r.runtime.listPodSandbox({ filter: { id } })).items, []);
  },

  'a sandbox in the network of the node has no address of its own': async (r) => {
    const id = await r.sandbox({ hostNetwork: true });
    assert.equal((await r.runtime.podSandboxStatus({ pod_sandbox_id: id })).status?.network?.ip ?? '', '');
  },

  'one name is taken once; the next attempt has another name': async (r) => {
    const config = r.sandboxConfig();
    const first = await r.runtime.runPodSandbox({ config });
    await rejects(r.runtime.runPodSandbox({ config }), 'CRI_FAILED', /reserved/);
    await r.runtime.stopPodSandbox(first);
    const second = await r.runtime.runPodSandbox({ config: { ...config, metadata: { ...config.metadata, attempt: 1 } } });
    const { status } = await r.runtime.podSandboxStatus(second);
    assert.equal(status?.metadata?.attempt, 1);
    assert.notEqual(first.pod_sandbox_id, second.pod_sandbox_id);
  },

  'stopping a sandbox kills its containers, removing it removes them': async (r) => {
    const sandbox = await r.sandbox();
    const id = await r.started(sandbox, PROGRAMS.runs);
    await r.runtime.stopPodSandbox({ pod_sandbox_id: sandbox });
    const status = await r.status(id);
    assert.deepEqual([status.state, status.exit_code], ['CONTAINER_EXITED', 137]);
    await rejects(r.created(sandbox, PROGRAMS.runs, { metadata: { name: 'late' } }), 'CRI_NOT_FOUND', /no running task/);
    await r.runtime.removePodSandbox({ pod_sandbox_id: sandbox });
    await rejects(r.status(id), 'CRI_NOT_FOUND');
  },

  'removing a sandbox that is ready ends it and what runs in it': async (r) => {
    const sandbox = await r.sandbox();
    const id = await r.started(sandbox, PROGRAMS.runs);
    await r.runtime.removePodSandbox({ pod_sandbox_id: sandbox });
    await rejects(r.status(id), 'CRI_NOT_FOUND');
    await rejects(r.runtime.podSandboxStatus({ pod_sandbox_id: sandbox }), 'CRI_NOT_FOUND');
  },

  'a sandbox whose own process dies is not ready; its containers and its address stay until it is stopped': async (r) => {
    const sandbox = await r.sandbox();
    const own = { linux: { security_context: { namespace_options: { pid: 'CONTAINER' } } } } as const;
    const id = await r.started(sandbox, PROGRAMS.runs, own);
    await r.host.kill('sandbox', sandbox);
    const state = async () => (await r.runtime.podSandboxStatus({ pod_sandbox_id: sandbox })).status;
    await until('the sandbox to be seen dead', async () => (await state())?.state === 'SANDBOX_NOTREADY');
    assert.notEqual((await state())?.network?.ip, '');
    assert.equal((await r.status(id)).state, 'CONTAINER_RUNNING');
    await r.runtime.stopPodSandbox({ pod_sandbox_id: sandbox });
    assert.equal((await r.status(id)).state, 'CONTAINER_EXITED');
    assert.equal((await state())?.network?.ip, '');
  },
};
