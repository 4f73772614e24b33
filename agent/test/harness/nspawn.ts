/**
 * A host with systemd of a test's own: a booted systemd container over the files of this machine, with a private network, journal and
 * control groups. What it writes goes to memory and is gone at the end. Services of this machine do not run in it.
 *
 * Needs root and the Debian packages systemd, systemd-container and util-linux; missingSystemd() tells what is not there.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { removeCgroups, unmountBelow } from './leftovers.ts';
import { until } from './until.ts';

const ROOT = new URL('../../../', import.meta.url).pathname.replace(/\/$/, '');
const CGROUPS = '/sys/fs/cgroup';
const NEEDED = ['/usr/bin/systemd-nspawn', '/lib/systemd/systemd', '/usr/bin/nsenter', '/usr/bin/journalctl'];
const BOOTS_WITHIN_MS = 180_000;

export interface SystemdHost {
  /** Its root as this machine sees it. */
  readonly root: string;
  /** Its init, as this machine sees it. */
  readonly leader: number;
  /** What was written since it was made, as paths of its own. */
  written(): readonly string[];
  /** Runs a program in it; throws when it fails. */
  run(argv: readonly string[]): Promise<string>;
  /** For what may fail. */
  tryRun(argv: readonly string[]): Promise<{ readonly exitCode: number | undefined; readonly all: string }>;
  stop(): Promise<void>;
}

export function missingSystemd(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const absent = NEEDED.filter((path) => !existsSync(path));
  if (absent.length > 0) return `needs ${absent.join(', ')} (Debian: systemd systemd-container util-linux)`;
  return hierarchies().length === 0 ? 'needs cgroup v1 or hybrid: with v2 alone this harness is not tried' : undefined;
}

/** The v1 hierarchies, each a directory of its own; links such as cpu -> cpu,cpuacct count once. */
function hierarchies(): string[] {
  const real = readdirSync(CGROUPS, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'unified');
  return real.map(({ name }) => join(CGROUPS, name)).filter((path) => existsSync(join(path, 'cgroup.procs')));
}

/** A cable between two of them, each with an address on it, such as 192.0.2.1/24. */
export async function linkHosts(a: readonly [SystemdHost, string], b: readonly [SystemdHost, string]): Promise<void> {
  const inside = ['-t', String(a[0].leader), '-n', '--'];
  await execa('nsenter', [...inside, 'ip', 'link', 'add', 'eth1', 'type', 'veth', 'peer', 'name', 'eth1', 'netns', String(b[0].leader)]);
  for (const [host, address] of [a, b]) {
    await host.run(['ip', 'address', 'add', address, 'dev', 'eth1']);
    await host.run(['ip', 'link', 'set', 'eth1', 'up']);
  }
}

export async function bootSystemdHost(hostname = 'node1'): Promise<SystemdHost> {
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-nspawn-'));
  const host = new NspawnHost(dir, hostname);
  try {
    await host.boot();
    return host;
  } catch (err) {
    await host.stop();
    throw err;
  }
}

class NspawnHost implements SystemdHost {
  readonly root: string;
  readonly #dir: string;
  readonly #name: string;
  readonly #hostname: string;
  #leader = 0;
  #ended: Promise<unknown> = Promise.resolve();
  #kill: () => void = () => undefined;

  constructor(dir: string, hostname: string) {
    this.#dir = dir;
    this.#hostname = hostname;
    this.#name = basename(dir).toLowerCase();
    this.root = join(dir, 'root');
  }

