/** Part of contract.ts: images and events. */
import assert from 'node:assert/strict';
import { codeOf } from '#base/errors.ts';
import { PROGRAMS, rejects, type Rules, until } from './contractWorld.ts';

export const imageRules: Rules = {
  'an image is found by its reference, by its id and by the name people write': async (r) => {
    const reference = r.host.image;
    const { image } = await r.image.imageStatus({ image: { image: reference } });
    assert.ok(image !== null);
    assert.match(image.id, /^sha256:[0-9a-f]{64}$/);
    assert.ok(image.repo_tags.includes(reference));
    assert.ok(BigInt(image.size) > 0n);
    for (const name of [image.id, reference.replace('docker.io/library/', '')]) {
      assert.equal((await r.image.imageStatus({ image: { image: name } })).image?.id, image.id, name);
    }
    assert.ok((await r.image.listImages({})).images.some((i) => i.id === image.id));
  },

  'an image that is not there is no error, nor is removing it': async (r) => {
    const image = { image: r.host.missing };
    assert.equal((await r.image.imageStatus({ image })).image, null);
    await r.image.removeImage({ image });
  },

  'an image can be pulled, used by what the pull returned, and removed': async (r) => {
    const image = { image: r.host.pullable };
    assert.equal((await r.image.imageStatus({ image })).image, null);
    const { image_ref } = await r.image.pullImage({ image });
    assert.equal((await r.image.imageStatus({ image: { image: image_ref } })).image?.id, (await r.image.imageStatus({ image })).image?.id);
    const id = await r.started(await r.sandbox(), PROGRAMS.runs, { image: { image: image_ref } });
    assert.equal((await r.status(id)).state, 'CONTAINER_RUNNING');
    assert.equal((await r.image.pullImage({ image })).image_ref, image_ref);
    await r.image.removeImage({ image });
    assert.equal((await r.image.imageStatus({ image })).image, null);
    assert.ok(!(await r.image.listImages({})).images.some((i) => i.repo_tags.includes(image.image)));
  },

  'a pull that finds nothing says what it looked for': async (r) => {
    const pull = r.image.pullImage({ image: { image: r.host.missing } });
    await rejects(pull, ['CRI_NOT_FOUND', 'CRI_FAILED'], new RegExp(RegExp.escape(r.host.missing)));
  },

  'the file system of the images is known': async (r) => {
    const [fs] = (await r.image.imageFsInfo({})).image_filesystems;
    assert.ok(fs?.fs_id?.mountpoint.startsWith('/'));
  },
};

export const eventRules: Rules = {
  'containerd tells of a start and of an exit with its code': async (r) => {
    const stop = new AbortController();
    const seen: unknown[] = [];
    const ids = new Set<string>();
    const reading = (async () => {
      for await (const e of r.client.containerdEvents(['topic=="/tasks/start"', 'topic=="/tasks/exit"'], stop.signal)) {
        if (ids.has(e.container_id)) seen.push(e.kind === 'exit' ? [e.kind, e.id === e.container_id, e.exit_status] : [e.kind]);
      }
    })();
    const sandbox = await r.sandbox(); // by the time it is up, the subscription is too
    const id = await r.created(sandbox, PROGRAMS.exits3);
    ids.add(id);
    await r.runtime.startContainer({ container_id: id });
    await until('both events', async () => seen.length >= 2);
    assert.deepEqual(seen, [['start'], ['exit', true, 3]]);

    const removed = await r.created(sandbox, PROGRAMS.runs, { metadata: { name: 'removed' } });
    ids.add(removed);
    await r.runtime.startContainer({ container_id: removed });
    await r.runtime.removeContainer({ container_id: removed });
    await until('the events of the second', async () => seen.length >= 4);
    assert.deepEqual(seen.slice(2), [['start'], ['exit', true, 137]]);
    stop.abort(new Error('enough'));
    await assert.rejects(reading, /enough/);
  },

  'CRI events tell the same, or are CRI_UNIMPLEMENTED': async (r, t) => {
    const stop = new AbortController();
    const kinds: string[] = [];
    const ids = new Set<string>();
    const reading = (async () => {
      for await (const e of r.runtime.getContainerEvents({}, { signal: stop.signal })) {
        if (!ids.has(e.container_id)) continue;
        const own = e.containers_statuses.find((c) => c.id === e.container_id);
        kinds.push(`${e.container_event_type} ${own?.exit_code ?? '-'}`);
      }
    })();
    const early = reading.then(
      () => 'ended',
      (err: unknown) => codeOf(err),
    );
    const sandbox = await r.sandbox();
    if ((await Promise.race([early, Promise.resolve('reading')])) === 'CRI_UNIMPLEMENTED') return t.diagnostic('not offered here');
    const id = await r.created(sandbox, PROGRAMS.exits3);
    ids.add(id);
    await r.runtime.startContainer({ container_id: id });
    await until('the stop event', async () => kinds.some((k) => k === 'CONTAINER_STOPPED_EVENT 3'));
    assert.ok(kinds.includes('CONTAINER_STARTED_EVENT 0'), kinds.join());
    stop.abort(new Error('enough'));
    await assert.rejects(reading, /enough/);
  },
};
