/** `kijabi join`: makes this host a node of a cluster, after it has proved to be the right one. */
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { durationMs } from '#api/formats.ts';
import { parseIp } from '#api/ip.ts';
import { AppError } from '#base/errors.ts';
import { isNotFound } from '#client/errors.ts';
import type { Client } from '#client/rest.ts';
import { Systemd } from '#systemd/install/act.ts';
import { writeWhole } from '../pki/act.ts';
import { kubeconfigText } from '../pki/kubeconfig.ts';
import { leaveAlone } from './cluster/alone.ts';
import { askClusterInfo, clientFor, clientOf, waiting, waitFor } from './cluster/ask.ts';
import { parseToken, type BootstrapToken } from './cluster/bootstrapToken.ts';
import { checkHost } from './cluster/checkHost.ts';
import { believe, parsePins, type Discovered } from './cluster/discovery.ts';
import { joinControlPlane } from './cluster/joinControlPlane.ts';
import { nodeFiles } from './cluster/nodeFiles.ts';
import { NETWORK_KEY, NETWORK_MAP } from './cluster/objects.ts';
import { podResolvConf } from './cluster/observe.ts';
import { startNode, type NodeConfigs } from './cluster/phases.ts';
import { parseCertificateKey } from './cluster/sharedKeys.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi join HOST:PORT --token TOKEN --discovery-token-ca-cert-hash HASH [options]

