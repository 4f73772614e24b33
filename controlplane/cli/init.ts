/** `kijabi init`: the certificates, keys, kubeconfig and configuration files of a cluster; certificates lie as kubeadm lays them out. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { addressIn, parseCidr, parseIp, type Cidr } from '#api/ip.ts';
import { AppError, codeOf } from '#base/errors.ts';
import { PkiWriter, writeWhole } from '../pki/act.ts';
import { configFiles, DNS_INDEX, lackOf, type ConfigPlaces } from '../pki/configFiles.ts';
import type { ClusterFacts } from '../pki/layout.ts';
import { seenFiles } from '../pki/observe.ts';
import { planPki } from '../pki/plan.ts';
import { hostDnsFlags, serviceFiles, type ServiceFacts, type ServiceFile } from './cluster/serviceFiles.ts';
import { dnsManifest } from './clusterDns.ts';
import type { Command, Io } from './io.ts';
import { ownAddress } from './ownAddress.ts';
import { apiServerFlags, controllerManagerFlags, schedulerFlags } from './programFlags.ts';

export const USAGE = `Usage: kijabi init [options]

Makes what a control plane needs before its first start: authorities, certificates, the key of service account tokens, kubeconfig files,
the configuration of the kubelet and the service proxy of this node (kubelet.yaml, kube-proxy.yaml), the flags of the control plane's
services (kube-apiserver.env, kube-controller-manager.env, kube-scheduler.env, kube-dns.env), and the Service of cluster DNS (kube-dns.yaml).
What is there and right is kept, so that it can be run again; what is there and wrong is named, and then nothing is changed.

      --apiserver-advertise-address IP   where the API server is reached (default: the address of the default route)
      --apiserver-bind-port PORT         (default 6443)
      --control-plane-endpoint NAME      a name or address in front of several API servers, with or without a port
      --apiserver-cert-extra-sans NAMES  more names and addresses for the server's certificate, with commas
      --service-cidr CIDRS               (default 10.96.0.0/12)
      --pod-network-cidr CIDRS           of the pods: each node gets a part of it (--allocate-node-cidrs of the controller manager), and the
                                         service proxy masquerades what comes from elsewhere (default: none of both)
      --service-dns-domain NAME          (default cluster.local)
      --node-name NAME                   (default: the host's name, in lower case)
      --cert-dir DIR                     (default /etc/kubernetes/pki)
      --kubernetes-dir DIR               of the kubeconfig and configuration files (default /etc/kubernetes)
      --dry-run                          say what would be made
  -h, --help                             print this
`;

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
  'kubernetes-dir': { type: 'string', default: '/etc/kubernetes' },
  'dry-run': { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export const initCommand: Command = async (argv, io) => {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  if (values.help === true) return (io.out(USAGE), 0);
  const facts = factsOf(values);
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
  const configs = await provideConfigs(facts, places, { dryRun: values['dry-run'] === true, io });
  const services = await provideServiceFiles(facts, places, { dryRun: values['dry-run'] === true, io });
  const kept = steps.filter(({ kind }) => kind === 'keep').length + configs.kept + services.kept;
  const isWhole = kept === steps.length + configs.all + services.all;
  if (kept > 0) io.out(`${isWhole ? 'Everything is there' : `${kept} files were there`} and right: kept\n`);
  for (const lack of configs.lacks) io.out(`${lack}\n`);
  if (values['dry-run'] !== true) io.out(nextSteps(facts, places, prefixOf(io.env)));
  return 0;
};

/** Unlike configuration they are nobody else's: what is not as it would be written is written again. */
async function provideServiceFiles(
  facts: ClusterFacts,
  places: ConfigPlaces,
  { dryRun, io }: { readonly dryRun: boolean; readonly io: Io },
): Promise<Pick<Configs, 'all' | 'kept'>> {
  const files = [...serviceFiles(serviceFacts(facts), places), ...dnsFiles(facts)];
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

const serviceFacts = (facts: ClusterFacts): ServiceFacts => ({
  ...facts,
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
    const path = join(places.kubernetesDir, config.file);
    const there = await readIfThere(path);
    const lack = there === undefined ? undefined : lackOf(config, there);
    if (lack !== undefined) lacks.push(`${path} was there, and is left alone: ${lack}`);
    else if (there !== undefined) kept += 1;
    else if (dryRun) io.out(`would make ${config.file}\n`);
    else {
      await writeWhole(path, config.text);
      io.out(`made ${path}\n`);
    }
  }
  return { all: files.length, kept, lacks };
}

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];

function factsOf(values: Values): ClusterFacts {
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

const nextSteps = (facts: ClusterFacts, places: ConfigPlaces, npx: string): string => `
Where systemd/install.sh made services of them, they start with:  systemctl restart kubernetes.target. By hand, the API server:
  ${npx}kube-apiserver ${lines(apiServerFlags(serviceFacts(facts), places))}

The controllers:
  ${npx}kube-controller-manager ${lines(controllerManagerFlags(places, serviceFacts(facts)))}

The scheduler:
  ${npx}kube-scheduler ${lines(schedulerFlags(places))}

Cluster DNS:
  ${npx}kube-dns ${lines(hostDnsFlags(serviceFacts(facts), places))}

Then the kubelet and the service proxy of this node:
  ${npx}kubelet --config ${places.kubernetesDir}/kubelet.yaml --kubeconfig ${places.kubernetesDir}/kubelet.conf --hostname-override ${facts.nodeName}
  ${npx}kube-proxy --config ${places.kubernetesDir}/kube-proxy.yaml --hostname-override ${facts.nodeName}

And talk to it; the second lets pods find services by name:
  export KUBECONFIG=${places.kubernetesDir}/admin.conf
  kubectl apply -f ${places.kubernetesDir}/${DNS_MANIFEST}
`;
