import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { BuiltImage } from './cache.ts';
import { checkTags, ctrError, loadImages, parseImageList } from './load.ts';

const DIGEST = `sha256:${'0'.repeat(64)}`;

test('the table of ctr: references and digests, whatever stands in the other columns', () => {
  const text = `REF                            TYPE                                       DIGEST ${' '.repeat(60)} SIZE      PLATFORMS   LABELS
docker.io/library/nginx:latest application/vnd.oci.image.manifest.v1+json ${DIGEST} 11.5 MiB  linux/amd64 io.cri-containerd.image=managed
${DIGEST} application/vnd.oci.image.manifest.v1+json ${DIGEST} 11.5 MiB  linux/amd64 -
broken:latest - - - - -
`;
  assert.deepEqual(
    [...parseImageList(text)],
    [
      ['docker.io/library/nginx:latest', DIGEST],
      [DIGEST, DIGEST],
    ],
  );
  assert.deepEqual([...parseImageList('REF TYPE DIGEST SIZE PLATFORMS LABELS\n')], []);
});

test('tags become full references, and belong to images that are there', () => {
  const images = [{ name: 'nginx' } as BuiltImage];
  assert.deepEqual(checkTags(images, [{ name: 'nginx', ref: 'nginx:1.14.2' }]), [{ name: 'nginx', ref: 'docker.io/library/nginx:1.14.2' }]);
  assert.throws(() => checkTags(images, [{ name: 'redis', ref: 'redis:7' }]), { code: 'IMAGES_UNKNOWN' });
  assert.throws(() => checkTags(images, [{ name: 'nginx', ref: 'Nginx:7' }]), { code: 'IMAGES_REF_INVALID' });
});

test('what ctr complains of becomes a code and a next step', () => {
  const rows: [said: string, code: string][] = [
    [
      'ctr: failed to dial "/run/c.sock": context deadline exceeded: connection error: desc = "transport: error while dialing"',
      'IMAGES_CONTAINERD_UNREACHABLE',
    ],
    ['ctr: failed to copy: write /var/lib/containerd/x: no space left on device', 'IMAGES_DISK_FULL'],
    ['ctr: unrecognized image format', 'IMAGES_IMPORT_FAILED'],
  ];
  for (const [said, code] of rows) assert.equal(ctrError('/run/c.sock', new AppError('EXEC_FAILED', said)).code, code, said);
  assert.equal(ctrError('/run/c.sock', new AppError('EXEC_NOT_FOUND', 'no ctr')).code, 'IMAGES_NO_CTR');
});

test('a socket that is not there is named', async () => {
  const load = loadImages({
    images: [],
    containerdAddress: 'unix:///nowhere/c.sock',
    clock: new SystemClock(),
    signal: new AbortController().signal,
  });
  await assert.rejects(load, { code: 'IMAGES_CONTAINERD_UNREACHABLE', message: /\/nowhere\/c\.sock/ });
});
