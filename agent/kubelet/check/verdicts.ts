/**
 * What is found out about a node before a kubelet starts on it, judged: one line for each thing, with what to do. Pure.
 * `kubelet --check` prints it; a kubelet that starts ends at the first verdict that is fatal, with that one line.
 */
import type { CgroupDriver } from '../pods/cgroupNames.ts';
import type { Signal } from '../eviction/thresholds.ts';

export type Outcome = 'ok' | 'warning' | 'failed';

export interface Verdict {
  readonly check: string;
  readonly outcome: Outcome;
  readonly what: string;
  /** What to do; there is one unless all is well. */
  readonly fix?: string;
  /** The kubelet cannot work, and waiting does not help: it ends with this code. */
  readonly code?: string;
}

export interface PortFact {
  readonly field: string;
  readonly host: string;
  readonly port: number;
  /** Why it cannot be listened on. */
  readonly problem?: { readonly code: string; readonly text: string; readonly holder?: { readonly pid: number; readonly command: string } };
}

export interface CertificateFact {
  /** As the configuration calls it. */
  readonly field: string;
  readonly file: string;
  readonly problem?: string;
  readonly fromMs?: number;
  readonly untilMs?: number;
}

export interface Facts {
  readonly nowMs: number;
  readonly uid: number;
  /** A kubelet has this root directory: it holds the ports, and is asked nothing. */
  readonly running: boolean;
  readonly config: { readonly files: readonly string[]; readonly nodeName: string; readonly rootDir: string };
  readonly cgroups:
    | {
        readonly mode: 'v1' | 'v2';
        readonly controllers: readonly string[];
        readonly root: string;
        readonly driver: CgroupDriver;
        /** systemd runs this machine. */
        readonly systemd: boolean;
        readonly problem?: string;
      }
    | string;
  readonly demands: { readonly swapOff: boolean; readonly cgroupV2: boolean };
  /** Devices and files that are swapped to. */
  readonly swap: readonly string[];
  /** Settings of the kernel that are not as protectKernelDefaults wants them; empty when it wants nothing. */
  readonly kernel: readonly { readonly name: string; readonly value: string; readonly wanted: string }[];
  readonly runtime:
    | { readonly endpoint: string; readonly problem: string }
    | {
        readonly endpoint: string;
        readonly name: string;
        readonly version: string;
        /** The runtime's own words about what is not ready; empty when it is. */
        readonly runtime: string;
        readonly network: string;
        readonly cgroupDriver?: CgroupDriver;
      }
    /** The daemon waits for it and says so itself. */
    | undefined;
  readonly ports: readonly PortFact[];
  readonly certificates: readonly CertificateFact[];
  /** undefined: nobody can be asked. */
  readonly clockSynchronised: boolean | undefined;
  /** When the files of this program were written: no clock is right that is before. */
  readonly builtAtMs: number;
  readonly disks: readonly { readonly path: string; readonly what: string; readonly problem?: string }[];
  readonly short: readonly { readonly signal: Signal; readonly available: number; readonly wanted: number }[];
  readonly resolvConf: { readonly path: string; readonly problem?: string };
  readonly manifests:
    | { readonly directory: string; readonly problem: string }
    | { readonly directory: string; readonly files: number; readonly pods: number; readonly refusals: readonly string[] }
    /** The daemon tells itself what it refuses. */
    | undefined;
}

const NEEDED_CONTROLLERS = ['cpu', 'memory', 'pids'];
const DAY_MS = 24 * 3_600_000;
/** Certificates that end within this are told. */
const SOON_MS = 14 * DAY_MS;

const ok = (check: string, what: string): Verdict => ({ check, outcome: 'ok', what });
const warning = (check: string, what: string, fix: string): Verdict => ({ check, outcome: 'warning', what, fix });
const failed = (check: string, what: string, fix: string): Verdict => ({ check, outcome: 'failed', what, fix });

