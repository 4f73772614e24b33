/**
 * The kubelet's command line. Text in, options or one clear complaint out; relative paths are taken from the working directory.
 * Flags are upstream's; one that stands for a field of the configuration (flagTable.ts) becomes that field and wins over the file.
 */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { durationMs } from '#api/formats.ts';
import { parseIp } from '#api/ip.ts';
import { dns1123Subdomain, labelValue, qualifiedName } from '#api/names.ts';
import { suggestWord } from '#api/suggest.ts';
import { AppError } from '#base/errors.ts';
import { nodeLabelsOf } from './nodeLabels.ts';
import { FIELD_FLAGS, PATH_FLAGS, REFUSED_FLAGS, type FieldFlag } from './flagTable.ts';

export interface Flags {
  readonly help: boolean;
  readonly version: boolean;
  /** Find out whether a kubelet can work here, say so and end. */
  readonly check: boolean;
  readonly json: boolean;
  readonly config: string | undefined;
  /** Drop-ins over the file: *.conf in their order. */
  readonly configDir: string | undefined;
  /** What was given for fields of KubeletConfiguration, in its shape. */
  readonly fields: Readonly<Record<string, unknown>>;
  readonly hostnameOverride: string | undefined;
  /** One address, or one of each family, the first one being the node's own. */
  readonly nodeIps: readonly string[];
  readonly nodeLabels: Readonly<Record<string, string>>;
  readonly rootDir: string;
  /** Where the self-signed certificate is kept; pki below the root directory when it is not given. */
  readonly certDir: string | undefined;
  readonly kubeconfig: string | undefined;
  /** With a token that gets the certificate of the kubeconfig. */
  readonly bootstrapKubeconfig: string | undefined;
  /** undefined: as the configuration says. */
  readonly verbosity: number | undefined;
  readonly containerGc: ContainerGcFlags;
}

/** Of containers that ended: how many stay, and for how long. Negative: without a limit. */
export interface ContainerGcFlags {
  readonly minAgeMs: number;
  readonly perContainer: number;
}

const OWN = {
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
  check: { type: 'boolean' },
  json: { type: 'boolean' },
  config: { type: 'string' },
  'config-dir': { type: 'string' },
  'hostname-override': { type: 'string' },
  'node-ip': { type: 'string' },
  'node-labels': { type: 'string' },
  'root-dir': { type: 'string' },
  'cert-dir': { type: 'string' },
  kubeconfig: { type: 'string' },
  'bootstrap-kubeconfig': { type: 'string' },
  'minimum-container-ttl-duration': { type: 'string' },
  'maximum-dead-containers-per-container': { type: 'string' },
  v: { type: 'string', short: 'v' },
} as const;
/** Given more than once, they add up. */
const MANY = { type: 'string', multiple: true } as const;
const FIELDS = Object.fromEntries(Object.keys(FIELD_FLAGS).map((name) => [name, MANY]));

export const USAGE = `Usage: kubelet [flags]

The node agent: runs the pods of a manifest directory on a container runtime.

      --config FILE                       KubeletConfiguration (kubelet.config.k8s.io/v1beta1)
      --config-dir DIR                    drop-ins over it: *.conf of the same kind, in the order of their names
      --pod-manifest-path DIR             directory of static pod manifests (staticPodPath in the file)
      --manifest-url URL                  where static pods are fetched from (staticPodURL in the file)
      --container-runtime-endpoint URL    CRI socket (default unix:///run/containerd/containerd.sock)
      --hostname-override NAME            name of this node (default: the host's name)
      --node-ip IP[,IP]                   address of this node, or one of each family (default: of the interface with the default route)
      --node-labels KEY=VALUE,...         more labels of this node
      --register-with-taints K=V:EFFECT   taints of this node
      --root-dir DIR                      where volumes and state are kept (default /var/lib/kubelet)
      --cert-dir DIR                      where the self-signed certificate is kept (default pki below the root directory)
      --kubeconfig FILE                   API server to join: its pods run here, and it says who may use the HTTP API
      --bootstrap-kubeconfig FILE         gets a certificate for --kubeconfig, which is written, where there is no good one yet
      --minimum-container-ttl-duration T  a container that ended stays at least so long (default 0s)
      --maximum-dead-containers-per-container N
                                          so many that ended stay of each, for their logs (default 1)
  -v, --v LEVEL                           0 to 3 say what matters, 4 and more also say every step
      --check                             say whether a kubelet can work here, a line for each thing with what to do, and end
                                          with 0 or 1; nothing is started (with --json: as JSON)
      --version                           print the version and exit
  -h, --help                              print this and exit

Flags that stand for a field of the configuration and win over the file (agent/kubelet/README.md says what each means):
${columns(Object.keys(FIELD_FLAGS))}`;

