/**
 * What keeps a host from becoming a part of a cluster. Pure: everything that is wrong at once, under the names by which kubeadm's
 * --ignore-preflight-errors knows the same checks.
 */
import { AppError } from '#base/errors.ts';

export interface SeenHost {
  readonly isRoot: boolean;
  /** systemd runs it, and the services that are needed are installed. */
  readonly missingServices: readonly string[];
  readonly busyPorts: readonly number[];
  /** Of those that must not be there yet. */
  readonly files: readonly string[];
  readonly hasRuntime: boolean;
  readonly forwards: boolean;
}

export interface Problem {
  readonly name: string;
  readonly text: string;
}

export function preflightProblems({ isRoot, missingServices, busyPorts, files, hasRuntime, forwards }: SeenHost): readonly Problem[] {
  return [
    ...(isRoot ? [] : [{ name: 'IsPrivilegedUser', text: 'user is not running as root' }]),
    ...missingServices.map((unit) => ({
      name: `Service-${unit.replace(/\.service$/, '')}`,
      text: `${unit} is not installed: apt-get install kijabi, or kijabi install --role all (node for nodes)`,
    })),
    ...busyPorts.map((port) => ({ name: `Port-${port}`, text: `Port ${port} is in use` })),
    ...files.map((path) => ({
      name: `FileAvailable-${path.replaceAll('/', '-')}`,
      text: `${path} already exists: kijabi reset takes this host out of the cluster it is in`,
    })),
    ...(hasRuntime
      ? []
      : [{ name: 'CRI', text: 'containerd does not listen on /run/containerd/containerd.sock: systemctl start containerd' }]),
    ...(forwards
      ? []
      : [
          {
            name: 'FileContent--proc-sys-net-ipv4-ip_forward',
            text: '/proc/sys/net/ipv4/ip_forward contents are not set to 1: sysctl --system',
          },
        ]),
  ];
}

/** Throws AppError PREFLIGHT with all that is not ignored. ignored: names in any case, or "all". */
export function throwIfUnfit(problems: readonly Problem[], ignored: readonly string[]): readonly Problem[] {
  const names = new Set(ignored.map((name) => name.toLowerCase()));
  const isIgnored = ({ name }: Problem): boolean => names.has('all') || names.has(name.toLowerCase());
  const fatal = problems.filter((problem) => !isIgnored(problem));
  if (fatal.length > 0) {
    const list = fatal.map(({ name, text }) => `\t[ERROR ${name}]: ${text}`).join('\n');
    throw new AppError(
      'PREFLIGHT',
      `[preflight] Some fatal errors occurred:\n${list}\n[preflight] If you know what you are doing, you can make a check non-fatal with --ignore-preflight-errors=...`,
    );
  }
  return problems.filter(isIgnored);
}
