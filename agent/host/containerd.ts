/**
 * The configuration of a containerd that belongs to one isolated node: everything it writes lies in the node's own directories.
 * Pure, but for findRuntimes, which looks at what is installed.
 *
 * The format is version 2, which containerd 1.6 and 1.7 read. AppArmor is switched off where the kernel lacks it: a profile would
 * be an error. oom scores are restricted where the capability is missing: sandboxes could not start otherwise.
 * Source: containerd's docs/cri/config.md and `containerd config default`.
 */
import { existsSync, readFileSync } from 'node:fs';
import type { NodePaths } from './paths.ts';

/** Both what containerd asks for and what our image builder makes. */
export const PAUSE_IMAGE = 'registry.k8s.io/pause:3.10';

export interface RuntimeFacts {
  readonly runc: string;
  /** Offered as the second runtime handler when it is installed. */
  readonly crun: string | undefined;
  readonly cniBinDir: string;
  readonly apparmor: boolean;
  readonly mayRaiseOomScore: boolean;
}

export function containerdConfig(paths: NodePaths, facts: RuntimeFacts, sandboxImage = PAUSE_IMAGE): string {
  const handlers = [['runc', facts.runc] as const, ...(facts.crun === undefined ? [] : [['crun', facts.crun] as const])];
  return [
    `version = 2`,
    ...lines({ root: paths.containerdRoot, state: paths.containerdState }),
    // What nobody uses here takes start-up time, or fails and says so at every start.
    ...lines({ disabled_plugins: UNUSED_PLUGINS }),
    `[grpc]`,
    ...lines({ address: paths.containerdSocket }),
    `[debug]`,
    ...lines({ level: 'warn' }),
    `[plugins."io.containerd.internal.v1.opt"]`,
    ...lines({ path: `${paths.containerdRoot}/opt` }),
    `[plugins."${CRI}"]`,
    ...lines({
      sandbox_image: sandboxImage,
      netns_mounts_under_state_dir: true,
      restrict_oom_score_adj: !facts.mayRaiseOomScore,
      disable_apparmor: !facts.apparmor,
      stream_server_address: '127.0.0.1',
      stream_server_port: '0',
    }),
    `[plugins."${CRI}".cni]`,
    ...lines({ bin_dir: facts.cniBinDir, conf_dir: paths.cniConfDir, max_conf_num: 1 }),
    `[plugins."${CRI}".registry]`,
    ...lines({ config_path: paths.certsDir }),
    `[plugins."${CRI}".containerd]`,
    ...lines({ snapshotter: 'overlayfs', default_runtime_name: 'runc' }),
    ...handlers.flatMap(([name, binary]) => [
      `[plugins."${CRI}".containerd.runtimes.${name}]`,
      ...lines({ runtime_type: 'io.containerd.runc.v2' }),
      `[plugins."${CRI}".containerd.runtimes.${name}.options]`,
      ...lines({ SystemdCgroup: false, BinaryName: binary, Root: `${paths.containerdState}/${name}` }),
    ]),
    '',
  ].join('\n');
}

const CRI = 'io.containerd.grpc.v1.cri';
const UNUSED_PLUGINS = [
  'io.containerd.snapshotter.v1.aufs',
  'io.containerd.snapshotter.v1.btrfs',
  'io.containerd.snapshotter.v1.devmapper',
  'io.containerd.snapshotter.v1.zfs',
  'io.containerd.snapshotter.v1.blockfile',
  'io.containerd.nri.v1.nri',
  'io.containerd.tracing.processor.v1.otlp',
  'io.containerd.internal.v1.tracing',
];

/** JSON's strings, numbers, booleans and arrays of them are TOML's too. */
function lines(values: Readonly<Record<string, string | number | boolean | readonly string[]>>): string[] {
  return Object.entries(values).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
}

const SEARCH = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const CNI_BIN_DIRS = ['/usr/lib/cni', '/opt/cni/bin'];
const CAP_SYS_RESOURCE = 24n;

export function findProgram(name: string): string | undefined {
  return SEARCH.map((directory) => `${directory}/${name}`).find((path) => existsSync(path));
}

/** Where the plugins we need lie; undefined when some are missing everywhere. */
export function findCniBinDir(): string | undefined {
  return CNI_BIN_DIRS.find((directory) =>
    ['bridge', 'host-local', 'portmap', 'loopback'].every((name) => existsSync(`${directory}/${name}`)),
  );
}

export function hasCapability(number: bigint, status = readFileSync('/proc/self/status', 'utf8')): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0';
  return ((BigInt(`0x${effective}`) >> number) & 1n) === 1n;
}

export function findRuntimes(): RuntimeFacts {
  return {
    runc: findProgram('runc') ?? 'runc',
    crun: findProgram('crun'),
    cniBinDir: findCniBinDir() ?? '/usr/lib/cni',
    apparmor: existsSync('/sys/module/apparmor/parameters/enabled'),
    mayRaiseOomScore: hasCapability(CAP_SYS_RESOURCE),
  };
}