/** Wrapped as the rest of the help. */
function columns(names: readonly string[]): string {
  const lines = [''];
  for (const name of names.toSorted()) {
    const last = lines.at(-1) ?? '';
    if (last.length + name.length > 110) lines.push(`--${name} `);
    else lines[lines.length - 1] = `${last}--${name} `;
  }
  return lines.map((line) => `  ${line.trimEnd()}\n`).join('');
}

export function parseFlags(argv: readonly string[]): Flags {
  const values = parse(argv);
  const hostnameOverride = values['hostname-override']?.trim().toLowerCase();
  const [problem] = hostnameOverride === undefined ? [] : dns1123Subdomain(hostnameOverride);
  if (problem !== undefined) invalid('hostname-override', `${JSON.stringify(values['hostname-override'])} cannot name a node: ${problem}`);
  return {
    help: values.help ?? false,
    version: values.version ?? false,
    check: values.check ?? false,
    json: values.json ?? false,
    config: values.config,
    configDir: absolute(values['config-dir']),
    fields: fieldsOf(values),
    hostnameOverride,
    nodeIps: nodeIpsOf(values['node-ip']),
    nodeLabels: nodeLabelsOf(values['node-labels']),
    rootDir: absolute(values['root-dir']) ?? '/var/lib/kubelet',
    certDir: absolute(values['cert-dir']),
    kubeconfig: absolute(values.kubeconfig),
    bootstrapKubeconfig: absolute(values['bootstrap-kubeconfig']),
    verbosity: values.v === undefined ? undefined : verbosityOf(values.v),
    containerGc: {
      minAgeMs: minAgeOf(values['minimum-container-ttl-duration'] ?? '0s'),
      perContainer: wholeNumber('maximum-dead-containers-per-container', values['maximum-dead-containers-per-container'] ?? '1'),
    },
  };
}

function invalid(flag: string, what: string): never {
  throw new AppError('FLAG_INVALID', `--${flag}: ${what}`);
}

function wholeNumber(flag: string, text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) invalid(flag, `want an integer, got ${JSON.stringify(text)}`);
  return Number(text);
}

function minAgeOf(text: string): number {
  const ms = durationMs(text);
  if (ms === undefined || ms < 0) invalid('minimum-container-ttl-duration', `want a duration such as 10m, got ${JSON.stringify(text)}`);
  return ms;
}

function verbosityOf(given: string): number {
  const verbosity = Number(given.replace(/^=/, '') || 'none'); // -v=4, as people type it
  if (!Number.isInteger(verbosity) || verbosity < 0 || verbosity > 10)
    throw new AppError('FLAG_INVALID', `--v: want an integer 0-10, got ${JSON.stringify(given)}`);
  return verbosity;
}

function nodeIpsOf(given: string | undefined): string[] {
  if (given === undefined || given === '') return [];
  const ips = given.split(',').map((ip) => ip.trim());
  const families = ips.map((ip) => parseIp(ip)?.family);
  if (families.includes(undefined)) invalid('node-ip', `want an IP address, or one of each family, got ${JSON.stringify(given)}`);
  if (ips.length > 2 || (ips.length === 2 && families[0] === families[1]))
    invalid('node-ip', `want one address, or one of IPv4 and one of IPv6, got ${JSON.stringify(given)}`);
  return ips;
}

function fieldsOf(values: Values): Record<string, unknown> {
  const fields: Record<string, unknown> = {};
  for (const [name, at] of Object.entries(FIELD_FLAGS)) {
    const given = values[name];
    if (!Array.isArray(given)) continue;
    let inside = fields;
    for (const part of at.path.slice(0, -1)) inside = (inside[part] ??= {}) as Record<string, unknown>;
    inside[at.path.at(-1) ?? ''] = valueOf(name, at, given);
  }
  return fields;
}

