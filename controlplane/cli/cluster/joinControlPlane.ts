/** `kijabi join --control-plane`: a further API server, controller manager and scheduler, and a further member of etcd. */
import { join } from 'node:path';
import { parse } from 'yaml';
import { parseCidr } from '#api/ip.ts';
import { AppError } from '#base/errors.ts';
import { isNotFound } from '#client/errors.ts';
import type { Client } from '#client/rest.ts';
import { Systemd } from '#systemd/install/act.ts';
import { PkiWriter, writeWhole } from '../../pki/act.ts';
import type { ClusterFacts } from '../../pki/layout.ts';
import { seenFiles } from '../../pki/observe.ts';
import { planPki } from '../../pki/plan.ts';
import { addDnsAddress } from '../clusterDns.ts';
import type { Io } from '../io.ts';
import { clientOf, waiting, waitFor } from './ask.ts';
import { clientUrl, ETCD_LOCAL } from './etcd.ts';
import { EtcdMembers, installEtcd, startEtcd } from './etcdMembers.ts';
import { becomeNode, startControlPlane, startDns, type NodeConfigs } from './phases.ts';
import { openShared, SECRET } from './sharedKeys.ts';

const KUBERNETES_DIR = '/etc/kubernetes';
const ETCD_WITHIN_MS = 300_000;

export interface JoiningControlPlane {
  /** In the token's name. */
  readonly client: Client;
  readonly key: Buffer;
  readonly clusterConfiguration: string;
  readonly self: Pick<ClusterFacts, 'nodeName' | 'advertiseAddress' | 'port'>;
  readonly configs: NodeConfigs;
  readonly io: Io;
}

export async function joinControlPlane({
  client: joiner,
  key,
  clusterConfiguration,
  self,
  configs,
  io,
}: JoiningControlPlane): Promise<void> {
  const { facts, certDir } = factsOf(clusterConfiguration, self);
  const places = { kubernetesDir: KUBERNETES_DIR, certDir };
  io.out('[download-certs] Downloading the certificates in Secret "kubeadm-certs" in the "kube-system" Namespace\n');
  for (const [file, text] of openShared(await secretOf(joiner, io.signal), key)) await writeWhole(join(certDir, file), text);
  io.out('[certs] Making the certificates of this host\n');
  const { steps, problems } = planPki(facts, await seenFiles(places), io.clock.nowMs());
  if (problems.length > 0) throw new AppError('PKI_WRONG', problems.join('\n'));
  const writer = new PkiWriter(places, io.clock.nowMs());
  for (const step of steps) await writer.take(step);

  const admin = await clientOf(join(KUBERNETES_DIR, 'admin.conf'), io.clock);
  const systemd = new Systemd(io.signal);
  try {
    io.out('[etcd] Adding this host to the members of etcd, and starting etcd.service\n');
    await installEtcd(io.signal);
    const members = new EtcdMembers((await controlPlanes(admin, io.signal)).map(clientUrl), io.signal);
    // While another one comes, etcd takes none.
    const all = await waitFor('etcd takes this host as a member', () => members.add(facts), waiting(io, ETCD_WITHIN_MS));
    await startEtcd(systemd, facts, all, io.signal);
    const services = {
      ...facts,
      isJoinable: true,
      etcd: [ETCD_LOCAL],
      serviceCidr: ranges(facts),
      podCidr: facts.podRanges.join(',') || undefined,
    };
    const hasDns = await addDnsAddress(admin, facts.advertiseAddress, io.signal);
    await startControlPlane({ services, places, hasDns, systemd, io });
    await becomeNode({ facts, places, configs, client: admin, systemd, io });
    if (hasDns) await startDns(systemd, io);
  } finally {
    admin.close();
  }
}

const ranges = ({ serviceRanges }: ClusterFacts): string => serviceRanges.map(({ canonical }) => canonical).join(',');

interface ClusterConfiguration {
  readonly controlPlaneEndpoint?: string;
  readonly certificatesDir?: string;
  readonly etcd?: { readonly local?: object };
  readonly networking?: { readonly dnsDomain?: string; readonly serviceSubnet?: string; readonly podSubnet?: string };
}

/** text: as kijabi init put it into ConfigMap kubeadm-config. Throws AppError CONTROL_PLANE_REFUSED. */
export function factsOf(text: string, self: JoiningControlPlane['self']): { readonly facts: ClusterFacts; readonly certDir: string } {
  const { controlPlaneEndpoint: endpoint, certificatesDir, etcd, networking = {} } = (parse(text) ?? {}) as ClusterConfiguration;
  if (endpoint === undefined)
    throw refused(
      "unable to add a new control plane instance to a cluster that doesn't have a stable controlPlaneEndpoint address",
      'kijabi init --control-plane-endpoint, with a name or an address that stands before all of them',
    );
  if (etcd?.local === undefined) throw refused('its store is in its API server, which has no room for others', 'kijabi init --etcd');
  const { dnsDomain = 'cluster.local', serviceSubnet = '', podSubnet = '' } = networking;
  const facts = {
    ...self,
    endpoint,
    extraNames: [],
    serviceRanges: serviceSubnet.split(',').flatMap((range) => parseCidr(range) ?? []),
    podRanges: podSubnet.split(',').filter((range) => range !== ''),
    dnsDomain,
  };
  return { facts, certDir: certificatesDir ?? join(KUBERNETES_DIR, 'pki') };
}

async function secretOf(client: Client, signal: AbortSignal): Promise<Readonly<Record<string, string>>> {
  try {
    const path = `/api/v1/namespaces/kube-system/secrets/${SECRET}`;
    return ((await client.json('GET', path, { signal })) as { readonly data?: Readonly<Record<string, string>> }).data ?? {};
  } catch (err) {
    if (!isNotFound(err)) throw err;
    throw refused(`there is no Secret kube-system/${SECRET}: it ends after two hours`, 'kijabi init --upload-certs on a control plane');
  }
}

interface NodeLike {
  readonly status?: { readonly addresses?: readonly { readonly type: string; readonly address: string }[] };
}

/** Addresses of the hosts that have members of the store. */
export async function controlPlanes(client: Client, signal: AbortSignal): Promise<readonly string[]> {
  const selector = encodeURIComponent('node-role.kubernetes.io/control-plane');
  const { items } = (await client.json('GET', `/api/v1/nodes?labelSelector=${selector}`, { signal })) as {
    readonly items: readonly NodeLike[];
  };
  return items.flatMap(({ status }) => (status?.addresses ?? []).find(({ type }) => type === 'InternalIP')?.address ?? []);
}

const refused = (what: string, next: string): AppError =>
  new AppError('CONTROL_PLANE_REFUSED', `Cannot join as a control plane: ${what}. Next: ${next}`);
