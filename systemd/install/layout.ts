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
  /** Has tmpfiles.d, sysctl.d and modules-load.d. */
  readonly settings: string;
}

/** For what is not from a package. */
export const LOCAL: Places = { units: '/etc/systemd/system', commands: '/usr/local/bin', settings: '/etc' };
/** For a package of the distribution's. */
export const PACKAGE: Places = { units: '/usr/lib/systemd/system', commands: '/usr/bin', settings: '/usr/lib' };

/** What a package holds itself: the rest depends on what else is there, or lies where packages may not put configuration. */
export const isPackaged = ({ path, unlessOther }: FileItem): boolean => unlessOther === undefined && !path.startsWith('/var/');

/** What the installer does where a package has brought the rest: its services are those of every role, and start when there is work. */
export function packagedLayout(): Layout {
  const layout = layoutOf('all', PACKAGE);
  return { ...layout, files: layout.files.filter((item) => !isPackaged(item)), links: new Map() };
}

const TARGET = 'kubernetes.target';
const UNITS: Readonly<Record<Exclude<Role, 'all'>, readonly string[]>> = {
  node: ['kijabi-pod-network.service', 'kubelet.service', 'kube-proxy.service', 'kijabi-network.service'],
  'control-plane': ['kube-apiserver.service', 'kube-controller-manager.service', 'kube-scheduler.service', 'kube-dns.service'],
};
const COMMANDS: Readonly<Record<Exclude<Role, 'all'>, readonly string[]>> = {
  node: ['agent/kubelet/kubelet', 'agent/kube-proxy/kube-proxy', 'agent/network/kijabi-network'],
  'control-plane': [
    'controlplane/apiserver/kube-apiserver',
    'controlplane/controllers/kube-controller-manager',
    'controlplane/scheduler/kube-scheduler',
    'controlplane/dns/kube-dns',
  ],
};

/** Files for flags of the operator's. */
const DEFAULTS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-dns'];

export function layoutOf(role: Role, places: Places = LOCAL): Layout {
  const parts = role === 'all' ? (['control-plane', 'node'] as const) : ([role] as const);
  const units = [TARGET, ...parts.flatMap((part) => UNITS[part])];
  const commands = ['controlplane/cli/kijabi', ...parts.flatMap((part) => COMMANDS[part])];
  return {
    role,
    files: [
      ...units.map((unit) => plain(`${places.units}/${unit}`, `units/${unit}`)),
      ...(parts.some((part) => part === 'node') ? nodeFiles(places) : []),
      ...(parts.some((part) => part === 'control-plane') ? DEFAULTS.map((name) => config(`/etc/default/${name}`, `default/${name}`)) : []),
    ],
    links: new Map(commands.map((command) => [`${places.commands}/${command.split('/').at(-1) ?? ''}`, `${PROGRAM}/${command}`])),
    units,
  };
}

function nodeFiles(places: Places): FileItem[] {
  return [
    plain(`${places.units}/containerd.service.d/10-kijabi.conf`, 'files/containerd.service.d/10-kijabi.conf'),
    plain(`${places.settings}/tmpfiles.d/kijabi.conf`, 'files/tmpfiles.d/kijabi.conf'),
    plain(`${places.settings}/sysctl.d/90-kijabi.conf`, 'files/sysctl.d/90-kijabi.conf'),
    plain(`${places.settings}/modules-load.d/kijabi.conf`, 'files/modules-load.d/kijabi.conf'),
    config('/var/lib/kubelet/config.yaml', 'kubelet/config.yaml'),
    config('/etc/kubernetes/kube-proxy.yaml', 'kube-proxy/kube-proxy.yaml'),
    config('/etc/default/kubelet', 'default/kubelet'),
    config('/etc/default/kube-proxy', 'default/kube-proxy'),
    config('/etc/default/kijabi-network', 'default/kijabi-network'),
    { ...config('/etc/cni/net.d/10-kijabi.conflist', 'cni/10-kijabi.conflist'), unlessOther: /\.(conf|conflist|json)$/ },
  ];
}

/** Differs: the CIS benchmark asks for 600 of units too; systemd complains of units that not everybody can read, and shows them anyway. */
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
  return !/(^|\/)(test|bench|testdata)(\/|$)|^systemd\/package(\/|$)/.test(path) && !path.endsWith('.test.ts');
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
