/** Looks at a host that is to become a part of a cluster. Nothing is changed. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { HOST_CONTAINERD } from '#agent/host/cri.ts';
import { run } from '#agent/linux/exec.ts';
import { isBooted } from '#systemd/install/observe.ts';
import type { SeenHost } from './preflight.ts';

export interface Wanted {
  readonly services: readonly string[];
  /** Not those of services of ours that run already. */
  readonly ports: Readonly<Record<number, string>>;
  /** Must not be there. */
  readonly absent: readonly string[];
}

export async function observeHost({ services, ports, absent }: Wanted, signal: AbortSignal): Promise<SeenHost> {
  const states = await unitStates([...services, ...Object.values(ports)], signal);
  const checked = Object.entries(ports)
    .filter(([, unit]) => states.get(unit) !== 'active')
    .map(([port]) => Number(port));
  const busy = await Promise.all(checked.map(async (port) => ((await isBusy(port)) ? [port] : [])));
  return {
    isRoot: process.getuid?.() === 0,
    missingServices: services.filter((unit) => !states.has(unit)),
    busyPorts: busy.flat(),
    files: absent.filter((path) => existsSync(path)),
    hasRuntime: existsSync(HOST_CONTAINERD),
    forwards: readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim() === '1',
  };
}

/** Of those that are installed. */
export async function unitStates(units: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
  if (!isBooted()) return new Map();
  const { stdout } = await run(['systemctl', 'show', '-p', 'Id,LoadState,ActiveState', ...new Set(units)], { signal });
  const states = new Map<string, string>();
  for (const block of stdout.trim().split('\n\n')) {
    const value = (name: string): string => new RegExp(`^${name}=(.*)$`, 'm').exec(block)?.[1] ?? '';
    if (value('LoadState') === 'loaded') states.set(value('Id'), value('ActiveState'));
  }
  return states;
}

function isBusy(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(true));
    server.listen({ port, host: '0.0.0.0' }, () => server.close(() => resolve(false)));
  });
}

/** Where systemd-resolved runs, /etc/resolv.conf leads to a loopback address, which pods cannot ask. Source: kubeadm's choice. */
export function podResolvConf(): string | undefined {
  const real = '/run/systemd/resolve/resolv.conf';
  return existsSync(real) ? real : undefined;
}