  async boot(): Promise<void> {
    const { root } = this;
    await execa('mount', ['-t', 'tmpfs', '-o', 'size=3g', 'kijabi-test', this.#dir]);
    const parts = ['root', 'upper', 'work', 'containerd'].map((name) => join(this.#dir, name));
    for (const part of parts) mkdirSync(part);
    await execa('mount', ['-t', 'overlay', '-o', `lowerdir=/,upperdir=${parts[1]},workdir=${parts[2]}`, 'kijabi-test', root]);
    this.#makeBare();
    for (const tree of hierarchies()) {
      const group = join(tree, this.#name);
      mkdirSync(group, { recursive: true });
      // A new group of cpuset is empty, and nothing may run in it.
      for (const file of ['cpuset.cpus', 'cpuset.mems'])
        if (existsSync(join(group, file))) writeFileSync(join(group, file), readFileSync(join(tree, file)));
      if (existsSync(join(group, 'cgroup.clone_children'))) writeFileSync(join(group, 'cgroup.clone_children'), '1');
    }
    const enter = hierarchies().map((tree) => `echo $$ > '${join(tree, this.#name, 'cgroup.procs')}'`);
    const nspawn = [
      'exec systemd-nspawn --quiet --register=no --keep-unit --boot --private-network --capability=all',
      '--system-call-filter="@keyring bpf add_key keyctl perf_event_open"',
      `--directory='${root}' --machine='${this.#name}' --hostname=${this.#hostname} --bind-ro='${ROOT}' --bind='${parts[3]}':/var/lib/containerd`,
    ].join(' ');
    const log = { file: join(this.#dir, 'console') } as const;
    const child = execa('sh', ['-c', [...enter, nspawn].join('\n')], {
      stdin: 'ignore',
      stdout: log,
      stderr: log,
      reject: false,
      buffer: false,
      env: { SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: '0' },
    });
    this.#ended = child;
    this.#kill = () => void child.kill('SIGKILL');
    let over = false;
    void child.then(() => (over = true));
    const console_ = (): string => readFileSync(join(this.#dir, 'console'), 'utf8').slice(-2_000);
    await until(
      'systemd is up',
      async () => {
        if (over) throw new Error(`systemd-nspawn ended: ${console_()}`);
        this.#leader = Number((await execa('pgrep', ['-o', '-P', String(child.pid)], { reject: false })).stdout);
        if (this.#leader === 0) return false;
        const { all } = await this.tryRun(['systemctl', 'is-system-running']);
        return /running|degraded/.test(all);
      },
      BOOTS_WITHIN_MS,
    );
    // What nspawn mounts read-only, so that a runtime in it can make groups.
    await this.run(['sh', '-c', 'for m in /sys/fs/cgroup /sys/fs/cgroup/*/; do mount -o remount,bind,rw $m || true; done']);
  }

  /** Without what this machine has enabled, without its identity and its state of what is tested. */
  #makeBare(): void {
    const at = (path: string): string => join(this.root, path);
    const wants = join(this.root, 'etc/systemd/system');
    for (const name of existsSync(wants) ? readdirSync(wants) : [])
      if (name.endsWith('.wants')) rmSync(join(wants, name), { recursive: true });
    for (const path of ['etc/kubernetes', 'etc/cni/net.d', 'var/lib/kubelet', 'var/lib/kijabi', 'usr/lib/kijabi', 'var/log/journal'])
      rmSync(at(path), { recursive: true, force: true });
    writeFileSync(at('etc/machine-id'), '');
    writeFileSync(at('etc/hostname'), `${this.#hostname}\n`);
  }

  get leader(): number {
    return this.#leader;
  }

  written(): readonly string[] {
    const upper = join(this.#dir, 'upper');
    return readdirSync(upper, { recursive: true, encoding: 'utf8' })
      .filter((name) => !statSync(join(upper, name), { throwIfNoEntry: false })?.isCharacterDevice())
      .map((name) => `/${name}`);
  }

  async run(argv: readonly string[]): Promise<string> {
    return (await execa('nsenter', this.#enter(argv))).stdout;
  }

  async tryRun(argv: readonly string[]): Promise<{ readonly exitCode: number | undefined; readonly all: string }> {
    const { exitCode, all } = await execa('nsenter', this.#enter(argv), { all: true, reject: false });
    return { exitCode, all };
  }

  /** The environment is that of a login, not ours. */
  #enter(argv: readonly string[]): string[] {
    const env = ['env', '-i', 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'LC_ALL=C.UTF-8'];
    return ['-t', String(this.#leader), '-a', ...env, ...argv];
  }

  async stop(): Promise<void> {
    if (this.#leader !== 0) {
      // Init takes this as the wish to power off at once; its death ends everything that is in its namespaces.
      await execa('kill', ['-s', 'KILL', String(this.#leader)], { reject: false });
    }
    this.#kill();
    await this.#ended;
    await removeCgroups(this.#name);
    await unmountBelow(this.#dir);
    await execa('umount', [this.#dir], { reject: false });
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