export function judge(facts: Facts): Verdict[] {
  return [
    judgeUser(facts),
    ok(
      'config',
      `${facts.config.files.length === 0 ? 'no file, defaults' : facts.config.files.join(', ')}; node ${facts.config.nodeName}, root ${facts.config.rootDir}${facts.running ? ', where a kubelet runs' : ''}`,
    ),
    judgeCgroups(facts),
    ...judgeKernel(facts),
    ...judgeRuntime(facts),
    ...judgePorts(facts),
    ...judgeCertificates(facts),
    judgeClock(facts),
    ...judgeDisks(facts),
    judgeResolvConf(facts),
    ...judgeManifests(facts),
  ];
}

function judgeUser({ uid }: Facts): Verdict {
  if (uid === 0) return ok('user', 'root');
  return {
    ...failed('user', `user ${uid}, and the kubelet makes control groups and mounts`, 'run it as root'),
    code: 'NOT_ROOT',
  };
}

function judgeKernel({ demands, swap, kernel }: Facts): Verdict[] {
  const bad: Verdict[] = [];
  if (demands.swapOff && swap.length > 0)
    bad.push({
      ...failed('swap', `swap is on (${swap.join(', ')})`, 'swapoff -a, and take it out of /etc/fstab; or set failSwapOn: false'),
      code: 'SWAP_ON',
    });
  if (kernel.length > 0)
    bad.push({
      ...failed(
        'kernel',
        kernel.map(({ name, value, wanted }) => `${name} is ${value}, and protectKernelDefaults wants ${wanted}`).join('; '),
        `sysctl -w ${kernel.map(({ name, wanted }) => `${name}=${wanted}`).join(' ')}, and the same in /etc/sysctl.d; or set protectKernelDefaults: false`,
      ),
      code: 'KERNEL_SETTINGS',
    });
  return bad.length > 0 ? bad : [ok('kernel', swap.length === 0 ? 'no swap' : 'swap is on, and may be (failSwapOn: false)')];
}

function judgeCgroups({ cgroups, demands }: Facts): Verdict {
  if (typeof cgroups === 'string') return { ...failed('cgroups', cgroups, 'mount cgroup2 on /sys/fs/cgroup'), code: 'CGROUP_NONE' };
  const { mode, controllers, root, driver, systemd, problem } = cgroups;
  if (driver === 'systemd' && !systemd)
    return {
      ...failed('cgroups', 'cgroupDriver is systemd, and systemd does not run here', 'set cgroupDriver: cgroupfs, for the runtime too'),
      code: 'CGROUP_FAILED',
    };
  const missing = NEEDED_CONTROLLERS.filter((c) => !controllers.includes(c));
  if (missing.length > 0)
    return {
      ...failed('cgroups', `no controller ${missing.join(', ')} (${mode})`, 'boot with cgroup_enable=memory, or mount the controllers'),
      code: 'CGROUP_FAILED',
    };
  if (problem !== undefined)
    return {
      ...failed('cgroups', `cannot make groups below ${root}: ${problem}`, 'remount /sys/fs/cgroup read-write, or set cgroupRoot'),
      code: 'CGROUP_FAILED',
    };
  if (mode === 'v1' && demands.cgroupV2)
    return {
      ...failed(
        'cgroups',
        'this machine has cgroup v1, and failCgroupV1 is true',
        'boot with systemd.unified_cgroup_hierarchy=1, or set failCgroupV1: false',
      ),
      code: 'CGROUP_OLD',
    };
  return ok('cgroups', `${mode}, ${driver}, groups below ${root}`);
}

