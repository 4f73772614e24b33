/**
 * `kijabi init`: the certificates, keys, kubeconfig and configuration files of a cluster, as kubeadm lays them out; and, where the services are
 * installed, the cluster itself.
 */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { addressIn, parseCidr, parseIp, type Cidr } from '#api/ip.ts';
import { AppError, codeOf } from '#base/errors.ts';
import { PkiWriter, writeWhole } from '../pki/act.ts';
import { configFiles, DNS_INDEX, kubeletConfigPath, lackOf, type ConfigPlaces } from '../pki/configFiles.ts';
import type { ClusterFacts } from '../pki/layout.ts';
import { seenFiles } from '../pki/observe.ts';
import { planPki } from '../pki/plan.ts';
import { parseToken } from './cluster/bootstrapToken.ts';
import { API_SERVER, checkHost } from './cluster/checkHost.ts';
import { ETCD_LOCAL } from './cluster/etcd.ts';
import { unitStates } from './cluster/observe.ts';
import { hostDnsFlags, serviceFiles, type ServiceFacts, type ServiceFile } from './cluster/serviceFiles.ts';
import { parseCertificateKey } from './cluster/sharedKeys.ts';
import { SKIPPABLE, startCluster, type Skippable, type StartOptions } from './cluster/start.ts';
import { dnsManifest } from './clusterDns.ts';
import type { Command, Io } from './io.ts';
import { ownAddress } from './ownAddress.ts';
import { apiServerFlags, controllerManagerFlags, schedulerFlags } from './programFlags.ts';

export const USAGE = `Usage: kijabi init [options]

Makes what a control plane needs before its first start: authorities, certificates, the key of service account tokens, kubeconfig files,
the configuration of the kubelet and the service proxy of this node, the flags of the control plane's services (kube-apiserver.env, ...), and
the Service of cluster DNS (kube-dns.yaml). What is there and right is kept, so that it can be run again; what is there and wrong is named, and
then nothing is changed. Where the services are installed (kijabi install --role all, or the Debian package) they are started, this host becomes
the first node, and the command for others to join is printed.

      --apiserver-advertise-address IP   where the API server is reached (default: the address of the default route)
      --apiserver-bind-port PORT         (default 6443)
      --control-plane-endpoint NAME      a name or address in front of several API servers, with or without a port
      --apiserver-cert-extra-sans NAMES  more names and addresses for the server's certificate, with commas
      --service-cidr CIDRS               (default 10.96.0.0/12)
      --pod-network-cidr CIDRS           of the pods: each node gets a part of it (--allocate-node-cidrs of the controller manager), and the
                                         service proxy masquerades what comes from elsewhere (default: 10.244.0.0/16 with services, or none)
      --service-dns-domain NAME          (default cluster.local)
      --node-name NAME                   (default: the host's name, in lower case)
      --cert-dir DIR                     (default /etc/kubernetes/pki)
      --kubernetes-dir DIR               of the kubeconfig and configuration files (default /etc/kubernetes)
      --etcd                             Debian's etcd as the store, a service too (default: the store in the API server)
      --upload-certs                     the cluster's keys for further control planes, encrypted, into the API for two hours
      --certificate-key KEY              with --upload-certs: 64 hexadecimal digits (default: a new one)
      --token TOKEN                      for nodes to join with (default: a new one; it lives for a day)
      --skip-phases NAMES                with commas: ${SKIPPABLE.join(', ')}, where others take their place
      --files-only                       start nothing, also where the services are installed
      --ignore-preflight-errors NAMES    checks that only warn, with commas; all
      --dry-run                          say what would be made
  -h, --help                             print this
`;

const KUBERNETES_DIR = '/etc/kubernetes';
/** That of the nodes' own default configuration. */
const POD_CIDR = '10.244.0.0/16';

