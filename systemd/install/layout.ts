/**
 * What an installation puts where. Pure.
 * Source: file-hierarchy(7); the places of upstream's packages for what people look for (/var/lib/kubelet/config.yaml,
 * /etc/default/kubelet, /etc/kubernetes).
 */
export const ROLES = ['node', 'control-plane', 'all'] as const;
export type Role = (typeof ROLES)[number];

export const PROGRAM = '/usr/lib/kijabi';
export const RECORD = '/var/lib/kijabi/installed.json';

export interface FileItem {
  readonly path: string;
  /** Below the program's root. */
  readonly source: string;
  readonly mode: number;
  /** The operator's once it is there: a changed one is kept. */
  readonly config: boolean;
  /** Left out where the directory already holds such a file of somebody else's. */
  readonly unlessOther?: RegExp;
}

export interface Layout {
  readonly role: Role;
  readonly files: readonly FileItem[];
  /** Path of a command -> what it leads to. */
  readonly links: ReadonlyMap<string, string>;
  /** Enabled, and started in this order. */
  readonly units: readonly string[];
}

export interface Places {
  readonly units: string;
  readonly commands: string;
}

/** For what is not from a package. */
export const LOCAL: Places = { units: '/etc/systemd/system', commands: '/usr/local/bin' };

const TARGET = 'kubernetes.target';
const UNITS: Readonly<Record<Exclude<Role, 'all'>, readonly string[]>> = {
  node: ['kijabi-pod-network.service', 'kubelet.service', 'kube-proxy.service'],
  'control-plane': ['kube-apiserver.service'],
};
const COMMANDS: Readonly<Record<Exclude<Role, 'all'>, readonly string[]>> = {
  node: ['agent/kubelet/kubelet', 'agent/kube-proxy/kube-proxy'],
  'control-plane': ['controlplane/apiserver/kube-apiserver'],
};

export function layoutOf(role: Role, places: Places = LOCAL): Layout {
  const parts = role === 'all' ? (['control-plane', 'node'] as const) : ([role] as const);
  const units = [TARGET, ...parts.flatMap((part) => UNITS[part])];
  const commands = ['controlplane/cli/kijabi', ...parts.flatMap((part) => COMMANDS[part])];
  return {
    role,
    files: [
      ...units.map((unit) => plain(`${places.units}/${unit}`, `units/${unit}`)),
      ...(parts.some((part) => part === 'node') ? nodeFiles(places) : []),
      ...(parts.some((part) => part === 'control-plane') ? [config('/etc/default/kube-apiserver', 'default/kube-apiserver')] : []),
    ],
    links: new Map(commands.map((command) => [`${places.commands}/${command.split('/').at(-1) ?? ''}`, `${PROGRAM}/${command}`])),
    units,
  };
}

function nodeFiles(places: Places): FileItem[] {
  return [
    plain(`${places.units}/containerd.service.d/10-kijabi.conf`, 'files/containerd.service.d/10-kijabi.conf'),
    plain('/etc/tmpfiles.d/kijabi.conf', 'files/tmpfiles.d/kijabi.conf'),
    plain('/etc/sysctl.d/90-kijabi.conf', 'files/sysctl.d/90-kijabi.conf'),
    plain('/etc/modules-load.d/kijabi.conf', 'files/modules-load.d/kijabi.conf'),
    config('/var/lib/kubelet/config.yaml', 'kubelet/config.yaml'),
    config('/etc/kubernetes/kube-proxy.yaml', 'kube-proxy/kube-proxy.yaml'),
    config('/etc/default/kubelet', 'default/kubelet'),
    config('/etc/default/kube-proxy', 'default/kube-proxy'),
    { ...config('/etc/cni/net.d/10-kijabi.conflist', 'cni/10-kijabi.conflist'), unlessOther: /\.(conf|conflist|json)$/ },
  ];
}

function plain(path: string, source: string): FileItem {
  return { path, source: `systemd/${source}`, mode: 0o644, config: false };
}

/** The CIS benchmark asks for 600, root:root. */
function config(path: string, source: string): FileItem {
  return { path, source: `systemd/files/${source}`, mode: 0o600, config: true };
}

/** What of a clone is the program: no tests, no benchmarks. path: below the root. */
export function isProgram(path: string): boolean {
  const [top = ''] = path.split('/');
  if (!TOPS.has(top)) return false;
  return !/(^|\/)(test|bench|testdata)(\/|$)/.test(path) && !path.endsWith('.test.ts');
}

const TOPS: ReadonlySet<string> = new Set([
  'agent',
  'controlplane',
  'cri-proto',
  'systemd',
  'package.json',
  'package-lock.json',
  'README.md',
  'LICENSE',
]);

/** Directories of the npm packages that the program needs when it runs, as package-lock.json tells. */
export function runtimePackages(lock: { readonly packages: Readonly<Record<string, { readonly dev?: boolean }>> }): string[] {
  return Object.entries(lock.packages).flatMap(([path, { dev }]) => (path === '' || dev === true ? [] : [path]));
}
