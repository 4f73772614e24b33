/** Part of contract.ts: the life of a container, its states and what is remembered of it. */
import assert from 'node:assert/strict';
import { between, PROGRAMS, rejects, type Rules, until } from './contractWorld.ts';
import { nanosToMs } from './values.ts';

export const containerRules: Rules = {
  'a container is created, runs, is stopped, is gone; stopping and removing again is no error': async (r) => {
    const sandbox = await r.sandbox();
    const id = await r.created(sandbox, PROGRAMS.endsWell);
    const created = await r.status(id);
    assert.deepEqual([created.state, created.started_at, created.finished_at], ['CONTAINER_CREATED', '0', '0']);

    await r.runtime.startContainer({ container_id: id });
    const running = await r.status(id);
    assert.deepEqual([running.state, running.finished_at, running.exit_code], ['CONTAINER_RUNNING', '0', 0]);
    assert.ok(BigInt(running.started_at) >= BigInt(running.created_at));
    await r.prints(running, 'ready');

    await r.runtime.stopContainer({ container_id: id, timeout: 30 });
    const exited = await r.status(id);
    assert.deepEqual([exited.state, exited.exit_code, exited.reason], ['CONTAINER_EXITED', 5, 'Error']);
    assert.ok(BigInt(exited.finished_at) >= BigInt(exited.started_at));
    assert.deepEqual([exited.started_at, exited.created_at], [running.started_at, created.created_at]);
    between(nanosToMs(exited.finished_at), nanosToMs(created.created_at) ?? NaN, Date.now());
    await r.runtime.stopContainer({ container_id: id, timeout: 30 });

    await r.runtime.removeContainer({ container_id: id });
    await r.runtime.removeContainer({ container_id: id });
    await rejects(r.status(id), 'CRI_NOT_FOUND');
  },

  'a stop without time kills; one that is not heeded kills when its time is up': async (r) => {
    const sandbox = await r.sandbox();
    const now = await r.started(sandbox, PROGRAMS.ignoresTerm, { metadata: { name: 'now' } });
    const later = await r.started(sandbox, PROGRAMS.ignoresTerm, { metadata: { name: 'later' } });
    await r.prints(await r.status(later), 'ready');
    await r.runtime.stopContainer({ container_id: now, timeout: 0 });
    await r.runtime.stopContainer({ container_id: later, timeout: 1 });
    const [first, second] = [await r.status(now), await r.status(later)];
    assert.deepEqual([first.exit_code, second.exit_code], [137, 137]);
    assert.ok(BigInt(second.finished_at) - BigInt(first.finished_at) >= 1_000_000_000n, 'it had its second');
  },

  'exit codes come through, with a word': async (r) => {
    const sandbox = await r.sandbox();
    const bad = await r.exited(await r.started(sandbox, PROGRAMS.exits3, { metadata: { name: 'bad' } }));
    const good = await r.exited(await r.started(sandbox, PROGRAMS.exits0, { metadata: { name: 'good' } }));
    assert.deepEqual([bad.exit_code, bad.reason, good.exit_code, good.reason], [3, 'Error', 0, 'Completed']);
  },

  'what a container was made from comes back: labels, annotations, attempt, image, mounts, log path, resources': async (r) => {
    const sandbox = await r.sandbox();
    const labels = { 'io.kubernetes.container.name': 'main', empty: '' };
    const annotations = { json: '{"a":["b"]}', 'io.kubernetes.container.restartCount': '2' };
    const mounts = [{ container_path: '/mnt', host_path: r.host.logRoot, readonly: true }];
    const linux = { resources: { memory_limit_in_bytes: 67_108_864, cpu_shares: 128 } };
    const metadata = { name: 'main', attempt: 2 };
    const log_path = 'main/2.log';
    const id = await r.created(sandbox, PROGRAMS.runs, { metadata, labels, annotations, mounts, linux, log_path });
    const status = await r.status(id);
    assert.deepEqual([status.metadata, status.labels, status.annotations], [metadata, labels, annotations]);
    assert.deepEqual(
      status.mounts.map((m) => [m.container_path, m.host_path, m.readonly]),
      [['/mnt', r.host.logRoot, true]],
    );
    assert.equal(status.image?.image, r.host.image);
    assert.match(status.image_ref, /sha256:[0-9a-f]{64}/);
    assert.ok(status.log_path.startsWith(r.host.logRoot) && status.log_path.endsWith(`/${log_path}`), status.log_path);
    assert.equal(status.resources?.linux?.memory_limit_in_bytes, '67108864');
    assert.equal(status.resources?.linux?.cpu_shares, '128');
    const [listed] = (await r.runtime.listContainers({ filter: { id } })).containers;
    assert.deepEqual(
      [listed?.metadata, listed?.labels, listed?.annotations, listed?.pod_sandbox_id, listed?.created_at, listed?.image_ref],
      [metadata, labels, annotations, sandbox, status.created_at, status.image_ref],
    );
  },

  'lists are filtered by id, sandbox, state and labels, all of which must match': async (r) => {
    const mine = r.unique();
    const label = (role: string): Record<string, string> => ({ mine, role });
    const [one, two] = [await r.sandbox({ labels: label('one') }), await r.sandbox({ labels: label('two') })];
    const a = await r.started(one, PROGRAMS.runs, { metadata: { name: 'a' }, labels: label('web') });
    const b = await r.created(one, PROGRAMS.runs, { metadata: { name: 'b' }, labels: label('db') });
    const c = await r.created(two, PROGRAMS.runs, { metadata: { name: 'c' }, labels: label('web') });
    await r.runtime.stopPodSandbox({ pod_sandbox_id: two });
    const sandboxes = async (filter: object): Promise<string[]> =>
      (await r.runtime.listPodSandbox({ filter })).items.map((s) => s.id).sort();
    const containers = async (filter: object): Promise<string[]> =>
      (await r.runtime.listContainers({ filter })).containers.map((x) => x.id).sort();
    const label_selector = { mine };

    assert.deepEqual(await sandboxes({ label_selector }), [one, two].sort());
    assert.deepEqual(await sandboxes({ label_selector: { mine, role: 'two' } }), [two]);
    assert.deepEqual(await sandboxes({ label_selector, state: { state: 'SANDBOX_READY' } }), [one]);
    assert.deepEqual(await sandboxes({ label_selector, state: { state: 'SANDBOX_NOTREADY' } }), [two]);
    assert.deepEqual(await sandboxes({ label_selector: { mine, role: 'three' } }), []);
    assert.deepEqual(await sandboxes({ id: 'f'.repeat(64) }), []);

    assert.deepEqual(await containers({ label_selector }), [a, b, c].sort());
    assert.deepEqual(await containers({ label_selector: label('web') }), [a, c].sort());
    assert.deepEqual(await containers({ pod_sandbox_id: one }), [a, b].sort());
    assert.deepEqual(await containers({ pod_sandbox_id: one, label_selector: label('web') }), [a]);
    assert.deepEqual(await containers({ label_selector, state: { state: 'CONTAINER_RUNNING' } }), [a]);
    assert.deepEqual(await containers({ label_selector, state: { state: 'CONTAINER_CREATED' } }), [b, c].sort());
    assert.deepEqual(await containers({ id: b, pod_sandbox_id: two }), []);
    assert.ok((await containers({})).length >= 3);
  },

  'another attempt of a container stands beside the first': async (r) => {
    const sandbox = await r.sandbox();
    const first = await r.exited(await r.started(sandbox, PROGRAMS.exits3));
    await rejects(r.created(sandbox, PROGRAMS.exits3), 'CRI_FAILED', /reserved/);
    const second = await r.started(sandbox, PROGRAMS.runs, { metadata: { name: 'main', attempt: 1 } });
    const both = (await r.runtime.listContainers({ filter: { pod_sandbox_id: sandbox } })).containers;
    const states = both.map((x) => [x.id, x.metadata?.attempt, x.state] as const).sort(([, x = 0], [, y = 0]) => x - y);
    assert.deepEqual(states, [
      [first.id, 0, 'CONTAINER_EXITED'],
      [second, 1, 'CONTAINER_RUNNING'],
    ]);
  },

  'removing a container that runs ends it': async (r) => {
    const sandbox = await r.sandbox();
    const id = await r.started(sandbox, PROGRAMS.runs);
    await r.runtime.removeContainer({ container_id: id });
    assert.deepEqual((await r.runtime.listContainers({ filter: { pod_sandbox_id: sandbox } })).containers, []);
  },

  'resources can be changed while it runs': async (r) => {
    const sandbox = await r.sandbox();
    const id = await r.started(sandbox, PROGRAMS.runs, { linux: { resources: { memory_limit_in_bytes: 64 << 20, cpu_shares: 100 } } });
    await r.runtime.updateContainerResources({ container_id: id, linux: { memory_limit_in_bytes: 96 << 20, cpu_shares: 512 } });
    const linux = (await r.status(id)).resources?.linux;
    assert.deepEqual([linux?.memory_limit_in_bytes, linux?.cpu_shares], [String(96 << 20), '512']);
  },

  'a process killed from outside is 137, one that eats too much memory is OOMKilled': async (r) => {
    const sandbox = await r.sandbox();
    const killed = await r.started(sandbox, PROGRAMS.runs, { metadata: { name: 'killed' } });
    await r.host.kill('container', killed);
    const status = await r.exited(killed);
    assert.deepEqual([status.exit_code, status.reason], [137, 'Error']);
    const limit = { linux: { resources: { memory_limit_in_bytes: 16 << 20, memory_swap_limit_in_bytes: 16 << 20 } } };
    const eats = await r.exited(await r.started(sandbox, PROGRAMS.eats, { metadata: { name: 'eats' }, ...limit }));
    await until('the reason', async () => (await r.status(eats.id)).reason !== 'Error');
    assert.deepEqual([eats.exit_code, (await r.status(eats.id)).reason], [137, 'OOMKilled']);
  },

  'a program that is not there fails the start, and the container says so': async (r) => {
    const sandbox = await r.sandbox();
    const id = await r.created(sandbox, PROGRAMS.isMissing);
    await rejects(r.runtime.startContainer({ container_id: id }), 'CRI_FAILED', /no such file/);
    const status = await r.status(id);
    assert.deepEqual([status.state, status.exit_code, status.reason], ['CONTAINER_EXITED', 128, 'StartError']);
    assert.match(status.message, /no such file/);
    assert.deepEqual([status.started_at === '0', status.finished_at === '0'], [true, false]); // it never ran
    await r.runtime.removeContainer({ container_id: id });
  },
};