function judgeRuntime({ runtime, cgroups }: Facts): Verdict[] {
  if (runtime === undefined) return [];
  if ('problem' in runtime)
    return [
      failed(
        'runtime',
        `no answer on ${runtime.endpoint}: ${runtime.problem}`,
        'start it (systemctl start containerd), or set containerRuntimeEndpoint',
      ),
    ];
  const { name, version, endpoint, cgroupDriver: theirs } = runtime;
  const ours = typeof cgroups === 'string' ? undefined : cgroups.driver;
  return [
    runtime.runtime === ''
      ? ok('runtime', `${name} ${version} on ${endpoint}`)
      : failed('runtime', `${name} ${version} is not ready: ${runtime.runtime}`, `read its log (journalctl -u ${name})`),
    runtime.network === ''
      ? ok('cni', 'the runtime has a pod network')
      : failed(
          'cni',
          `no pod network: ${runtime.network}`,
          'put a CNI configuration into the directory the runtime reads (/etc/cni/net.d)',
        ),
    ...judgeDriver(name, theirs, ours),
  ];
}

/** undefined: not told. */
export function judgeDriver(runtime: string, theirs: CgroupDriver | undefined, ours: CgroupDriver | undefined): Verdict[] {
  if (theirs === undefined || ours === undefined || theirs === ours) return [];
  return [
    failed(
      'cgroup driver',
      `${runtime} makes control groups by ${theirs}, the kubelet by ${ours}: containers start outside the groups of their pods, or not at all`,
      `set cgroupDriver: ${theirs}, or SystemdCgroup = ${ours === 'systemd'} in the configuration of ${runtime}`,
    ),
  ];
}

function judgePorts({ ports, running }: Facts): Verdict[] {
  if (ports.length === 0) return [ok('ports', 'none is used')];
  const verdicts = ports.flatMap(({ field, host, port, problem }): Verdict[] => {
    if (problem === undefined || (running && problem.code === 'EADDRINUSE')) return [];
    const health = field === 'healthzPort';
    const address = health ? 'healthzBindAddress' : 'address';
    if (problem.code !== 'EADDRINUSE')
      return [
        {
          ...failed('ports', `Cannot listen on ${host}:${port}: ${problem.text}`, `set ${address} to an address of this machine`),
          code: health ? 'HEALTHZ_FAILED' : 'SERVER_FAILED',
        },
      ];
    const { holder } = problem;
    const who = holder === undefined ? '' : ` by process ${holder.pid} (${holder.command})`;
    return [
      {
        ...failed('ports', `Port ${port} on ${host} is taken${who}`, `stop what has it (another kubelet?), or set ${field}`),
        code: health ? 'HEALTHZ_PORT_TAKEN' : 'SERVER_PORT_TAKEN',
      },
    ];
  });
  if (verdicts.length > 0) return verdicts;
  const names = ports.map(({ host, port }) => `${host.includes(':') ? `[${host}]` : host}:${port}`).join(', ');
  return [ok('ports', `${names} ${running ? 'held by the kubelet that runs' : 'free'}`)];
}

function judgeCertificates({ certificates, nowMs }: Facts): Verdict[] {
  if (certificates.length === 0) return [ok('certificates', 'none is given: a self-signed one is made at the start')];
  const verdicts = certificates.flatMap(({ field, file, problem, fromMs, untilMs }): Verdict[] => {
    if (problem !== undefined)
      return [
        { ...failed('certificates', `${file} (${field}): ${problem}`, `mend the file, or name another as ${field}`), code: 'TLS_FILE' },
      ];
    if (fromMs !== undefined && fromMs > nowMs)
      return [failed('certificates', `${file} (${field}) is not good before ${day(fromMs)}`, 'set the clock, or make a new one')];
    if (untilMs !== undefined && untilMs < nowMs)
      return [failed('certificates', `${file} (${field}) ended ${day(untilMs)}`, 'renew it; the kubelet reads it when it starts')];
    if (untilMs !== undefined && untilMs < nowMs + SOON_MS)
      return [warning('certificates', `${file} (${field}) ends ${day(untilMs)}`, 'renew it before')];
    return [];
  });
  if (verdicts.length > 0) return verdicts;
  const ends = certificates.flatMap((c) => c.untilMs ?? []);
  return [
    ok(
      'certificates',
      `${certificates.map((c) => c.field).join(', ')}${ends.length === 0 ? '' : `, good until ${day(Math.min(...ends))}`}`,
    ),
  ];
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}

