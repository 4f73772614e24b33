/**
 * A real containerd of a test's own: own network namespace, root, state and socket, own cgroup root, a CNI bridge inside the namespace.
 * It shares the mounts of the machine, so that a kubelet under test can mount volumes for it. stop() leaves nothing behind.
 *
 * Needs root and the Debian packages containerd, runc, containernetworking-plugins, iproute2, util-linux, catatonit and busybox-static;
 * missing() tells what is not there.
 */
import { accessSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { execa } from 'execa';
import { SystemClock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { CriClient } from '#cri/client.ts';
import { killShims, removeCgroups, removeCniResults, removeShimSockets, unmountBelow } from './leftovers.ts';
import { busyboxImage, PAUSE_IMAGE, pauseImage, writeImage } from './ociImage.ts';

const CNI_PLUGINS = '/usr/lib/cni';
const RUNC = '/usr/sbin/runc';
const STARTS_WITHIN_MS = 60_000;
const STARTING_LOOK_MS = 20;
const NEEDED = [
  '/usr/bin/containerd',
  '/usr/bin/ctr',
  RUNC,
  `${CNI_PLUGINS}/bridge`,
  '/usr/sbin/ip',
  '/usr/bin/nsenter',
  '/usr/bin/catatonit',
  '/bin/busybox',
];

export interface TestContainerd {
  readonly socket: string;
  /** unix://… */
  readonly endpoint: string;
  /** The name for `ip netns`. */
  readonly netns: string;
  /** For everything of the test's own; removed at the end. */
  readonly dir: string;
  /** Put every cgroup_parent below it, such as `${cgroupRoot}/pod1`; removed at the end. */
  readonly cgroupRoot: string;
  /** Runs ctr in the namespace of CRI; returns what it printed. */
  ctr(args: readonly string[]): Promise<string>;
  importImage(archive: string): Promise<void>;
  /** SIGKILL to containerd itself; shims and containers go on. */
  kill(): Promise<void>;
  /** Starts it again after kill(); returns once it answers. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface ContainerdOptions {
  /** What is imported at the start, from ociImage.ts. Default 'pause and busybox'. */
  readonly images?: 'pause and busybox' | 'none';
  /** The plugin of CRI switched off, as some packages ship containerd. */
  readonly cri?: 'off';
}

/** What this machine lacks for a test containerd; a test that skips prints it. */
export function missing(): string | undefined {
  if (process.getuid?.() !== 0) return 'needs root';
  const absent = NEEDED.filter((path) => !exists(path));
  return absent.length === 0
    ? undefined
    : `needs ${absent.join(', ')} (Debian: containerd runc containernetworking-plugins iproute2 catatonit busybox-static)`;
}

const counter = { next: 1 };

export async function startContainerd(options: ContainerdOptions = {}): Promise<TestContainerd> {
  const name = `kijabi-test-${process.pid}-${counter.next++}`;
  const dir = mkdtempSync(join(tmpdir(), 'kijabi-ctd-'));
  const socket = join(dir, 'c.sock');
  writeConfig(dir, socket, options);
  const self = new Containerd({ name, dir, socket, cri: options.cri });
  try {
    await execa('ip', ['netns', 'add', name]);
    await execa('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    await self.start();
    if ((options.images ?? 'pause and busybox') === 'pause and busybox') {
      for (const image of [pauseImage(), busyboxImage()]) {
        const archive = join(dir, 'image.tar');
        await writeImage(image, archive);
        await self.importImage(archive);
        rmSync(archive);
      }
    }
    return self;
  } catch (err) {
    await self.stop();
    throw err;
  }
}

class Containerd implements TestContainerd {
  readonly socket: string;
  readonly endpoint: string;
  readonly netns: string;
  readonly dir: string;
  readonly cgroupRoot: string;
  readonly #cri: 'off' | undefined;
  #process: ({ kill(signal: 'SIGKILL'): boolean } & PromiseLike<unknown>) | undefined;

  constructor({ name, dir, socket, cri }: { name: string; dir: string; socket: string; cri: 'off' | undefined }) {
    this.socket = socket;
    this.endpoint = `unix://${socket}`;
    this.netns = name;
    this.dir = dir;
    this.cgroupRoot = `/${name}`;
    this.#cri = cri;
  }

  async ctr(args: readonly string[]): Promise<string> {
    const { stdout } = await execa('ctr', ['--address', this.socket, '--namespace', 'k8s.io', ...args]);
    return stdout;
  }

  async importImage(archive: string): Promise<void> {
    await this.ctr(['images', 'import', archive]);
  }

  async start(): Promise<void> {
    const log = { file: join(this.dir, 'containerd.log'), append: true } as const;
    // nsenter and not `ip netns exec`, which mounts /sys anew and so hides the cgroups from runc.
    const args = [`--net=/run/netns/${this.netns}`, 'containerd', '--config', join(this.dir, 'config.toml')];
    const child = execa('nsenter', args, { stdin: 'ignore', stdout: log, stderr: log, reject: false, buffer: false });
    this.#process = child;
    const died = child.then(() => {
      throw new Error(`containerd ended while starting: ${this.#logTail()}`);
    });
    const client = new CriClient({ endpoint: this.endpoint, clock: new SystemClock() });
    const timeout = AbortSignal.timeout(STARTS_WITHIN_MS);
    try {
      await Promise.race([this.#answers(client, timeout), died]);
    } catch (err) {
      throw timeout.aborted ? new Error(`containerd did not answer within ${STARTS_WITHIN_MS} ms: ${this.#logTail()}`) : err;
    } finally {
      died.catch(() => undefined); // it may end when it likes from now on
      client.close();
    }
  }

  async #answers(client: CriClient, signal: AbortSignal): Promise<void> {
    await client.waitReady(signal);
    if (this.#cri === 'off') return;
    // With containers to find again it listens for a while before it answers.
    while (!(await client.runtime.version({}, { signal }).then(() => true, isStarting))) await delay(STARTING_LOOK_MS);
  }

  async kill(): Promise<void> {
    this.#process?.kill('SIGKILL');
    await this.#process;
    this.#process = undefined;
  }

  async stop(): Promise<void> {
    const steps: (() => unknown)[] = [
      () => this.kill(),
      () => killShims(this.socket),
      () => removeCgroups(this.netns),
      () => removeShimSockets(join(this.dir, 'state')),
      () => removeCniResults(join(this.dir, 'root/io.containerd.grpc.v1.cri/sandboxes')),
      () => unmountBelow(this.dir),
      () => execa('ip', ['netns', 'delete', this.netns], { reject: false }),
      () => rmSync(this.dir, { recursive: true, force: true }),
    ];
    const errors: unknown[] = [];
    for (const step of steps) {
      try {
        await step();
      } catch (err) {
        errors.push(err); // the later steps still remove what they can
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `could not remove everything of ${this.dir}: ${errors.map(String).join('; ')}`);
  }

  #logTail(): string {
    return readFileSync(join(this.dir, 'containerd.log'), 'utf8').split('\n').slice(-6).join(' | ');
  }
}

function isStarting(err: unknown): false {
  if (codeOf(err) === 'CRI_UNAVAILABLE') return false;
  throw err;
}

/** What no test uses and only takes time at the start. */
const UNUSED = ['aufs', 'btrfs', 'devmapper', 'zfs'].map((name) => `io.containerd.snapshotter.v1.${name}`);

function writeConfig(dir: string, socket: string, { cri }: ContainerdOptions): void {
  const cniDir = join(dir, 'cni', 'net.d');
  mkdirSync(cniDir, { recursive: true });
  writeFileSync(join(cniDir, '10-test.conflist'), JSON.stringify(bridgeNetwork(dir)));
  const off = cri === 'off' ? [...UNUSED, 'io.containerd.grpc.v1.cri'] : UNUSED;
  // crun refuses a machine that has cgroup v1 and v2 side by side: there it sees the first alone.
  const alone = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun "$@"';
  writeFileSync(join(dir, 'crun'), `#!/bin/sh\nexec unshare --mount --propagation slave sh -c '${alone}' crun "$@"\n`, { mode: 0o755 });
  writeFileSync(join(dir, 'config.toml'), configText({ dir, socket, cniDir, off }));
}

/** One bridge inside the namespace. No loopback plugin: CRI sets up lo itself. */
function bridgeNetwork(dir: string): object {
  const ranges = [[{ subnet: '10.88.0.0/16' }]];
  const ipam = { type: 'host-local', dataDir: join(dir, 'cni', 'ipam'), ranges, routes: [{ dst: '0.0.0.0/0' }] };
  const bridge = { type: 'bridge', bridge: 'cni0', isGateway: true, ipMasq: false, ipam };
  return { cniVersion: '0.4.0', name: 'test', plugins: [bridge] };
}

interface ConfigFacts {
  readonly dir: string;
  readonly socket: string;
  readonly cniDir: string;
  readonly off: readonly string[];
}

function configText({ dir, socket, cniDir, off }: ConfigFacts): string {
  const cri = 'plugins."io.containerd.grpc.v1.cri"';
  return `version = 2
root = "${dir}/root"
state = "${dir}/state"
disabled_plugins = ${JSON.stringify(off)}
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${dir}/opt"
[${cri}]
  sandbox_image = "${PAUSE_IMAGE}"
  netns_mounts_under_state_dir = true
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
[${cri}.cni]
  bin_dir = "${CNI_PLUGINS}"
  conf_dir = "${cniDir}"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  BinaryName = "${RUNC}"
  Root = "${dir}/runc"
  SystemdCgroup = false
[${cri}.containerd.runtimes.crun]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.crun.options]
  BinaryName = "${dir}/crun"
  Root = "${dir}/crun-state"
  SystemdCgroup = false
`;
}

function exists(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch {
    return false;
  }
}
