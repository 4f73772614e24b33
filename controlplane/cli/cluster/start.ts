/**
 * `kijabi init` on a host with services: starts the control plane with the files that were made, makes this host its first node, and puts into
 * the API what nodes need to join. Phases are printed as kubeadm prints them. Run again, it brings everything to where it should be.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { addressIn } from '#api/ip.ts';
import { RELEASE } from '#base/version.ts';
import type { Client } from '#client/rest.ts';
import { Systemd } from '#systemd/install/act.ts';
import { configFiles, DNS_INDEX, type ConfigPlaces } from '../../pki/configFiles.ts';
import { hostPort, type ClusterFacts } from '../../pki/layout.ts';
import { provideDnsService } from '../clusterDns.ts';
import type { Io } from '../io.ts';
import { clientOf, put } from './ask.ts';
import { DEFAULT_TTL_MS, JOINERS, newToken, tokenSecret, USAGES, type BootstrapToken } from './bootstrapToken.ts';
import { clusterObjects } from './objects.ts';
import { pinOf } from './discovery.ts';
import { installEtcd, startEtcd } from './etcdMembers.ts';
import { becomeNode, startControlPlane, startDns } from './phases.ts';
import type { ServiceFacts } from './serviceFiles.ts';
import { KEY_LENGTH, LIVES_MS, SHARED_FILES, sharedObjects, TOKEN_DESCRIPTION } from './sharedKeys.ts';

export interface StartOptions {
  readonly facts: ClusterFacts;
  readonly services: ServiceFacts;
  readonly places: ConfigPlaces;
  readonly token: BootstrapToken | undefined;
  readonly skip: ReadonlySet<Skippable>;
  /** Under a key that is given, or a new one; undefined: not at all. */
  readonly uploadCerts: { readonly key: Buffer | undefined } | undefined;
  readonly io: Io;
}

/** Phases that somebody else's add-ons may take the place of. */
export const SKIPPABLE = ['addon/coredns', 'addon/kijabi-network'] as const;
export type Skippable = (typeof SKIPPABLE)[number];

export async function startCluster(options: StartOptions): Promise<void> {
  const { facts, services, places, token: given, skip, uploadCerts, io } = options;
  const { kubernetesDir, certDir } = places;
  const say = (phase: string, text: string): void => io.out(`[${phase}] ${text}\n`);
  const systemd = new Systemd(io.signal);
  if (services.etcd !== undefined) {
    say('etcd', 'Starting etcd.service, the store of this cluster');
    await installEtcd(io.signal);
    await startEtcd(systemd, facts, [], io.signal);
  }
  const hasDns = facts.serviceRanges.length > 0 && !skip.has('addon/coredns');
  await startControlPlane({ services, places, hasDns, systemd, io });
  const client = await clientOf(join(kubernetesDir, 'admin.conf'), io.clock);
  try {
    const [kubelet, proxy] = configFiles(facts, places, { cgroupDriver: 'systemd' });
    const configs = {
      kubelet: kubelet.text,
      proxy: proxy.text,
      network: skip.has('addon/kijabi-network') ? undefined : services.podCidr,
    };
    const ca = await readFile(join(certDir, 'ca.crt'), 'utf8');
    const server = `https://${facts.endpoint ?? hostPort(facts.advertiseAddress, facts.port)}`;
    say(
      'upload-config',
      'Storing the configuration in ConfigMaps kubeadm-config, kubelet-config and kube-proxy in the "kube-system" namespace',
    );
    say('bootstrap-token', 'Creating the "cluster-info" ConfigMap in the "kube-public" namespace');
    const version = RELEASE.replace(/\+.*/, '');
    const { endpoint } = facts;
    for (const object of clusterObjects({ ...services, ...configs, server, ca, endpoint, version, certDir }))
      await put(client, object, io.signal);
    let certificateKey: string | undefined;
    if (uploadCerts !== undefined) {
      say('upload-certs', 'Storing the certificates in Secret "kubeadm-certs" in the "kube-system" Namespace');
      certificateKey = await upload(client, { certDir, key: uploadCerts.key ?? randomBytes(KEY_LENGTH), io });
    }
    // Last: whoever joins waits until cluster-info is signed with it.
    const token = given ?? newToken((most) => randomInt(most));
    const secret = { ttlMs: DEFAULT_TTL_MS, usages: USAGES, groups: [JOINERS], description: undefined, nowMs: io.clock.nowMs() };
    await put(client, { path: '/api/v1/namespaces/kube-system/secrets', body: tokenSecret(token, secret) as never }, io.signal);
    await becomeNode({ facts, places, configs, client, systemd, io });
    const [range] = facts.serviceRanges;
    if (hasDns && range !== undefined) {
      await provideDnsService(client, { address: facts.advertiseAddress, clusterIP: addressIn(range, DNS_INDEX) }, io.signal);
      await startDns(systemd, io);
    }
    io.out(done({ endpoint: server.replace('https://', ''), token, pin: pinOf(ca), kubernetesDir, certificateKey }));
  } finally {
    client.close();
  }
}

interface Upload {
  readonly certDir: string;
  readonly key: Buffer;
  readonly io: Io;
}

/** Owned by a token of its own, and gone with it. */
async function upload(client: Client, { certDir, key, io }: Upload): Promise<string> {
  const options = { ttlMs: LIVES_MS, usages: [], groups: [], description: TOKEN_DESCRIPTION, nowMs: io.clock.nowMs() };
  const body = tokenSecret(
    newToken((most) => randomInt(most)),
    options,
  );
  const made = (await client.json('POST', '/api/v1/namespaces/kube-system/secrets', { body, signal: io.signal })) as {
    readonly metadata: { readonly name: string; readonly uid: string };
  };
  const files = new Map(await Promise.all(SHARED_FILES.map(async (file) => [file, await readFile(join(certDir, file), 'utf8')] as const)));
  const owner = { name: made.metadata.name, uid: made.metadata.uid };
  for (const object of sharedObjects({ files, key, owner, nonce: randomBytes })) await put(client, object, io.signal);
  return key.toString('hex');
}

interface Done {
  readonly endpoint: string;
  readonly token: BootstrapToken;
  readonly pin: string;
  readonly kubernetesDir: string;
  readonly certificateKey: string | undefined;
}

/** certificateKey: for a control plane. */
export function joinCommand({ endpoint, token, pin, certificateKey }: Omit<Done, 'kubernetesDir'>): string {
  const more = certificateKey === undefined ? '' : ` --control-plane --certificate-key ${certificateKey}`;
  return `kijabi join ${endpoint} --token ${token.id}.${token.secret} --discovery-token-ca-cert-hash ${pin}${more}`;
}

const done = (facts: Done): string => `
Your Kubernetes control-plane has initialized successfully!

To start using your cluster, as root:
  export KUBECONFIG=${facts.kubernetesDir}/admin.conf
  kubectl get nodes
${
  facts.certificateKey === undefined
    ? ''
    : `
Further control planes join it by running there as root:
  ${joinCommand(facts)}

Whoever has that certificate key has the cluster's keys: keep it secret. It ends in two hours; kijabi init --upload-certs makes another.
`
}
Other hosts with Kijabi join it by running there as root:
  ${joinCommand({ ...facts, certificateKey: undefined })}
`;
