/**
 * containerd's certs.d/<registry>/hosts.toml, which sends its pulls to our registry first and to the registry itself after that.
 * Files that somebody else wrote are never touched.
 *
 * Throws: IMAGES_HOSTS_TOML_TAKEN.
 * Source: containerd docs/hosts.md (the same format in 1.5 to 2.x); docker.io's API lives on registry-1.docker.io.
 */
import { mkdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError } from '#base/errors.ts';

const OURS = '# Written by: kijabi images serve';

export function hostsToml(registry: string, address: string): string {
  const server = registry === 'docker.io' ? 'registry-1.docker.io' : registry;
  return `${OURS}
server = "https://${server}"

[host."http://${address}"]
  capabilities = ["pull", "resolve"]
`;
}

/** Returns the files it wrote, for removeHosts. */
export async function writeHosts(certsDir: string, registries: readonly string[], address: string): Promise<string[]> {
  const files = registries.map((registry) => ({ registry, path: join(certsDir, registry, 'hosts.toml') }));
  for (const { path } of files) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text !== undefined && !text.startsWith(OURS)) {
      throw new AppError(
        'IMAGES_HOSTS_TOML_TAKEN',
        `Cannot write ${path}: somebody else did; move it away or choose another directory (--certs-dir)`,
        { path },
      );
    }
  }
  for (const { registry, path } of files) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.${process.pid}`, hostsToml(registry, address));
    await rename(`${path}.${process.pid}`, path);
  }
  return files.map(({ path }) => path);
}

/** Only those that still point to this address; another server may have taken over. */
export async function removeHosts(files: readonly string[], address: string): Promise<void> {
  for (const path of files) {
    const text = await readFile(path, 'utf8').catch(() => undefined);
    if (text?.startsWith(OURS) !== true || !text.includes(`"http://${address}"`)) continue;
    await rm(path, { force: true });
    await rmdir(dirname(path)).catch(() => undefined); // certificates may lie beside it
  }
}
