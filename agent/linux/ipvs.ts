/**
 * IPVS, the load balancer of the kernel, through ipvsadm, and the device that holds the addresses of services, through ip.
 *
 * ipvsadm -R does one command after the other and goes on after one that fails, so a failure leaves the others done.
 * Throws: IPVS_MISSING (ipvsadm or ip is not installed), IPVS_UNSUPPORTED (the kernel has no IPVS), IPVS_FAILED (refused).
 * Kernel: ip_vs, the scheduler's module, dummy. Source: ipvsadm(8), ip(8).
 */
import { release } from 'node:os';
import { AppError } from '#base/errors.ts';
import { ToolShell } from './toolShell.ts';

export interface LocalAddress {
  readonly device: string;
  readonly ip: string;
}

export interface Ipvs {
  /** Linux, as "6.1.0-50-cloud-amd64". */
  readonly kernelRelease: string;
  /** Virtual and real servers as commands ("ipvsadm -S -n"). */
  save(onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
  /** The same as a table: with the connections of each, or with what they counted. */
  list(what: 'connections' | 'counters', onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
  restore(commands: readonly string[], signal: AbortSignal): Promise<void>;
  /** Seconds; 0 leaves a value as it is. */
  setTimeouts(timeouts: { readonly tcp: number; readonly tcpFin: number; readonly udp: number }, signal: AbortSignal): Promise<void>;
  /** Can the kernel do it, with this scheduler? Asked in a network namespace of its own that ends at once. */
  probe(scheduler: string, signal: AbortSignal): Promise<void>;
  addresses(signal: AbortSignal): Promise<readonly LocalAddress[]>;
  ensureDevice(device: string, signal: AbortSignal): Promise<void>;
  removeDevice(device: string, signal: AbortSignal): Promise<void>;
  /** What is there already, or gone already, is no failure. */
  changeAddresses(
    device: string,
    change: { readonly add: readonly string[]; readonly remove: readonly string[] },
    signal: AbortSignal,
  ): Promise<void>;
  /** "net/ipv4/vs/conntrack" in this network namespace. Returns whether it wrote. */
  setSysctl(name: string, value: string, signal: AbortSignal): Promise<boolean>;
}

const TIMEOUT_MS = 120_000;

export function openIpvs(via: readonly string[] = []): Ipvs {
  return new Tools(new ToolShell(via));
}

interface RunOptions {
  readonly input?: string;
  readonly onLine?: (line: string) => void;
  /** What it says on stderr is no failure when it fits. */
  readonly harmless?: RegExp;
}

class Tools implements Ipvs {
  readonly kernelRelease = release();
  readonly #shell: ToolShell;

  constructor(shell: ToolShell) {
    this.#shell = shell;
  }

  async #run(argv: readonly [string, ...string[]], signal: AbortSignal, { harmless, ...io }: RunOptions = {}): Promise<void> {
    // util-linux, which has unshare, is on every machine: what is missing is the program it runs.
    const tool = argv[0] === 'unshare' ? 'ipvsadm' : argv[0];
    const { exitCode, stderr, timedOut, isCanceled } = await this.#shell.run(argv, {
      signal,
      timeoutMs: TIMEOUT_MS,
      ...io,
    });
    if (isCanceled) throw new AppError('STOPPING', `Stopped while running ${tool}`);
    if (exitCode === 127)
      throw new AppError('IPVS_MISSING', `Cannot run ${tool}: install the package ${tool === 'ip' ? 'iproute2' : tool}`);
    const said = stderr
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '' && harmless?.test(line) !== true);
    if (/Can't initialize ipvs|Protocol not available/.test(stderr))
      throw new AppError('IPVS_UNSUPPORTED', 'The kernel has no IPVS (module ip_vs)');
    const failed = exitCode !== 0 && (harmless === undefined || said.length > 0);
    if (timedOut || failed || said.length > 0) {
      const reason = timedOut ? 'no answer in time' : said.slice(0, 3).join(' | ') || `exit code ${exitCode ?? 'unknown'}`;
      throw new AppError('IPVS_FAILED', `${tool} refused: ${reason}`);
    }
  }

  save(onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    return this.#run(['ipvsadm', '-S', '-n'], signal, { onLine });
  }

  list(what: 'connections' | 'counters', onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    return this.#run(['ipvsadm', '-L', '-n', ...(what === 'counters' ? ['--stats', '--exact'] : [])], signal, { onLine });
  }

  async restore(commands: readonly string[], signal: AbortSignal): Promise<void> {
    if (commands.length > 0) await this.#run(['ipvsadm', '-R'], signal, { input: `${commands.join('\n')}\n` });
  }

  setTimeouts({ tcp, tcpFin, udp }: { tcp: number; tcpFin: number; udp: number }, signal: AbortSignal): Promise<void> {
    return this.#run(['ipvsadm', '--set', String(tcp), String(tcpFin), String(udp)], signal);
  }

  probe(scheduler: string, signal: AbortSignal): Promise<void> {
    // An address of documentation: nobody has it.
    return this.#run(['unshare', '--net', 'ipvsadm', '-A', '-t', '192.0.2.1:1', '-s', scheduler], signal);
  }

  async addresses(signal: AbortSignal): Promise<readonly LocalAddress[]> {
    const lines: string[] = [];
    await this.#run(['ip', '-j', 'address', 'show'], signal, { onLine: (line) => lines.push(line) });
    const links = JSON.parse(lines.join('\n')) as readonly { ifname?: string; addr_info?: readonly { local?: string }[] }[];
    return links.flatMap(({ ifname: device = '', addr_info: all = [] }) =>
      all.flatMap(({ local: ip }) => (ip === undefined ? [] : { device, ip })),
    );
  }

  ensureDevice(device: string, signal: AbortSignal): Promise<void> {
    return this.#run(['ip', 'link', 'add', device, 'type', 'dummy'], signal, { harmless: /File exists/ });
  }

  removeDevice(device: string, signal: AbortSignal): Promise<void> {
    return this.#run(['ip', 'link', 'delete', device], signal, { harmless: /Cannot find device/ });
  }

  async changeAddresses(
    device: string,
    { add, remove }: { readonly add: readonly string[]; readonly remove: readonly string[] },
    signal: AbortSignal,
  ): Promise<void> {
    const one = (verb: string, ip: string): string =>
      ip.includes(':')
        ? `address ${verb} ${ip}/128 dev ${device}${verb === 'add' ? ' nodad' : ''}`
        : `address ${verb} ${ip}/32 dev ${device}`;
    const lines = [...add.map((ip) => one('add', ip)), ...remove.map((ip) => one('delete', ip))];
    if (lines.length === 0) return;
    const harmless = /File exists|already assigned|Cannot assign requested address|address not found|^Command failed/i;
    await this.#run(['ip', '-force', '-batch', '-'], signal, { input: `${lines.join('\n')}\n`, harmless });
  }

  async setSysctl(name: string, value: string, signal: AbortSignal): Promise<boolean> {
    const path = `/proc/sys/${name}`;
    const found: string[] = [];
    await this.#run(['cat', path], signal, { onLine: (line) => found.push(line) });
    if (found.join('\n').trim() === value) return false;
    await this.#run(['sh', '-c', 'printf %s "$1" > "$0"', path, value], signal);
    return true;
  }
}