function valueOf(name: string, { type }: FieldFlag, given: readonly string[]): unknown {
  const last = given.at(-1) ?? '';
  switch (type) {
    case 'text':
      return PATH_FLAGS.has(name) ? (absolute(last) ?? '') : last;
    case 'flag':
      if (!/^(true|false|t|f|1|0)$/i.test(last)) invalid(name, `want true or false, got ${JSON.stringify(last)}`);
      return /^[t1]/i.test(last);
    case 'number':
      return wholeNumber(name, last);
    case 'list':
      return given.flatMap((text) => text.split(',')).filter((item) => item !== '');
    case 'map':
      return mapOf(name, given);
    case 'gates':
      return Object.fromEntries(pairs(name, given, '=').map(([gate, value]) => [gate, value.toLowerCase() === 'true']));
    case 'thresholds':
      return mapOf(name, given, '<');
    case 'headers': {
      const headers: Record<string, string[]> = {};
      for (const [key, value] of pairs(name, given, ':')) (headers[key] ??= []).push(value);
      return headers;
    }
    case 'taints':
      return given
        .flatMap((text) => text.split(','))
        .filter(Boolean)
        .map(taintOf);
    default:
      return type satisfies never;
  }
}

function taintOf(text: string): object {
  const found = /^([^=:]+)(?:=([^:]*))?:(NoSchedule|PreferNoSchedule|NoExecute)$/.exec(text);
  const [, key = '', value, effect] = found ?? [];
  const [problem] = [...qualifiedName(key), ...labelValue(value ?? '')];
  if (found === null || problem !== undefined)
    invalid('register-with-taints', `want KEY[=VALUE]:NoSchedule, :PreferNoSchedule or :NoExecute, got ${JSON.stringify(text)}`);
  return { key, ...(value === undefined ? {} : { value }), effect };
}

function mapOf(name: string, given: readonly string[], between = '='): Record<string, string> {
  return Object.fromEntries(pairs(name, given, between));
}

function pairs(name: string, given: readonly string[], between: string): [string, string][] {
  return given
    .flatMap((text) => text.split(','))
    .filter((item) => item.trim() !== '')
    .map((item) => {
      const at = item.indexOf(between);
      if (at < 1) invalid(name, `want KEY${between}VALUE, separated by commas, got ${JSON.stringify(item)}`);
      return [item.slice(0, at).trim(), item.slice(at + 1).trim()];
    });
}

/** Paths on the command line are the caller's, those that the runtime gets must hold for it too. */
const absolute = (path: string | undefined): string | undefined => (path === undefined || path === '' ? undefined : resolve(path));

type Values = ReturnType<typeof parseArgs<{ options: typeof OWN }>>['values'] &
  Readonly<Record<string, string | boolean | readonly string[] | undefined>>;

function parse(argv: readonly string[]): Values {
  for (const arg of argv) refuseKnown(arg);
  try {
    const options = { ...OWN, ...FIELDS };
    return parseArgs({ args: argv.map(withValue), options, strict: true, allowPositionals: false }).values;
  } catch (err) {
    const [message = ''] = (err as Error).message.split('. To specify');
    const unknown = /^Unknown option '--([^']+)'/.exec(message)?.[1];
    const near = unknown === undefined ? undefined : suggestWord([...Object.keys(OWN), ...Object.keys(FIELD_FLAGS)], unknown);
    const meant = near === undefined ? '; kubelet --help lists the flags' : `, did you mean --${near}?`;
    throw new AppError('FLAG_INVALID', `${message}${meant}`, {}, undefined);
  }
}

/** --fail-swap-on is --fail-swap-on=true. */
function withValue(arg: string): string {
  const name = arg.slice(2);
  return arg.startsWith('--') && FIELD_FLAGS[name]?.type === 'flag' ? `${arg}=true` : arg;
}

function refuseKnown(arg: string): void {
  const name = /^--([^=]+)/.exec(arg)?.[1] ?? '';
  const why = Object.hasOwn(REFUSED_FLAGS, name) ? REFUSED_FLAGS[name] : undefined;
  if (why !== undefined) throw new AppError('FLAG_INVALID', `--${name}: is not honoured: ${why}`);
}
