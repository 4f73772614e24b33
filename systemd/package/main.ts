/** `npm run package`: builds the Debian package out of this clone, and says what is wrong with it. */
import { parseArgs } from 'node:util';
import { explain } from '#base/errors.ts';
import { VERSION } from '#base/version.ts';
import { buildPackage } from './act.ts';
import { lintDeb } from './lint.ts';
import { readDeb } from './observe.ts';

const USAGE = `Usage: npm run package [-- --out DIR] [--version VERSION] [--compression xz|none]

Builds kijabi_VERSION_ARCHITECTURE.deb: the program with its own Node, the units of every daemon, their configuration. It installs offline
with dpkg -i where the packages it depends on are there.

      --out DIR            (default: node_modules/.cache/kijabi)
      --version VERSION    (default: ${VERSION})
      --compression HOW    xz (default), or none: bigger, and built in seconds
`;

const root = new URL('../../', import.meta.url).pathname.replace(/\/$/, '');
const OPTIONS = {
  out: { type: 'string', default: `${root}/node_modules/.cache/kijabi` },
  version: { type: 'string', default: VERSION },
  compression: { type: 'string', default: 'xz' },
  help: { type: 'boolean', short: 'h' },
} as const;

async function main(): Promise<number> {
  const { values } = parseArgs({ options: OPTIONS });
  if (values.help === true) return (process.stdout.write(USAGE), 0);
  const { out: outDir, version, compression } = values;
  if (compression !== 'xz' && compression !== 'none') throw new RangeError(`--compression: want xz or none, got ${compression}`);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort(new Error('interrupted')));
  const file = await buildPackage({ root, outDir, version, compression, signal: stop.signal });
  const problems = lintDeb(await readDeb(file, stop.signal));
  for (const problem of problems) process.stderr.write(`${problem}\n`);
  process.stdout.write(`${file}\n`);
  return problems.length === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (err) {
  process.stderr.write(`package: ${explain(err)}\n`);
  process.exitCode = 2;
}
