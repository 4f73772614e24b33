/** Members of the store come and go: asked for by etcdctl, with the API server's certificate. Throws what etcdctl says. */
import { readlink } from 'node:fs/promises';
import { installPackages, missingPackages } from '#agent/host/packages.ts';
import { run } from '#agent/linux/exec.ts';
import type { Systemd } from '#systemd/install/act.ts';
import { PROGRAM } from '#systemd/install/layout.ts';
import { writeWhole } from '../../pki/act.ts';
import type { ClusterFacts } from '../../pki/layout.ts';
import { etcdEnvironment, membersIn, peerUrl, type Member } from './etcd.ts';

const PKI = '/etc/kubernetes/pki';
const ETCD_UNIT = `${PROGRAM}/systemd/units/etcd.service`;
const ENVIRONMENT = '/etc/kubernetes/etcd.env';
const NEEDED = [
  { package: 'etcd-server', why: 'the store', programs: ['etcd'] },
  { package: 'etcd-client', why: 'who is a member of the store', programs: ['etcdctl'] },
];
const WITHIN_MS = 60_000;

export class EtcdMembers {
  readonly #endpoints: readonly string[];
  readonly #signal: AbortSignal;

  /** endpoints: client addresses of members. */
  constructor(endpoints: readonly string[], signal: AbortSignal) {
    this.#endpoints = endpoints;
    this.#signal = signal;
  }

  async list(): Promise<readonly Member[]> {
    return membersIn(await this.#etcdctl('member', 'list'));
  }

  /** Also when it was added before, and did not start. Returns all members. */
  async add({ nodeName, advertiseAddress }: Pick<ClusterFacts, 'nodeName' | 'advertiseAddress'>): Promise<readonly Member[]> {
    const peer = peerUrl(advertiseAddress);
    const before = await this.list();
    if (before.some(({ peerUrls }) => peerUrls.includes(peer))) return before;
    await this.#etcdctl('member', 'add', nodeName, `--peer-urls=${peer}`);
    // Until it has started there may be no majority that would answer.
    return [...before, { id: '', name: nodeName, peerUrls: [peer] }];
  }

  async remove({ id }: Member): Promise<void> {
    await this.#etcdctl('member', 'remove', id);
  }

  async #etcdctl(...words: readonly string[]): Promise<string> {
    const tls = [`--cacert=${PKI}/etcd/ca.crt`, `--cert=${PKI}/apiserver-etcd-client.crt`, `--key=${PKI}/apiserver-etcd-client.key`];
    const argv = [
      'etcdctl',
      `--endpoints=${this.#endpoints.join(',')}`,
      ...tls,
      '--dial-timeout=10s',
      '--command-timeout=30s',
      ...words,
    ] as const;
    return (await run(argv, { signal: this.#signal, env: { ETCDCTL_API: '3' }, timeoutMs: WITHIN_MS })).stdout;
  }
}

export async function installEtcd(signal: AbortSignal): Promise<void> {
  await installPackages(missingPackages(NEEDED), { signal });
}

export async function startEtcd(systemd: Systemd, facts: ClusterFacts, members: readonly Member[], signal: AbortSignal): Promise<void> {
  await writeWhole(ENVIRONMENT, etcdEnvironment(facts, members));
  // Debian's own unit of the name gives way to a linked one.
  const linked = await readlink('/etc/systemd/system/etcd.service').catch(() => undefined);
  if (linked !== ETCD_UNIT) await run(['systemctl', 'disable', '--quiet', '--now', 'etcd.service'], { signal, okCodes: [1, 5] });
  await systemd.enable([ETCD_UNIT]);
  await systemd.daemonReload();
  await systemd.restart(['etcd.service']);
}
