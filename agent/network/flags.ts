/** The command line of kijabi-network. Pure. Throws: AppError USAGE. */
import { parseArgs } from 'node:util';
import { parseCidr, type Cidr } from '#api/ip.ts';
import { AppError } from '#base/errors.ts';

export const USAGE = `Usage: kijabi-network --kubeconfig FILE --cluster-cidr CIDR[,CIDR] [flags]

The network between the pods of a cluster, for nodes on one segment: gives the runtime the configuration of this node's part of it, keeps
a route to the pods of every other node, and masquerades what leaves the cluster. Needs ip and nft.

      --kubeconfig FILE          of somebody who may list and watch nodes, such as kube-proxy.conf; absent: as a pod, its service account
      --cluster-cidr CIDR,...    network of the pods, of each family one, as kube-controller-manager has it
      --hostname-override NAME   name of this node (default: the host's name)
      --cni-conf-dir DIR         (default /etc/cni/net.d)
      --cni-data-dir DIR         (default /var/lib/cni/networks)
  -v, --v N                      4 and more: debug
  -h, --help                     print this
`;

export interface Settings {
  readonly help: boolean;
  readonly kubeconfig: string | undefined;
  readonly clusterCidrs: readonly Cidr[];
  readonly nodeName: string;
  readonly cniConfDir: string;
  readonly cniDataDir: string;
  readonly verbosity: number;
}

const OPTIONS = {
  kubeconfig: { type: 'string' },
  'cluster-cidr': { type: 'string' },
  'hostname-override': { type: 'string' },
  'cni-conf-dir': { type: 'string', default: '/etc/cni/net.d' },
  'cni-data-dir': { type: 'string', default: '/var/lib/cni/networks' },
  v: { type: 'string', short: 'v', default: '0' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

export function parseFlags(argv: readonly string[], hostname: string): Settings {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: false });
  const given = (values['cluster-cidr'] ?? '').split(',').filter((text) => text !== '');
  const clusterCidrs = given.map((text) => {
    const cidr = parseCidr(text);
    if (cidr === undefined) throw new AppError('USAGE', `--cluster-cidr: ${JSON.stringify(text)} is no network such as 10.244.0.0/16`);
    return cidr;
  });
  if (!values.help && clusterCidrs.length === 0)
    throw new AppError('USAGE', '--cluster-cidr is missing: the network of the pods, as kube-controller-manager has it');
  if (new Set(clusterCidrs.map(({ ip }) => ip.family)).size < clusterCidrs.length)
    throw new AppError('USAGE', '--cluster-cidr: want one network of each family at most');
  if (!/^\d+$/.test(values.v)) throw new AppError('USAGE', `--v: want a whole number, got ${JSON.stringify(values.v)}`);
  return {
    help: values.help,
    kubeconfig: values.kubeconfig,
    clusterCidrs,
    nodeName: (values['hostname-override'] ?? hostname).toLowerCase(),
    cniConfDir: values['cni-conf-dir'],
    cniDataDir: values['cni-data-dir'],
    verbosity: Number(values.v),
  };
}
