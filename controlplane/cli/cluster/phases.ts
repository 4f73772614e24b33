/** What the first control plane and further ones have in common: their services, and that their host is a node too. */
import { join } from 'node:path';
import type { Client } from '#client/rest.ts';
import type { Systemd } from '#systemd/install/act.ts';
import { writeWhole } from '../../pki/act.ts';
import type { ConfigPlaces } from '../../pki/configFiles.ts';
import type { ClusterFacts } from '../../pki/layout.ts';
import type { Io } from '../io.ts';
import { leaveAlone } from './alone.ts';
import { clientOf, waitFor, waiting } from './ask.ts';
import { CONTROL_PLANE } from './checkHost.ts';
import { nodeFiles } from './nodeFiles.ts';
import { podResolvConf, unitStates } from './observe.ts';
import { serviceFiles, type ServiceFacts } from './serviceFiles.ts';

const API_WITHIN_MS = 240_000;
const NODE_WITHIN_MS = 120_000;
const DNS = 'kube-dns.service';
const LABEL = 'node-role.kubernetes.io/control-plane';

export interface ControlPlane {
  readonly services: ServiceFacts;
  readonly places: ConfigPlaces;
  readonly hasDns: boolean;
  readonly systemd: Systemd;
  readonly io: Io;
}

/** Returns when the API server of this host is ready. */
export async function startControlPlane({ services, places, hasDns, systemd, io }: ControlPlane): Promise<void> {
  io.out(`[control-plane] Starting ${CONTROL_PLANE.join(', ')}\n`);
  const files = serviceFiles(services, places).filter(({ file }) => hasDns || file !== 'kube-dns.env');
  for (const { file, text } of files) await writeWhole(join(places.kubernetesDir, file), text);
  await systemd.restart(CONTROL_PLANE);
  // It leads to the server of this host, also where something stands before several.
  const client = await clientOf(join(places.kubernetesDir, 'controller-manager.conf'), io.clock);
  try {
    const look = async (): Promise<string> => client.text('GET', '/readyz', { signal: io.signal });
    await waitFor('the API server is ready', look, waiting(io, API_WITHIN_MS));
  } finally {
    client.close();
  }
}

export interface NodeConfigs {
  readonly kubelet: string;
  readonly proxy: string;
  readonly network: string | undefined;
}

export interface Becoming {
  readonly facts: ClusterFacts;
  readonly places: ConfigPlaces;
  readonly configs: NodeConfigs;
  /** Of an administrator. */
  readonly client: Client;
  readonly systemd: Systemd;
  readonly io: Io;
}

export async function becomeNode({ facts, places, configs, client, systemd, io }: Becoming): Promise<void> {
  io.out('[kubelet-start] Starting the kubelet of this node\n');
  const { nodeName } = facts;
  const node = {
    ...configs,
    nodeName,
    nodeIp: facts.advertiseAddress,
    proxyKubeconfig: join(places.kubernetesDir, 'kube-proxy.conf'),
    bootstrapKubeconfig: undefined,
    resolvConf: podResolvConf(),
  };
  await leaveAlone(io);
  for (const { path, text } of nodeFiles(node)) await writeWhole(path, text);
  await startNode(systemd, io);
  await waitFor(`node ${nodeName} is there`, () => mark(client, nodeName, io.signal), waiting(io, NODE_WITHIN_MS));
  io.out(`[mark-control-plane] Marked the node ${nodeName} as control-plane by the label and the taint ${LABEL}\n`);
}

/** The services of a node, with the files that are there now. */
export async function startNode(systemd: Systemd, { signal }: Pick<Io, 'signal'>): Promise<void> {
  const units = ['kubelet.service', 'kube-proxy.service', 'kijabi-network.service'];
  const there = await unitStates(units, signal);
  await systemd.restart(units.filter((unit) => there.has(unit)));
}

export async function startDns(systemd: Systemd, io: Pick<Io, 'out'>): Promise<void> {
  io.out(`[addons] Starting cluster DNS, ${DNS}\n`);
  await systemd.restart([DNS]);
}

interface NodeLike {
  readonly spec?: { readonly taints?: readonly { readonly key: string; readonly effect: string }[] };
}

/** Pods that do not ask for it keep off, as from kubeadm's. Throws when it is not there yet. */
async function mark(client: Client, name: string, signal: AbortSignal): Promise<true> {
  const path = `/api/v1/nodes/${name}`;
  const { spec } = (await client.json('GET', path, { signal })) as NodeLike;
  const others = (spec?.taints ?? []).filter(({ key }) => key !== LABEL);
  const labels = { [LABEL]: '', 'node.kubernetes.io/exclude-from-external-load-balancers': '' };
  const body = { metadata: { labels }, spec: { taints: [...others, { key: LABEL, effect: 'NoSchedule' }] } };
  await client.json('PATCH', path, { body, type: 'application/merge-patch+json', signal });
  return true;
}
