/** The command line of `kijabi start`. Pure: words in, options or one clear complaint out. */
import { parseArgs } from 'node:util';
import { resolve } from 'node:path';
import { DEFAULT_NODE, nodePaths } from '#agent/host/paths.ts';
import { AppError } from '#base/errors.ts';

export const USAGE = `Usage: kijabi start [--name NAME] [--manifests DIR] [--services DIR] [--port PORT] [--detach | --once] [--json]

Starts a complete one-machine node, isolated from this host: its own network namespace, containerd and kubelet. Runs a static
nginx pod on it, and forwards a port of 127.0.0.1 to the pod. Ctrl-C removes every trace.

      --manifests DIR       run the manifests in DIR instead of the example; DIR itself is left as it is
      --services DIR        serve the services in DIR instead of the example; DIR itself is left as it is
      --port PORT           port on 127.0.0.1 that leads to the pod (default: the first free one from 18080 on)
      --detach              return when the pod serves; kijabi down ends it
      --once                remove everything as soon as the pod has answered; exit code 0 only if it said 200
      --json                print one JSON object on stdout; all else goes to stderr
      --name NAME           name of the isolated node, for several side by side (default ${DEFAULT_NODE})
      --node-name NAME      what the kubelet calls the node (default: the host's name)
      --pod-subnet CIDR     network of the pods (default: 10.244.0.0/24, or another one if the host uses that)
      --offline             do not try image registries; build the images from Debian packages
      --timeout SECONDS     how long the pods may take to get ready (default 120)
  -h, --help                print this
`;

export const UP_USAGE = `Usage: kijabi up [--nodes N] [--detach] [the options of kijabi start]

Starts the isolated node of kijabi start with an API server in it, which kubelet and service proxy join, and writes a kubeconfig for
kubectl on this host. kijabi down removes every trace. The control plane (API server, scheduler, controllers, DNS) is one process.

      --nodes N             so many nodes, neighbours on one segment, each with containerd, kubelet and service proxy (default 1)
      --detach              return when everything serves; kijabi down ends it
      eval "$(kijabi env)"  exports KUBECONFIG

${USAGE.slice(USAGE.indexOf('      --manifests'))}`;

/** Their addresses, and the names of their devices, are numbered. */
const MOST_NODES = 100;

const OPTIONS = {
  manifests: { type: 'string' },
  services: { type: 'string' },
  port: { type: 'string' },
  detach: { type: 'boolean', short: 'd' },
  once: { type: 'boolean' },
  json: { type: 'boolean' },
  name: { type: 'string' },
  'node-name': { type: 'string' },
  'pod-subnet': { type: 'string' },
  offline: { type: 'boolean' },
  timeout: { type: 'string' },
  nodes: { type: 'string' },
  'report-fd': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

export interface StartOptions {
  readonly help: boolean;
  readonly mode: 'foreground' | 'detach' | 'once';
  readonly json: boolean;
  /** How many; more than one only with a control plane. */
  readonly nodes: number;
  readonly name: string;
  readonly nodeName: string;
  readonly manifestsDir: string | undefined;
  readonly servicesDir: string | undefined;
  readonly port: number | undefined;
  readonly podSubnet: string | undefined;
  readonly registries: 'try' | 'never';
  readonly withinMs: number;
  /** Set in the process that --detach leaves running: where it reports its progress. */
  readonly reportFd: number | undefined;
}

export function parseStart(argv: readonly string[], hostname: string): StartOptions {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: false });
  if (values.once === true && values.detach === true)
    throw usage('--once and --detach exclude each other: one removes the node, the other keeps it');
  const { name = DEFAULT_NODE } = values;
  nodePaths(name); // refuses what is no name
  return {
    help: values.help ?? false,
    mode: values.once === true ? 'once' : values.detach === true ? 'detach' : 'foreground',
    json: values.json ?? false,
    nodes: whole('--nodes', values.nodes ?? '1', { from: 1, to: MOST_NODES }),
    name,
    nodeName: nodeNameOf(values['node-name'], hostname),
    manifestsDir: values.manifests === undefined ? undefined : resolve(values.manifests),
    servicesDir: values.services === undefined ? undefined : resolve(values.services),
    port: values.port === undefined ? undefined : whole('--port', values.port, { from: 1, to: 65_535 }),
    podSubnet: values['pod-subnet'],
    registries: values.offline === true ? 'never' : 'try',
    withinMs: whole('--timeout', values.timeout ?? '120', { from: 1, to: 86_400 }) * 1_000,
    reportFd: values['report-fd'] === undefined ? undefined : whole('--report-fd', values['report-fd'], { from: 3, to: 255 }),
  };
}

function whole(flag: string, text: string, { from, to }: { readonly from: number; readonly to: number }): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < from || value > to)
    throw usage(`${flag}: want a whole number from ${from} to ${to}, got ${JSON.stringify(text)}`);
  return value;
}

/** Names of nodes are DNS names; host names mostly are, but for capital letters. */
function nodeNameOf(given: string | undefined, hostname: string): string {
  const name = given ?? hostname.toLowerCase();
  if (/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) && name.length <= 253) return name;
  const what =
    given === undefined
      ? `the host's name ${JSON.stringify(hostname)} is no name for a node: give one with --node-name`
      : `--node-name: cannot use ${JSON.stringify(given)}`;
  throw usage(`${what} (small letters, digits, dashes and dots)`);
}

const usage = (text: string): AppError => new AppError('USAGE', text);
