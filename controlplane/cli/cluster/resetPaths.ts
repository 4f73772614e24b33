/** What init and join leave on a host, and what the daemons of a cluster do: all that a reset removes. Pure. */
import { KUBECONFIG_FILES } from '../../pki/layout.ts';
import { NODE_PATHS } from './nodeFiles.ts';

const STATIC_PODS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'];
const FLAGS = ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-dns', 'etcd'];

export function resetPaths(): readonly string[] {
  return [
    ...new Set([
      '/etc/kubernetes/pki',
      ...KUBECONFIG_FILES.map((file) => `/etc/kubernetes/${file}`),
      ...FLAGS.map((name) => `/etc/kubernetes/${name}.env`),
      ...STATIC_PODS.map((name) => `/etc/kubernetes/manifests/${name}.yaml`),
      ...NODE_PATHS,
      '/var/lib/kube-apiserver',
      '/var/lib/kube-proxy',
      '/var/lib/etcd/kubernetes',
    ]),
  ];
}
