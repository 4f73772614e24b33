/**
 * The kubelet's command line. Text in, options or one clear complaint out; relative paths are taken from
 * the working directory.
 * Flags are upstream's; a flag wins over the same field of the configuration file.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { dns1123Subdomain } from '#api/names.ts';
import { AppError } from '#base/errors.ts';
import { nodeLabelsOf } from './nodeLabels.ts';

export interface Flags {
  readonly help: boolean;
  readonly version: boolean;
  /** Find out whether a kubelet can work here, say so and end. */
  readonly check: boolean;
  readonly json: boolean;
  readonly config: string | undefined;
  readonly podManifestPath: string | undefined;
  readonly containerRuntimeEndpoint: string | undefined;
  readonly hostnameOverride: string | undefined;
  readonly rootDir: string;
  /** Where the self-signed certificate is kept; pki below the root directory when it is not given. */
  readonly certDir: string | undefined;
  readonly kubeconfig: string | undefined;
  readonly nodeLabels: Readonly<Record<string, string>>;
  readonly verbosity: number;
}

const OPTIONS = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  check: { type: 'boolean' },
  json: { type: 'boolean' },
  config: { type: 'string' },
  'pod-manifest-path': { type: 'string' },
  'container-runtime-endpoint': { type: 'string' },
  'hostname-override': { type: 'string' },
  'root-dir': { type: 'string' },
  'cert-dir': { type: 'string' },
  kubeconfig: { type: 'string' },
  'node-labels': { type: 'string' },
  v: { type: 'string', short: 'v' },
} as const;

export const USAGE = `Usage: kubelet [flags]

The node agent: runs the pods of a manifest directory on a container runtime.

      --config FILE                       KubeletConfiguration (kubelet.config.k8s.io/v1beta1)
      --pod-manifest-path DIR             directory of static pod manifests (staticPodPath in the file)
      --container-runtime-endpoint URL    CRI socket (default unix:///run/containerd/containerd.sock)
      --hostname-override NAME            name of this node (default: the host's name)
      --root-dir DIR                      where volumes and state are kept (default /var/lib/kubelet)
      --cert-dir DIR                      where the self-signed certificate is kept (default pki below the root directory)
      --kubeconfig FILE                   API server to join: its pods run here, and it says who may use the HTTP API
      --node-labels KEY=VALUE,...         labels of the Node when the kubelet makes it
  -v, --v LEVEL                           0 to 3 say what matters, 4 and more also say every step
      --check                             say whether a kubelet can work here, a line for each thing with what to do, and end
                                          with 0 or 1; nothing is started (with --json: as JSON)
      --version                           print the version and exit
  -h, --help                              print this and exit
`;

export function parseFlags(argv: readonly string[]): Flags {
  const values = parse(argv);
  const verbosity = values.v === undefined ? 0 : Number(values.v.replace(/^=/, '') || 'none'); // -v=4, as people type it
  if (!Number.isInteger(verbosity) || verbosity < 0 || verbosity > 10) {
    throw new AppError('FLAG_INVALID', `--v: want an integer 0-10, got ${JSON.stringify(values.v)}`);
  }
  const hostnameOverride = values['hostname-override']?.trim().toLowerCase();
  if (hostnameOverride !== undefined) {
    const [problem] = dns1123Subdomain(hostnameOverride);
    if (problem !== undefined)
      throw new AppError(
        'FLAG_INVALID',
        `--hostname-override: ${JSON.stringify(values['hostname-override'])} cannot name a node: ${problem}`,
      );
  }
  return {
    help: values.help ?? false,
    version: values.version ?? false,
    check: values.check ?? false,
    json: values.json ?? false,
    config: values.config,
    podManifestPath: absolute(values['pod-manifest-path']),
    containerRuntimeEndpoint: values['container-runtime-endpoint'],
    hostnameOverride,
    rootDir: absolute(values['root-dir']) ?? '/var/lib/kubelet',
    certDir: absolute(values['cert-dir']),
    kubeconfig: absolute(values.kubeconfig),
    nodeLabels: nodeLabelsOf(values['node-labels']),
    verbosity,
  };
}

/** Paths on the command line are the caller's, those that the runtime gets must hold for it too. */
const absolute = (path: string | undefined): string | undefined => (path === undefined || path === '' ? undefined : resolve(path));

function parse(argv: readonly string[]): ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'] {
  try {
    return parseArgs({ args: [...argv], options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (err) {
    throw new AppError('FLAG_INVALID', `${(err as Error).message.split('. To specify')[0]}; kubelet --help lists the flags`, {}, undefined);
  }
}
