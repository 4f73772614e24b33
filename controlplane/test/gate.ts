/**
 * What `npm test` does, stage by stage with times: Debian packages for the tests, format and lint and types, the tests that need
 * nothing (all at once), the tests that need root, namespaces and containerd (one after the other). The first stage that fails ends it.
 *
 * A test belongs to the last stage by where it lies: below agent/test.
 * Words on the command line choose test files whose path contains one of them, and leave out the stage before.
 */
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, relative } from 'node:path';
import { execa } from 'execa';
import { installPackages, missingPackages, NODE_PACKAGES, TEST_PACKAGES } from '#agent/host/packages.ts';
import { SystemClock } from '#base/clock.ts';
import { explain } from '#base/errors.ts';

const root = new URL('../../', import.meta.url).pathname;
const clock = new SystemClock();

/** More files than this fail for one reason, and running them again would only cost time. */
const MOST_AGAIN = 6;

/** Node by itself leaves a core idle, which on two is half the machine; most of these tests wait as much as they work. */
const AS_MANY = `--test-concurrency=${availableParallelism()}`;

interface Stage {
  readonly name: string;
  /** Throws, or returns false, when it failed. */
  readonly run: () => Promise<boolean>;
}

function stagesFor(words: readonly string[]): Stage[] {
  const wanted = (file: string): boolean => words.length === 0 || words.some((word) => file.includes(word));
  const files = globSync('{cri-proto,agent,controlplane,systemd,vagrant}/**/*.test.ts', { cwd: root }).filter(wanted).sort();
  const privileged = files.filter((file) => file.startsWith('agent/test/'));
  const plain = files.filter((file) => !privileged.includes(file));
  if (files.length === 0) throw new Error(`No test file has ${words.join(' or ')} in its path`);
  return [
    { name: 'Debian packages', run: providePackages },
    ...(words.length === 0
      ? [{ name: 'format, lint, types (npm run check)', run: (): Promise<boolean> => command('npm', ['run', '--silent', 'check']) }]
      : []),
    ...(plain.length === 0
      ? []
      : [{ name: `${plain.length} test files that need nothing`, run: (): Promise<boolean> => tests(plain, [AS_MANY]) }]),
    ...(privileged.length === 0
      ? []
      : [
          { name: `${privileged.length} test files with root, namespaces and containerd`, run: (): Promise<boolean> => asRoot(privileged) },
        ]),
  ];
}

async function providePackages(): Promise<boolean> {
  const missing = missingPackages([...NODE_PACKAGES, ...TEST_PACKAGES]);
  if (missing.length === 0) return true;
  if (process.getuid?.() !== 0) {
    say(`not installed: ${missing.join(', ')}; only root can install them`);
    return true; // whoever needs them fails and says so
  }
  say(`installing ${missing.join(', ')}`);
  await installPackages(missing, { signal: new AbortController().signal });
  return true;
}

function asRoot(files: readonly string[]): Promise<boolean> {
  if (process.getuid?.() === 0) return tests(files, ['--test-concurrency=1']);
  say(`not root: these cannot run, and without them nothing is proved: ${files.join(' ')}\nrun it again as root (sudo npm test)`);
  return Promise.resolve(false);
}

/** Files that fail are run once more, alone: a test that only a busy machine breaks is told, but is no verdict on the tree. */
async function tests(files: readonly string[], flags: readonly string[]): Promise<boolean> {
  const scratch = mkdtempSync(join(tmpdir(), 'kijabi-gate-'));
  try {
    const failed = join(scratch, 'failed');
    if (await run(files, flags, failed)) return true;
    const again = testFiles(linesOf(failed), files);
    if (again.length === 0 || again.length > MOST_AGAIN) return false;
    say(`\n=== FAILED, now once more and alone; what passes now is UNSTABLE and wants mending: ${again.join(' ')}`);
    return await run(again, ['--test-concurrency=1'], join(scratch, 'again'));
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Where failed tests are to be run from: those of a contract stand in a file of its own, which is no test file and would prove nothing. */
function testFiles(failed: readonly string[], files: readonly string[]): readonly string[] {
  const found = failed
    .map((file) => relative(root, file))
    .map((file) => {
      if (files.includes(file)) return [file];
      return files.filter((from) => readFileSync(join(root, from), 'utf8').includes(`/${basename(file)}'`));
    });
  // Who failed cannot be said: then nothing is tried again.
  return found.some((from) => from.length === 0) ? [] : [...new Set(found.flat())];
}

function run(files: readonly string[], flags: readonly string[], failed: string): Promise<boolean> {
  const preloads = ['seed.ts', 'endFile.ts'].map((name) => `--import=${new URL(name, import.meta.url).href}`);
  const reporter = new URL('failedFiles.ts', import.meta.url).href;
  return command(process.execPath, [
    '--disable-warning=ExperimentalWarning',
    ...preloads,
    '--test',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${reporter}`,
    `--test-reporter-destination=${failed}`,
    ...flags,
    ...files,
  ]);
}

const linesOf = (file: string): string[] =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
    : [];

async function command(program: string, args: readonly string[]): Promise<boolean> {
  const { exitCode } = await execa(program, args, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], reject: false, preferLocal: true });
  return exitCode === 0;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function main(words: readonly string[]): Promise<number> {
  const stages = stagesFor(words);
  const startedMs = clock.monotonicMs();
  const took: string[] = [];
  for (const [i, { name, run }] of stages.entries()) {
    say(`\n=== ${i + 1}/${stages.length} ${name}`);
    const stageMs = clock.monotonicMs();
    const passed = await run().catch((err: unknown) => (say(explain(err)), false));
    took.push(`${name}: ${seconds(clock.monotonicMs() - stageMs)}`);
    // The last stage ends with the test runner's own summary; nothing may come after it.
    if (i === stages.length - 1) return passed ? 0 : 1;
    say(`=== ${passed ? 'passed' : 'FAILED'}: ${took.at(-1)}`);
    if (!passed) return (say(`\nThe gate failed after ${seconds(clock.monotonicMs() - startedMs)} at: ${name}`), 1);
  }
  return 0;
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

process.exitCode = await main(process.argv.slice(2));
