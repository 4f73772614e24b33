/** Part of contract.ts: what happens inside a container: exec and logs; and what fails. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, renameSync } from 'node:fs';
import { codeOf } from '#base/errors.ts';
import { EXECS, PROGRAMS, rejects, type Rules } from './contractWorld.ts';

export const insideRules: Rules = {
  'exec gives both outputs and the exit code': async (r) => {
    const id = await r.started(await r.sandbox(), PROGRAMS.runs);
    const result = await r.runtime.execSync({ container_id: id, cmd: EXECS.speaks, timeout: 10 });
    assert.deepEqual([result.stdout.toString(), result.stderr.toString(), result.exit_code], ['out\n', 'err\n', 7]);
  },

  'an exec that takes too long is CRI_DEADLINE, from the runtime or from us, and hurts nothing': async (r) => {
    const id = await r.started(await r.sandbox(), PROGRAMS.runs);
    await rejects(r.runtime.execSync({ container_id: id, cmd: EXECS.hangs, timeout: 1 }), 'CRI_DEADLINE', /deadline exceeded/);
    const slow = r.runtime.execSync({ container_id: id, cmd: EXECS.hangs, timeout: 0 }, { deadlineMs: 200 });
    await rejects(slow, 'CRI_DEADLINE', /within 200 ms/);
    assert.equal((await r.status(id)).state, 'CONTAINER_RUNNING');
  },

  'an aborted call fails with the reason of its signal': async (r) => {
    const id = await r.started(await r.sandbox(), PROGRAMS.runs);
    const stop = new AbortController();
    const reason = new Error('enough');
    const exec = r.runtime.execSync({ container_id: id, cmd: EXECS.hangs }, { signal: stop.signal });
    setImmediate(() => stop.abort(reason));
    await assert.rejects(exec, (err) => err === reason);
    await assert.rejects(r.runtime.version({}, { signal: stop.signal }), (err) => err === reason);
    assert.equal((await r.status(id)).state, 'CONTAINER_RUNNING');
  },

  'output goes to the log path, line by line in the format of CRI': async (r) => {
    const id = await r.started(await r.sandbox(), PROGRAMS.prints, { log_path: 'deep/down/0.log' });
    const { log_path: path } = await r.status(id);
    await r.prints(await r.status(id), 'two');
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    const stamp = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d) /;
    for (const line of lines) assert.match(line, stamp);
    assert.deepEqual(
      lines.map((line) => line.replace(stamp, '')),
      ['stdout F one', 'stdout F two'],
    );
  },

  'a log that was moved away is opened anew on demand, while the container runs': async (r) => {
    const id = await r.started(await r.sandbox(), PROGRAMS.prints);
    const { log_path: path } = await r.status(id);
    await r.prints(await r.status(id), 'two');
    renameSync(path, `${path}.1`);
    await r.runtime.reopenContainerLog({ container_id: id });
    assert.ok(existsSync(path));
    await r.runtime.stopContainer({ container_id: id, timeout: 0 });
    await rejects(r.runtime.reopenContainerLog({ container_id: id }), 'CRI_FAILED', /not running/);
  },
};

const nobody = 'f'.repeat(64);

export const failureRules: Rules = {
  'what is not there is CRI_NOT_FOUND, and removing it is no error': async (r) => {
    const sandbox = await r.sandbox();
    await rejects(r.runtime.podSandboxStatus({ pod_sandbox_id: nobody }), 'CRI_NOT_FOUND');
    await rejects(r.runtime.containerStatus({ container_id: nobody }), 'CRI_NOT_FOUND');
    await rejects(r.runtime.startContainer({ container_id: nobody }), 'CRI_NOT_FOUND');
    await rejects(r.runtime.execSync({ container_id: nobody, cmd: ['true'], timeout: 1 }), 'CRI_NOT_FOUND');
    await rejects(r.created(nobody, PROGRAMS.runs), 'CRI_NOT_FOUND');
    await rejects(r.created(sandbox, PROGRAMS.runs, { image: { image: r.host.missing } }), 'CRI_NOT_FOUND');
    await r.runtime.removeContainer({ container_id: nobody });
    await r.runtime.removePodSandbox({ pod_sandbox_id: nobody });
  },

  'stopping what is not there fails with CRI_NOT_FOUND or not at all': async (r) => {
    const tries = [r.runtime.stopContainer({ container_id: nobody }), r.runtime.stopPodSandbox({ pod_sandbox_id: nobody })];
    for (const result of await Promise.allSettled(tries)) {
      assert.ok(result.status === 'fulfilled' || codeOf(result.reason) === 'CRI_NOT_FOUND', JSON.stringify(result));
    }
  },

  'a container starts once': async (r) => {
    const sandbox = await r.sandbox();
    const running = await r.started(sandbox, PROGRAMS.runs);
    await rejects(r.runtime.startContainer({ container_id: running }), 'CRI_FAILED', /CONTAINER_RUNNING/);
    const exited = await r.exited(await r.started(sandbox, PROGRAMS.exits3, { metadata: { name: 'short' } }));
    await rejects(r.runtime.startContainer({ container_id: exited.id }), 'CRI_FAILED', /CONTAINER_EXITED/);
    await rejects(r.runtime.execSync({ container_id: exited.id, cmd: EXECS.speaks, timeout: 1 }), 'CRI_FAILED', /CONTAINER_EXITED/);
  },

  'a sandbox without a name is refused': async (r) => {
    await rejects(r.runtime.runPodSandbox({ config: { hostname: 'x' } }), 'CRI_FAILED', /metadata/);
  },
};
