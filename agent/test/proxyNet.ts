/** Network namespaces for the tests of the proxy: made by the test, removed by it, whatever happens. */
import { randomBytes } from 'node:crypto';
import { execa } from 'execa';
import { openIptables, type Iptables, type IptablesBackend } from '../linux/iptables.ts';

export async function sh(...argv: readonly string[]): Promise<string> {
  const [program = '', ...args] = argv;
  return (await execa(program, args)).stdout;
}

export class NetNs {
  readonly name: string;

  private constructor(name: string) {
    this.name = name;
  }

  static async make(role: string): Promise<NetNs> {
    const ns = new NetNs(`kjp-${role}-${randomBytes(3).toString('hex')}`);
    await sh('ip', 'netns', 'add', ns.name);
    await ns.run('ip', 'link', 'set', 'lo', 'up');
    return ns;
  }

  /** Puts a program into the namespace without the remounts of ip netns exec. */
  get via(): readonly string[] {
    return ['nsenter', `--net=/run/netns/${this.name}`];
  }

  run(...argv: readonly string[]): Promise<string> {
    return sh(...this.via, ...argv);
  }

  iptables(backend: IptablesBackend, family: 'IPv4' | 'IPv6' = 'IPv4'): Promise<Iptables> {
    return openIptables({ family, backend, via: this.via }, new AbortController().signal);
  }

  async remove(): Promise<void> {
    await sh('ip', 'netns', 'del', this.name);
  }
}

export async function withNetNs<T>(role: string, body: (ns: NetNs) => Promise<T>): Promise<T> {
  const ns = await NetNs.make(role);
  try {
    return await body(ns);
  } finally {
    await ns.remove();
  }
}

/** Why the tests of the kernel cannot run here; undefined when they can. */
export async function whyNoNetNs(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root to make network namespaces';
  try {
    await sh('iptables', '--version');
    await sh('ip', 'netns', 'list');
    return undefined;
  } catch {
    return 'needs the packages iptables and iproute2';
  }
}
