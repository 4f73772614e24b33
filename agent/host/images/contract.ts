/**
 * What every PackageSource does, the real apt and the fake alike. The source has to know the packages nginx and catatonit, as
 * Debian has them: nginx depends on libc6 among others, catatonit brings /usr/bin/catatonit.
 */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { PackageSource } from './debs.ts';

export function testPackageSource(name: string, open: (cacheDir: string) => PackageSource): void {
  const signal = new AbortController().signal;
  void test(`packages from ${name}: one candidate for each name, unpacked with what it depends on`, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kijabi-source-'));
    try {
      const source = open(dir);
      assert.match(await source.architecture(signal), /^[a-z0-9]+$/);
      const candidates = await source.resolve(['nginx', 'catatonit'], signal);
      assert.deepEqual(
        candidates.map((c) => c.name),
        ['nginx', 'catatonit'],
      );
      for (const c of candidates) {
        assert.match(c.sha256, /^[0-9a-f]{64}$/);
        assert.match(c.version, /^[0-9]/);
        assert.ok(c.fileName.startsWith(`${c.name}_`) && c.fileName.endsWith(`_${c.architecture}.deb`), c.fileName);
      }
      assert.deepEqual(await source.resolve(['catatonit'], signal), candidates.slice(1));
      const scratchDir = join(dir, 'scratch');
      mkdirSync(scratchDir);
      const [nginx, catatonit] = await source.unpack(candidates, scratchDir, signal);
      assert.ok(nginx !== undefined && catatonit !== undefined);
      assert.ok(nginx.depends.includes('libc6'), nginx.depends.join(' '));
      assert.deepEqual(readdirSync(scratchDir).sort(), ['catatonit', 'nginx']);
      assert.equal(catatonit.root, join(scratchDir, 'catatonit'));
      assert.equal(statSync(join(catatonit.root, 'usr/bin/catatonit')).mode & 0o777, 0o755);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });

  void test(`packages from ${name}: an unknown name is told by its code and in its facts, whatever else was asked for`, async () => {
    const dir = mkdtempSync(join(tmpdir(), 'kijabi-source-'));
    try {
      const wanted = { code: 'IMAGES_PACKAGE_NOT_FOUND', facts: { package: 'no-such-package' } };
      await assert.rejects(open(dir).resolve(['nginx', 'no-such-package'], signal), wanted);
    } finally {
      rmSync(dir, { recursive: true, force: true });
    }
  });
}
