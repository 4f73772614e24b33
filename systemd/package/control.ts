/** What the Debian package says of itself. Pure. Source: the Debian Policy Manual, chapters 5 and 7. */
import { SERVICE_PACKAGES } from '#agent/host/packages.ts';

export interface PackageFacts {
  readonly version: string;
  /** As dpkg names it: amd64, arm64. */
  readonly architecture: string;
  readonly installedBytes: number;
}

/** What the pinned Node is linked against. */
const LIBRARIES = ['libc6 (>= 2.28)', 'libstdc++6 (>= 9)', 'libatomic1'];
/** Packages of others that bring the same. */
const INSTEAD: Readonly<Record<string, string>> = { containerd: 'containerd | containerd.io', runc: 'runc | containerd.io' };

export function controlText({ version, architecture, installedBytes }: PackageFacts): string {
  const needed = SERVICE_PACKAGES.map(({ package: name }) => INSTEAD[name] ?? name);
  return [
    'Package: kijabi',
    `Version: ${version}`,
    'Section: admin',
    'Priority: optional',
    `Architecture: ${architecture}`,
    'Maintainer: Kijabi developers <root@localhost>',
    `Installed-Size: ${Math.ceil(installedBytes / 1024)}`,
    `Depends: ${[...LIBRARIES, 'systemd', ...needed].join(', ')}`,
    'Suggests: etcd-server, kubernetes-client',
    // The same programs under the same names.
    'Conflicts: kubelet, kubernetes-node, kubernetes-master',
    'Description: Kubernetes for Linux, as services of this host',
    ' A node agent (kubelet), a service proxy (kube-proxy) and a control plane (API',
    ' server, controller manager, scheduler, DNS), with their own Node. Pods run',
    ' from manifests in /etc/kubernetes/manifests; kijabi init and kijabi join make',
    ' a cluster.',
    '',
  ].join('\n');
}
