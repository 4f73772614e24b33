/**
 * Sets of addresses and ports for iptables, through the tool ipset: read as a stream, written in one run.
 *
 * Throws: IPSET_MISSING (not installed), IPSET_FAILED (refused; facts: line, the command; those before it are done).
 * Kernel: ip_set with the types used. Source: ipset(8), "ipset save" and "ipset restore".
 */
import { AppError } from '#base/errors.ts';
import { ToolShell } from './toolShell.ts';

export interface KernelSet {
  /** What stands after the name: "hash:ip,port family inet hashsize 1024 …". */
  readonly type: string;
  readonly entries: Set<string>;
}

export interface IpSets {
  /** The sets that isWanted says, with everything in them. */
  read(isWanted: (name: string) => boolean, signal: AbortSignal): Promise<Map<string, KernelSet>>;
  /** Commands of ipset, one after the other: what is there already, or gone already, is no failure. */
  write(commands: readonly string[], signal: AbortSignal): Promise<void>;
}

const TIMEOUT_MS = 120_000;

export function openIpSets(via: readonly string[] = []): IpSets {
  const shell = new ToolShell(via);
  const run = async (
    args: readonly string[],
    signal: AbortSignal,
    io: { input?: string; onLine?: (line: string) => void },
  ): Promise<void> => {
    const result = await shell.run(['ipset', ...args], { signal, timeoutMs: TIMEOUT_MS, ...io });
    if (result.isCanceled) throw new AppError('STOPPING', 'Stopped while running ipset');
    if (result.exitCode === 127) throw new AppError('IPSET_MISSING', 'Cannot run ipset: install the package ipset');
    if (result.exitCode === 0) return;
    const said = result.timedOut ? 'no answer in time' : result.stderr.trim().replace(/^ipset v[\d.]+: /, '');
    const at = /Error in line (\d+)/.exec(said)?.[1];
    const line = at === undefined ? undefined : io.input?.split('\n')[Number(at) - 1];
    throw new AppError(
      'IPSET_FAILED',
      `ipset refused: ${said}${line === undefined ? '' : `, at: ${line}`}`,
      line === undefined ? {} : { line },
    );
  };
  return {
    async read(isWanted, signal) {
      const sets = new Map<string, KernelSet>();
      await run(['save'], signal, { onLine: (line) => readLine(line, isWanted, sets) });
      return sets;
    },
    async write(commands, signal) {
      if (commands.length > 0) await run(['-exist', 'restore'], signal, { input: `${commands.join('\n')}\n` });
    },
  };
}

/** Pure: one line of "ipset save". */
export function readLine(line: string, isWanted: (name: string) => boolean, sets: Map<string, KernelSet>): void {
  const [verb, name = '', ...rest] = line.split(' ');
  if (!isWanted(name)) return;
  if (verb === 'create') sets.set(name, { type: rest.join(' '), entries: new Set() });
  if (verb === 'add') sets.get(name)?.entries.add(rest[0] ?? '');
}