const OPTIONS = {
  'apiserver-advertise-address': { type: 'string' },
  'apiserver-bind-port': { type: 'string', default: '6443' },
  'control-plane-endpoint': { type: 'string' },
  'apiserver-cert-extra-sans': { type: 'string', multiple: true },
  'service-cidr': { type: 'string', default: '10.96.0.0/12' },
  'pod-network-cidr': { type: 'string' },
  'service-dns-domain': { type: 'string', default: 'cluster.local' },
  'node-name': { type: 'string' },
  'cert-dir': { type: 'string' },
  'kubernetes-dir': { type: 'string', default: KUBERNETES_DIR },
  etcd: { type: 'boolean', default: false },
  token: { type: 'string' },
  'upload-certs': { type: 'boolean', default: false },
  'certificate-key': { type: 'string' },
  'skip-phases': { type: 'string', multiple: true },
  'files-only': { type: 'boolean', default: false },
  'ignore-preflight-errors': { type: 'string', multiple: true },
  'dry-run': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const initCommand: Command = async (argv, io) => {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  if (values.help === true) return (io.out(USAGE), 0);
  const withServices =
    !values['files-only'] && values['kubernetes-dir'] === KUBERNETES_DIR && (await unitStates([API_SERVER], io.signal)).has(API_SERVER);
  const facts = factsOf({ ...values, 'pod-network-cidr': values['pod-network-cidr'] ?? (withServices ? POD_CIDR : undefined) });
  const token = values.token === undefined ? undefined : parseToken(values.token);
  const uploadCerts = uploadOf(values);
  const services = serviceFacts(facts, values.etcd);
  const skip = phasesOf(values['skip-phases'] ?? []);
  if (withServices) {
    const controlPlane = { apiPort: Number(values['apiserver-bind-port']), hasEtcd: values.etcd };
    // The kubelet of a node that joined another cluster.
    const absent = ['/etc/kubernetes/bootstrap-kubelet.conf'];
    await checkHost({ controlPlane, absent }, values['ignore-preflight-errors'] ?? [], io);
  }
  const kubernetesDir = values['kubernetes-dir'];
  const certDir = values['cert-dir'] ?? join(kubernetesDir, 'pki');
  const places = { kubernetesDir, certDir };
  const { steps, problems } = planPki(facts, await seenFiles(places), io.clock.nowMs());
  if (problems.length > 0) {
    for (const problem of problems) io.err(`${problem}\n`);
    throw new AppError(
      'PKI_WRONG',
      `${problems.length === 1 ? 'One thing' : `${problems.length} things`} in ${certDir} cannot be used; nothing was changed`,
    );
  }
  const writer = new PkiWriter(places, io.clock.nowMs());
  for (const step of steps) {
    if (values['dry-run'] === true) {
      if (step.kind !== 'keep') io.out(`would make ${describe(step)}\n`);
      continue;
    }
    io.signal.throwIfAborted();
    const file = await writer.take(step);
    if (file !== undefined) io.out(`made ${file}\n`);
  }
  if (withServices && values['dry-run'] !== true) {
    await startCluster({ facts, services, places, token, skip, uploadCerts, io });
    return 0;
  }
  const configs = await provideConfigs(facts, places, { dryRun: values['dry-run'] === true, io });
  const flags = await provideServiceFiles({ facts, services }, places, { dryRun: values['dry-run'] === true, io });
  const kept = steps.filter(({ kind }) => kind === 'keep').length + configs.kept + flags.kept;
  const isWhole = kept === steps.length + configs.all + flags.all;
  if (kept > 0) io.out(`${isWhole ? 'Everything is there' : `${kept} files were there`} and right: kept\n`);
  for (const lack of configs.lacks) io.out(`${lack}\n`);
  if (values['dry-run'] !== true) io.out(nextSteps({ facts, services }, places, prefixOf(io.env)));
  return 0;
};

/** Unlike configuration they are nobody else's: what is not as it would be written is written again. */
async function provideServiceFiles(
  { facts, services }: Made,
  places: ConfigPlaces,
  { dryRun, io }: { readonly dryRun: boolean; readonly io: Io },
): Promise<Pick<Configs, 'all' | 'kept'>> {
  const files = [...serviceFiles(services, places), ...dnsFiles(facts)];
  let kept = 0;
  for (const { file, text } of files) {
    const path = join(places.kubernetesDir, file);
    if ((await readIfThere(path)) === text) kept += 1;
    else if (dryRun) io.out(`would make ${file}\n`);
    else {
      await writeWhole(path, text);
      io.out(`made ${path}\n`);
    }
  }
  return { all: files.length, kept };
}

const DNS_MANIFEST = 'kube-dns.yaml';

/** What leads pods to cluster DNS; none without an address for it. */
function dnsFiles({ serviceRanges: [range], advertiseAddress: address }: ClusterFacts): readonly ServiceFile[] {
  if (range === undefined) return [];
  const text = dnsManifest({ address, clusterIP: addressIn(range, DNS_INDEX) });
  return [
    { file: DNS_MANIFEST, text: `# The Service of cluster DNS and where it leads, as kijabi init made them: for kubectl apply.\n${text}` },
  ];
}

const serviceFacts = (facts: ClusterFacts, etcd: boolean): ServiceFacts => ({
  ...facts,
  isJoinable: true,
  etcd: etcd ? [ETCD_LOCAL] : undefined,
  serviceCidr: facts.serviceRanges.map(({ canonical }) => canonical).join(','),
  podCidr: facts.podRanges.length === 0 ? undefined : facts.podRanges.join(','),
});

async function readIfThere(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((err: unknown) => {
    if (codeOf(err) !== 'ENOENT') throw err;
    return undefined;
  });
}

interface Configs {
  readonly all: number;
  readonly kept: number;
  /** What files that were there say of another cluster. */
  readonly lacks: readonly string[];
}

async function provideConfigs(
  facts: ClusterFacts,
  places: ConfigPlaces,
  { dryRun, io }: { readonly dryRun: boolean; readonly io: Io },
): Promise<Configs> {
  const files = configFiles(facts, places);
  let kept = 0;
  const lacks: string[] = [];
  for (const config of files) {
    const { path } = config;
    const there = await readIfThere(path);
    const lack = there === undefined ? undefined : lackOf(config, there);
    if (lack !== undefined) lacks.push(`${path} was there, and is left alone: ${lack}`);
    else if (there !== undefined) kept += 1;
    else if (dryRun) io.out(`would make ${path}\n`);
    else {
      await writeWhole(path, config.text);
      io.out(`made ${path}\n`);
    }
  }
  return { all: files.length, kept, lacks };
}

function uploadOf(values: Values): StartOptions['uploadCerts'] {
  const { 'upload-certs': isAsked, 'certificate-key': key } = values;
  if (!isAsked && key !== undefined) throw new AppError('USAGE', '--certificate-key goes with --upload-certs');
  if (!isAsked) return undefined;
  if (!values.etcd || values['control-plane-endpoint'] === undefined)
    throw new AppError('USAGE', '--upload-certs: further control planes need --etcd and --control-plane-endpoint');
  return { key: key === undefined ? undefined : parseCertificateKey(key) };
}

function phasesOf(lists: readonly string[]): ReadonlySet<Skippable> {
  const names = lists.flatMap((list) => list.split(',')).map((name) => name.trim());
  const isSkippable = (name: string): name is Skippable => (SKIPPABLE as readonly string[]).includes(name);
  const odd = names.filter((name) => !isSkippable(name));
  if (odd.length > 0) throw new AppError('USAGE', `--skip-phases: want some of ${SKIPPABLE.join(', ')}, got ${odd.join(', ')}`);
  return new Set(names.filter(isSkippable));
}

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];
type Described = Omit<Values, 'pod-network-cidr'> & { readonly 'pod-network-cidr'?: string | undefined };