function judgeClock({ nowMs, builtAtMs, clockSynchronised }: Facts): Verdict {
  if (nowMs < builtAtMs - DAY_MS)
    return failed(
      'clock',
      `it is ${day(nowMs)} here, before this program was made (${day(builtAtMs)})`,
      'set the clock (timedatectl set-ntp true)',
    );
  if (clockSynchronised === false)
    return warning('clock', 'it is not synchronised', 'timedatectl set-ntp true (tokens and certificates are good at certain times only)');
  return ok('clock', clockSynchronised === true ? 'synchronised' : 'plausible; nobody here tells whether it is synchronised');
}

function judgeDisks({ disks, short }: Facts): Verdict[] {
  const bad = [
    ...disks.flatMap(({ path, what, problem }) =>
      problem === undefined ? [] : [failed('disk', `${path} (${what}): ${problem}`, 'make it writable, or name another directory')],
    ),
    ...short.map(({ signal, available, wanted }) =>
      failed(
        signal.startsWith('memory') ? 'memory' : signal.startsWith('pid') ? 'processes' : 'disk',
        `${signal} is ${amount(signal, available)}, and pods are evicted below ${amount(signal, wanted)}`,
        'free some, or lower evictionHard',
      ),
    ),
  ];
  return bad.length > 0 ? bad : [ok('disk', 'writable, and above what pods are evicted for')];
}

function amount(signal: Signal, value: number): string {
  if (signal === 'pid.available' || signal.endsWith('inodesFree')) return String(Math.floor(value));
  return `${Math.floor(value / 2 ** 20)} MiB`;
}

function judgeResolvConf({ resolvConf: { path, problem } }: Facts): Verdict {
  if (problem === undefined) return ok('dns', path === '' ? 'no DNS servers of the node for pods' : path);
  return {
    ...failed('dns', `cannot read ${path}: ${problem}`, 'name another file as resolvConf, or "" for none'),
    code: 'RESOLV_CONF_UNREADABLE',
  };
}

function judgeManifests({ manifests }: Facts): Verdict[] {
  if (manifests === undefined) return [];
  const { directory } = manifests;
  if ('problem' in manifests) return [failed('manifests', `${directory}: ${manifests.problem}`, `mkdir -p ${directory}`)];
  const { files, pods, refusals } = manifests;
  const counted = `${files} ${files === 1 ? 'file' : 'files'}, ${pods} ${pods === 1 ? 'pod' : 'pods'}`;
  const [first, ...more] = refusals;
  if (first === undefined) return [ok('manifests', `${directory}: ${counted}`)];
  const rest = more.length === 0 ? '' : ` (and ${more.length} more)`;
  const what = `${directory}: ${counted}, ${refusals.length} refused: ${first}${rest}`;
  return [failed('manifests', what, `mend it; kijabi manifests lint ${directory} lists them all`)];
}

const MARKS: Readonly<Record<Outcome, string>> = { ok: 'ok', warning: 'warn', failed: 'FAIL' };

/** One line for each. */
export function verdictLines(verdicts: readonly Verdict[]): string {
  const width = Math.max(...verdicts.map((v) => v.check.length));
  return verdicts
    .map(
      ({ check, outcome, what, fix }) =>
        `${MARKS[outcome].padEnd(4)}  ${check.padEnd(width)}  ${oneLine(what)}${fix === undefined ? '' : `; do: ${fix}`}\n`,
    )
    .join('');
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, '; ');
}

export function exitCodeOf(verdicts: readonly Verdict[]): 0 | 1 {
  return verdicts.some((v) => v.outcome === 'failed') ? 1 : 0;
}
