/**
 * What a host that stands alone has, and a node of a cluster has otherwise: its kubelet's configuration and the network of its pods. init and
 * join set these files aside, and a reset puts them back. Pods that were made with the one network are no use in the other: they end.
 */
import { existsSync } from 'node:fs';
import { cp, mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { HOST_CRI, removePods } from '#agent/host/cri.ts';
import { run } from '#agent/linux/exec.ts';
import { removeNetwork } from '#agent/network/act.ts';
import type { Io } from '../io.ts';
import { KUBELET_CONFIG } from './nodeFiles.ts';

const ASIDE = '/var/lib/kijabi/alone';
const CNI_CONFIG = '/etc/cni/net.d/10-kijabi.conflist';
/** Of the network of systemd/files/cni. */
const BRIDGE = 'cni0';
const ALONE_NETWORK = 'kijabi-pod-network.service';

/** A second time it does nothing: the pods of the cluster go on. */
export async function leaveAlone({ clock, signal }: Pick<Io, 'clock' | 'signal'>): Promise<void> {
  if (existsSync(ASIDE)) return;
  await run(['systemctl', 'stop', 'kubelet.service'], { signal, timeoutMs: STOP_WITHIN_MS });
  await removePods(HOST_CRI, { clock, signal });
  const fresh = `${ASIDE}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { recursive: true, mode: 0o700 });
  for (const path of [KUBELET_CONFIG, CNI_CONFIG])
    if (existsSync(path)) await cp(path, join(fresh, basename(path)), { preserveTimestamps: true });
  await rename(fresh, ASIDE);
  // Until the cluster's network is there the runtime has none, and no pod gets an address that another node gives too.
  await rm(CNI_CONFIG, { force: true });
  await run(['systemctl', 'stop', ALONE_NETWORK], { signal, okCodes: [5] });
  await removeLink(BRIDGE, signal);
}

/** Pods are gone, and whatever would write these files is stopped. */
export async function standAlone({ signal }: Pick<Io, 'signal'>): Promise<void> {
  await removeNetwork(signal);
  await rm(CNI_CONFIG, { force: true });
  for (const path of [KUBELET_CONFIG, CNI_CONFIG]) {
    const kept = join(ASIDE, basename(path));
    if (!existsSync(kept)) continue;
    await mkdir(dirname(path), { recursive: true });
    await cp(kept, path, { preserveTimestamps: true });
  }
  await rm(ASIDE, { recursive: true, force: true });
}

async function removeLink(name: string, signal: AbortSignal): Promise<void> {
  await run(['ip', 'link', 'delete', name], { signal, okCodes: [1] });
}

/** As long as the unit gives it, and a little more. */
const STOP_WITHIN_MS = 180_000;