function factsOf(values: Described): ClusterFacts {
  const problems: string[] = [];
  const address = values['apiserver-advertise-address'] ?? ownAddress();
  if (address === undefined) problems.push('--apiserver-advertise-address: this host has no address but loopback; say one');
  else if (parseIp(address) === undefined) problems.push(`--apiserver-advertise-address: ${JSON.stringify(address)} is no IP address`);
  const port = Number(values['apiserver-bind-port']);
  if (!(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    problems.push(`--apiserver-bind-port: want 1 to 65535, got ${JSON.stringify(values['apiserver-bind-port'])}`);
  }
  const serviceRanges: Cidr[] = [];
  for (const text of values['service-cidr'].split(',')) {
    const range = parseCidr(text.trim());
    if (range === undefined) problems.push(`--service-cidr: ${JSON.stringify(text)} is no CIDR, such as 10.96.0.0/12`);
    else serviceRanges.push(range);
  }
  const podRanges = values['pod-network-cidr']?.split(',').map((text) => text.trim()) ?? [];
  for (const text of podRanges) {
    if (parseCidr(text) === undefined) problems.push(`--pod-network-cidr: ${JSON.stringify(text)} is no CIDR, such as 10.244.0.0/16`);
  }
  const nodeName = values['node-name'] ?? hostname().trim().toLowerCase();
  const names = { '--node-name': nodeName, '--service-dns-domain': values['service-dns-domain'] };
  for (const [flag, name] of Object.entries(names)) {
    if (!isDnsName(name)) problems.push(`${flag}: ${JSON.stringify(name)} is no DNS name in lower case`);
  }
  const extraNames = (values['apiserver-cert-extra-sans'] ?? []).flatMap((list) => list.split(',')).map((name) => name.trim());
  for (const name of extraNames) {
    if (!isDnsName(name.replace(/^\*\./, '')) && parseIp(name) === undefined) {
      problems.push(`--apiserver-cert-extra-sans: ${JSON.stringify(name)} is neither a DNS name nor an IP address`);
    }
  }
  const endpoint = endpointOf(values['control-plane-endpoint'], port, problems);
  if (problems.length > 0) throw new AppError('USAGE', problems.join('\n'));
  return {
    nodeName,
    advertiseAddress: address ?? '',
    port,
    endpoint,
    extraNames,
    serviceRanges,
    podRanges,
    dnsDomain: values['service-dns-domain'],
  };
}

function endpointOf(text: string | undefined, port: number, problems: string[]): string | undefined {
  if (text === undefined) return undefined;
  const [, bracketed, plain, given] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const host = bracketed ?? plain ?? text;
  if (!isDnsName(host) && parseIp(host) === undefined) {
    problems.push(`--control-plane-endpoint: want NAME, IP, NAME:PORT, IP:PORT or [IPv6]:PORT, got ${JSON.stringify(text)}`);
    return undefined;
  }
  return `${host.includes(':') ? `[${host}]` : host}:${given ?? port}`;
}

/** RFC 1123. */
function isDnsName(name: string): boolean {
  return name.length <= 253 && /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/.test(name);
}

function describe(step: Exclude<ReturnType<typeof planPki>['steps'][number], { kind: 'keep' }>): string {
  switch (step.kind) {
    case 'makeAuthority':
      return `${step.name}.crt and its key`;
    case 'issue':
      return `${step.leaf.name}.crt for ${[step.leaf.subject, ...step.leaf.names].join(', ')}`;
    case 'makeSigningKey':
      return 'sa.key and sa.pub';
    case 'publishSigningKey':
      return 'sa.pub';
    case 'writeKubeconfig':
      return `${step.spec.file} for ${step.spec.user} at ${step.spec.server}`;
    default:
      return step satisfies never;
  }
}

/** In a clone the programs are npm's to find; after systemd/install.sh they are everybody's. */
const prefixOf = (env: Io['env']): string =>
  (env['PATH'] ?? '').split(':').some((dir) => existsSync(join(dir, 'kube-apiserver'))) ? '' : 'npx ';

const lines = (flags: readonly string[]): string => flags.join(' \\\n    ');

interface Made {
  readonly facts: ClusterFacts;
  readonly services: ServiceFacts;
}

const nextSteps = ({ facts, services }: Made, places: ConfigPlaces, npx: string): string => `
kijabi install --role all makes services of the programs, and kijabi init then starts them. By hand, the API server:
  ${npx}kube-apiserver ${lines(apiServerFlags(services, places))}

The controllers:
  ${npx}kube-controller-manager ${lines(controllerManagerFlags(places, services))}

The scheduler:
  ${npx}kube-scheduler ${lines(schedulerFlags(places))}

Cluster DNS:
  ${npx}kube-dns ${lines(hostDnsFlags(services, places))}

Then the kubelet and the service proxy of this node:
  ${npx}kubelet --config ${kubeletConfigPath(places)} --kubeconfig ${places.kubernetesDir}/kubelet.conf --hostname-override ${facts.nodeName}
  ${npx}kube-proxy --config ${places.kubernetesDir}/kube-proxy.yaml --hostname-override ${facts.nodeName}

And talk to it; the second lets pods find services by name:
  export KUBECONFIG=${places.kubernetesDir}/admin.conf
  kubectl apply -f ${places.kubernetesDir}/${DNS_MANIFEST}
`;
