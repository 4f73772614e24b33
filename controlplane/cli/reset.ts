/** `kijabi reset`: takes this host out of its cluster again, as far as this host goes; its services go on as those of a host that stands alone. */
import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { HOST_CRI, removePods } from '#agent/host/cri.ts';
import { unmountBelow } from '#agent/linux/mount.ts';
import { run } from '#agent/linux/exec.ts';
import { AppError, explain } from '#base/errors.ts';
import { Systemd } from '#systemd/install/act.ts';
import { PROGRAM } from '#systemd/install/layout.ts';
import { standAlone } from './cluster/alone.ts';
import { ETCD_LOCAL } from './cluster/etcd.ts';
import { EtcdMembers } from './cluster/etcdMembers.ts';
import { resetPaths } from './cluster/resetPaths.ts';
import { unitStates } from './cluster/observe.ts';
import type { Command, Io } from './io.ts';

export const USAGE = `Usage: kijabi reset [-f]

Undoes on this host what kijabi init or kijabi join did: stops the control plane and every pod, and removes certificates, kubeconfig files, the
cluster's configuration and, with a control plane, ALL ITS STATE. Manifests of static pods that are not the control plane's stay, and the
configuration that the kubelet and the pods' network had before is put back. The Node object stays in the cluster: kubectl delete node NAME.

  -f, --force   do not ask
  -h, --help    print this
`;

const OPTIONS = { force: { type: 'boolean', short: 'f', default: false }, help: { type: 'boolean', short: 'h' } } as const;
const KUBE_PROXY = `${PROGRAM}/agent/kube-proxy/kube-proxy`;
/** Everything that may hold a file that goes, or write one. */
const SERVICES = [
  'kube-dns.service',
  'kube-scheduler.service',
  'kube-controller-manager.service',
  'kube-apiserver.service',
  'kijabi-network.service',
  'kube-proxy.service',
  'kubelet.service',
];

export const resetCommand: Command = async (argv, io) => {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  if (values.help === true) return (io.out(USAGE), 0);
  if (process.getuid?.() !== 0) throw new AppError('USAGE', 'only root can: run it again with sudo');
  if (!values.force && !(await isSure(io))) throw new AppError('RESET_REFUSED', 'Nothing was changed: kijabi reset -f does not ask');
  const systemd = new Systemd(io.signal);
  const hasEtcd = existsSync(ETCD_ENVIRONMENT);
  // Without that file it is somebody else's.
  const there = await unitStates([...SERVICES, ...(hasEtcd ? [ETCD] : [])], io.signal);
  if (there.get(ETCD) === 'active') await leaveEtcd(io);
  const stopped = [...there.keys()];
  io.out(`[reset] Stopping ${stopped.join(', ')}\n`);
  if (stopped.length > 0) await run(['systemctl', 'stop', ...stopped], { signal: io.signal, timeoutMs: STOP_WITHIN_MS });
  io.out('[reset] Removing the pods of this host\n');
  await removePods(HOST_CRI, io);
  await unmountBelow('/var/lib/kubelet');
  const paths = resetPaths();
  io.out(`[reset] Deleting ${paths.join(' ')}\n`);
  for (const path of paths) await rm(path, { recursive: true, force: true });
  if (there.has('kube-proxy.service')) await run([KUBE_PROXY, '--cleanup'], { signal: io.signal, timeoutMs: STOP_WITHIN_MS });
  await standAlone(io);
  if (there.has(ETCD)) await run(['systemctl', 'disable', '--quiet', ETCD], { signal: io.signal, okCodes: [1] });
  const alone = ['kijabi-pod-network.service', 'kubelet.service', 'kube-proxy.service'];
  const units = await unitStates(alone, io.signal);
  await systemd.restart(alone.filter((unit) => units.has(unit)));
  io.out('\nThis host stands alone again. The Node object stays in its cluster, until somebody runs there: kubectl delete node NAME\n');
  return 0;
};

/** The others go on without it. What cannot be reached is said, and is no reason to stay: the host may be the last one. */
async function leaveEtcd(io: Io): Promise<void> {
  const members = new EtcdMembers([ETCD_LOCAL], io.signal);
  try {
    const [name] = /(?<=^ETCD_NAME=).*$/m.exec(await readFile(ETCD_ENVIRONMENT, 'utf8')) ?? [];
    const all = await members.list();
    const own = all.find((member) => member.name === name);
    if (own === undefined || all.length < 2) return;
    io.out('[reset] Removing this host from the members of etcd\n');
    await members.remove(own);
  } catch (err) {
    io.err(`[reset] Cannot remove this host from the members of etcd, which may be left to the others: ${explain(err)}\n`);
  }
}

const ETCD = 'etcd.service';
const ETCD_ENVIRONMENT = '/etc/kubernetes/etcd.env';
const STOP_WITHIN_MS = 180_000;

async function isSure({ err, signal }: Io): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    err('[reset] WARNING: Changes made to this host by "kijabi init" or "kijabi join" will be reverted.\n');
    return /^y(es)?$/i.test((await lines.question('[reset] Are you sure you want to proceed? [y/N]: ', { signal })).trim());
  } finally {
    lines.close();
  }
}