Makes this host, which has the services of a node (kijabi install, or the Debian package), a node of a cluster. kijabi token create
--print-join-command on a control plane prints the whole command.

      --token TOKEN                                  as kijabi token create prints it
      --discovery-token-ca-cert-hash sha256:HEX      of the cluster's authority; several with commas or by repeating
      --discovery-token-unsafe-skip-ca-verification  believe any authority that the token signed
      --discovery-timeout DURATION                   how long to wait for a cluster that is still being made (default 5m0s)
      --control-plane                                this host becomes a control plane too; the first one has --etcd and --control-plane-endpoint
      --certificate-key KEY                          with --control-plane: as kijabi init --upload-certs prints it
      --apiserver-advertise-address IP               with --control-plane: where its API server is reached (default: that of --node-ip)
      --apiserver-bind-port PORT                     with --control-plane: (default 6443)
      --node-name NAME                               (default: the host's name, in lower case)
      --node-ip IP                                   (default: the address from which the API server is reached)
      --ignore-preflight-errors NAMES                checks that only warn, with commas; all
  -h, --help                                         print this
`;

const OPTIONS = {
  token: { type: 'string' },
  'discovery-token-ca-cert-hash': { type: 'string', multiple: true },
  'discovery-token-unsafe-skip-ca-verification': { type: 'boolean', default: false },
  'discovery-timeout': { type: 'string', default: '5m0s' },
  'control-plane': { type: 'boolean', default: false },
  'certificate-key': { type: 'string' },
  'apiserver-advertise-address': { type: 'string' },
  'apiserver-bind-port': { type: 'string' },
  'node-name': { type: 'string' },
  'node-ip': { type: 'string' },
  'ignore-preflight-errors': { type: 'string', multiple: true },
  help: { type: 'boolean', short: 'h' },
} as const;

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

const API_PORT = '6443';
const NODE_WITHIN_MS = 180_000;
const KUBELET_CONF = '/etc/kubernetes/kubelet.conf';
const BOOTSTRAP_CONF = '/etc/kubernetes/bootstrap-kubelet.conf';
const CA = '/etc/kubernetes/pki/ca.crt';

export const joinCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(USAGE), 0);
  const [endpoint, ...more] = positionals;
  if (endpoint === undefined || more.length > 0 || !/^\[?[A-Za-z0-9.:-]+\]?:\d{1,5}$/.test(endpoint))
    throw new AppError('USAGE', 'want the address of an API server, HOST:PORT');
  if (values.token === undefined)
    throw new AppError('USAGE', '--token is missing: kijabi token create --print-join-command on a control plane');
  const token = parseToken(values.token);
  const pins = parsePins(values['discovery-token-ca-cert-hash'] ?? []);
  if (pins.length === 0 && !values['discovery-token-unsafe-skip-ca-verification'])
    throw new AppError(
      'USAGE',
      '--discovery-token-ca-cert-hash is missing: without it whoever has a token could be the cluster; --discovery-token-unsafe-skip-ca-verification takes that risk',
    );
  const key = certificateKeyOf(values);
  const withinMs = durationMs(values['discovery-timeout']);
  if (withinMs === undefined || withinMs < 0)
    throw new AppError('USAGE', `--discovery-timeout: want a duration such as 5m0s, got ${JSON.stringify(values['discovery-timeout'])}`);
  const apiPort = Number(values['apiserver-bind-port'] ?? API_PORT);
  const controlPlane = key === undefined ? undefined : { apiPort, hasEtcd: true };
  await checkHost({ controlPlane, absent: [KUBELET_CONF, BOOTSTRAP_CONF, CA] }, values['ignore-preflight-errors'] ?? [], io);

  io.out(`[discovery] Asking ${endpoint} for cluster-info\n`);
  const { discovered, localAddress } = await discover({ endpoint, token, pins, withinMs }, io);
  io.out(
    `[discovery] cluster-info is signed with the token${pins.length === 0 ? '' : ', and its authority has the hash'}: ${discovered.server}\n`,
  );
  const nodeName = values['node-name'] ?? hostname().trim().toLowerCase();
  const nodeIp = values['node-ip'] ?? values['apiserver-advertise-address'] ?? localAddress;
  const client = joinerOf(discovered, token, io);
  try {
    const { clusterConfiguration, ...configs } = await readConfiguration(client, io.signal);
    if (key === undefined) await joinNode({ nodeName, nodeIp, discovered, token, configs, io });
    else {
      const self = { nodeName, port: apiPort, advertiseAddress: values['apiserver-advertise-address'] ?? nodeIp };
      await joinControlPlane({ client, key, clusterConfiguration, self, configs, io });
    }
  } finally {
    client.close();
  }
  io.out(key === undefined ? NODE_JOINED : CONTROL_PLANE_JOINED);
  return 0;
};

const NODE_JOINED = `
This node has joined the cluster:
* Certificate signing request was sent to apiserver and a response was received.
* The Kubelet was informed of the new secure connection details.

Run 'kubectl get nodes' on the control-plane to see this node join the cluster.
`;
const CONTROL_PLANE_JOINED = `
This node has joined the cluster and a new control plane instance was created:
* Its API server, controller manager and scheduler run as services of this host, with certificates of their own.
* A new etcd member was added to the etcd cluster.

Run 'kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes' to see this node join the cluster.
`;

/** undefined: it is no control plane that joins. */
function certificateKeyOf(values: Values): Buffer | undefined {
  const { 'control-plane': isControlPlane, 'certificate-key': text } = values;
  for (const name of ['certificate-key', 'apiserver-advertise-address', 'apiserver-bind-port'] as const)
    if (!isControlPlane && values[name] !== undefined) throw new AppError('USAGE', `--${name} goes with --control-plane`);
  const { 'apiserver-bind-port': port = API_PORT, 'apiserver-advertise-address': address } = values;
  if (!/^\d{1,5}$/.test(port) || Number(port) < 1 || Number(port) > 65_535)
    throw new AppError('USAGE', `--apiserver-bind-port: want 1 to 65535, got ${JSON.stringify(port)}`);
  if (address !== undefined && parseIp(address) === undefined)
    throw new AppError('USAGE', `--apiserver-advertise-address: ${JSON.stringify(address)} is no IP address`);
  if (!isControlPlane) return undefined;
  if (text === undefined)
    throw new AppError('USAGE', '--certificate-key is missing: kijabi init --upload-certs on a control plane prints it');
  return parseCertificateKey(text);
}

interface JoiningNode {
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly discovered: Discovered;
  readonly token: BootstrapToken;
  readonly configs: NodeConfigs;
  readonly io: Io;
}

async function joinNode({ nodeName, nodeIp, discovered, token, configs, io }: JoiningNode): Promise<void> {
  await leaveAlone(io);
  io.out(`[kubelet-start] Writing the configuration of node ${nodeName}, address ${nodeIp}\n`);
  await writeWhole(CA, discovered.ca);
  const user = 'tls-bootstrap-token-user';
  const credentials = { token: `${token.id}.${token.secret}` };
  await writeWhole(
    BOOTSTRAP_CONF,
    kubeconfigText({ cluster: 'kubernetes', user, server: discovered.server, ca: discovered.ca, credentials }),
  );
  const own = { nodeName, nodeIp, resolvConf: podResolvConf(), proxyKubeconfig: KUBELET_CONF, bootstrapKubeconfig: BOOTSTRAP_CONF };
  for (const { path, text } of nodeFiles({ ...configs, ...own })) await writeWhole(path, text);
  const systemd = new Systemd(io.signal);
  await systemd.restart(['kubelet.service']);
  io.out('[kubelet-start] Waiting for the kubelet to perform the TLS Bootstrap\n');
  await waitFor(`node ${nodeName} is there`, () => seeNode(nodeName, io), waiting(io, NODE_WITHIN_MS));
  // They ask with what the kubelet has now.
  await startNode(systemd, io);
}

interface Sought {
  readonly endpoint: string;
  readonly token: BootstrapToken;
  readonly pins: readonly string[];
  readonly withinMs: number;
}

/** A token that was just made may not be signed with yet, and of hosts that are made together the first one may not be there yet. */
async function discover(
  { endpoint, token, pins, withinMs }: Sought,
  { clock, signal }: Io,
): Promise<{ readonly discovered: Discovered; readonly localAddress: string }> {
  const { data, localAddress } = await waitFor(
    'cluster-info is signed with this token',
    async () => {
      const asked = await askClusterInfo(endpoint, signal);
      return asked.data[`jws-kubeconfig-${token.id}`] === undefined ? undefined : asked;
    },
    waiting({ clock, signal }, withinMs),
  );
  return { discovered: believe(data, token, pins), localAddress };
}

/** Over TLS that is verified now, in the token's name. */
function joinerOf({ server, ca }: Discovered, { id, secret }: BootstrapToken, { clock }: Io): Client {
  const config = {
    server,
    namespace: 'default',
    ca: { kind: 'text', text: ca },
    token: { kind: 'text', text: `${id}.${secret}` },
  } as const;
  return clientFor(config, clock);
}

async function readConfiguration(client: Client, signal: AbortSignal): Promise<NodeConfigs & { readonly clusterConfiguration: string }> {
  const find = async (name: string, key: string): Promise<string | undefined> => {
    const path = `/api/v1/namespaces/kube-system/configmaps/${name}`;
    const { data } = (await client.json('GET', path, { signal })) as { readonly data?: Readonly<Record<string, string>> };
    return data?.[key];
  };
  const read = async (name: string, key: string): Promise<string> => {
    const text = await find(name, key);
    if (text === undefined)
      throw new AppError(
        'DISCOVERY_REFUSED',
        `Cannot join: ConfigMap kube-system/${name} has no ${key}. Next: run kijabi init again on the control plane`,
      );
    return text;
  };
  const [kubelet, proxy, clusterConfiguration, network] = await Promise.all([
    read('kubelet-config', 'kubelet'),
    read('kube-proxy', 'config.conf'),
    read('kubeadm-config', 'ClusterConfiguration'),
    find(NETWORK_MAP, NETWORK_KEY).catch((err: unknown) => {
      if (!isNotFound(err)) throw err;
      return undefined; // another add-on connects the pods
    }),
  ]);
  return { kubelet, proxy, clusterConfiguration, network };
}

/** The kubelet writes its kubeconfig when it has a certificate. */
async function seeNode(name: string, { clock, signal }: Io): Promise<true | undefined> {
  const client = await clientOf(KUBELET_CONF, clock);
  try {
    await client.json('GET', `/api/v1/nodes/${name}`, { signal });
    return true;
  } catch (err) {
    if (isNotFound(err)) return undefined;
    throw err;
  } finally {
    client.close();
  }
}
