/**
 * The iptables tools of one address family: iptables-save, read line by line, and iptables-restore --noflush.
 * Which back end (nft or legacy) is asked of the tool; where both are installed, the one that holds the node's rules is taken.
 *
 * Units: none.
 * Throws: IPTABLES_MISSING (not installed), IPTABLES_FAILED (facts: line and rule where the tool says which), IPTABLES_TIMEOUT.
 * Kernel: nf_tables or ip_tables, with nat, conntrack, statistic, recent, addrtype, comment.
 */
import { AppError, codeOf } from '#base/errors.ts';
import { textOf, type Input } from './memoryFile.ts';
import { ToolShell, type RunOptions, type RunResult } from './toolShell.ts';

export type IptablesBackend = 'nft' | 'legacy';

/** Where the tools are, and through what they are run (tests: nsenter into a namespace). */
export interface IptablesLocation {
  readonly family: 'IPv4' | 'IPv6';
  readonly via?: readonly string[];
  /** Take this back end rather than look for it. */
  readonly backend?: IptablesBackend;
}

export interface SaveOptions {
  readonly table?: 'nat' | 'filter' | 'mangle';
  /** Each rule with "[packets:bytes] " in front. */
  readonly counters?: 'with' | 'without';
}

export interface Iptables {
  readonly backend: IptablesBackend;
  readonly version: string;
  save(options: SaveOptions, onLine: (line: string) => void, signal: AbortSignal): Promise<void>;
  /** Adds to what is there (--noflush). Each table of the text is one transaction; tables before a failing one stay written. */
  restore(text: Input, signal: AbortSignal): Promise<void>;
}

/** For the xtables lock, which only the legacy back end has. */
const LOCK_SECONDS = 5;
/** 40,000 services through the nft back end take minutes; longer is a hang. */
const RESTORE_TIMEOUT_MS = 600_000;
const SAVE_TIMEOUT_MS = 120_000;

export async function openIptables(location: IptablesLocation, signal: AbortSignal): Promise<Iptables> {
  const prefix = location.family === 'IPv4' ? 'iptables' : 'ip6tables';
  const shell = new ToolShell(location.via);
  const backend = location.backend ?? (await chooseBackend(prefix, shell, signal));
  const tool = backend === undefined ? prefix : `${prefix}-${backend}`;
  const text = (await capture(shell, [tool, '--version'], signal)).trim();
  const version = /v(\d+\.\d+(\.\d+)*)/.exec(text)?.[1] ?? text;
  const answered = text.includes('(legacy)') || !text.includes('(nf_tables)') ? 'legacy' : 'nft';
  return new Tools({ tool, shell, backend: answered, version });
}

/** undefined: whatever the plain name stands for. */
async function chooseBackend(prefix: string, shell: ToolShell, signal: AbortSignal): Promise<IptablesBackend | undefined> {
  // The kernel lists the tables of the legacy back end once somebody used one; asking the tool would make them.
  const names = prefix === 'iptables' ? '/proc/net/ip_tables_names' : '/proc/net/ip6_tables_names';
  const legacyTables = await capture(shell, ['cat', names], signal).catch(() => '');
  if (legacyTables.trim() === '') return undefined;
  const count = async (backend: IptablesBackend): Promise<number> => {
    let rules = 0;
    const tools = new Tools({ tool: `${prefix}-${backend}`, shell, backend, version: '' });
    await tools
      .save({}, (line) => void (rules += line.startsWith('-A') || line.startsWith(':KUBE') ? 1 : 0), signal)
      .catch((err: unknown) => {
        if (codeOf(err) !== 'IPTABLES_MISSING') throw err;
      });
    return rules;
  };
  const [legacy, nft] = [await count('legacy'), await count('nft')];
  if (legacy === nft) return undefined;
  return legacy > nft ? 'legacy' : 'nft';
}

interface ToolsOptions {
  readonly tool: string;
  readonly shell: ToolShell;
  readonly backend: IptablesBackend;
  readonly version: string;
}

class Tools implements Iptables {
  readonly backend: IptablesBackend;
  readonly version: string;
  readonly #tool: string;
  readonly #shell: ToolShell;

  constructor({ tool, shell, backend, version }: ToolsOptions) {
    this.#tool = tool;
    this.#shell = shell;
    this.backend = backend;
    this.version = version;
  }

  async save({ table, counters = 'without' }: SaveOptions, onLine: (line: string) => void, signal: AbortSignal): Promise<void> {
    const args = [...(table === undefined ? [] : ['-t', table]), ...(counters === 'with' ? ['-c'] : [])];
    const problems: string[] = [];
    await this.#run(`${this.#tool}-save`, args, {
      signal,
      timeoutMs: SAVE_TIMEOUT_MS,
      onLine: (line) => {
        // Rules that iptables cannot express make the whole table unreadable: a list that is not complete is no list.
        if (line.startsWith('#') && line.includes('is incompatible')) problems.push(line.slice(1).trim());
        else onLine(line);
      },
    });
    if (problems.length > 0) {
      throw new AppError(
        'IPTABLES_FAILED',
        `Cannot read the iptables rules: ${problems[0]}. Take out what was added with nft to a table of iptables`,
      );
    }
  }

  async restore(text: Input, signal: AbortSignal): Promise<void> {
    await this.#run(`${this.#tool}-restore`, ['-w', String(LOCK_SECONDS), '--noflush'], {
      signal,
      timeoutMs: RESTORE_TIMEOUT_MS,
      input: text,
    });
  }

  async #run(program: string, args: readonly string[], options: RunOptions): Promise<void> {
    const result = await this.#shell.run([program, ...args], options);
    if (result.exitCode !== 0) throw failure(program, result, options);
  }
}

async function capture(shell: ToolShell, argv: readonly string[], signal: AbortSignal): Promise<string> {
  const lines: string[] = [];
  const result = await shell.run(argv, { signal, timeoutMs: SAVE_TIMEOUT_MS, onLine: (line) => lines.push(line) });
  if (result.exitCode !== 0) throw failure(argv[0] ?? '', result, {});
  return lines.join('\n');
}

function failure(program: string, result: RunResult, { input }: Partial<RunOptions>): AppError {
  const { stderr, timedOut, isCanceled, exitCode } = result;
  if (isCanceled) return new AppError('STOPPING', `Stopped while running ${program}`);
  if (timedOut) return new AppError('IPTABLES_TIMEOUT', `${program} did not end in time`);
  if (exitCode === 127) {
    return new AppError('IPTABLES_MISSING', `Cannot run ${program}: install the package iptables`);
  }
  const said = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#') && !/^Try .*--help/.test(line));
  const at = /line:? (\d+)/i.exec(stderr)?.[1];
  const rule = at === undefined || input === undefined ? undefined : textOf(input).split('\n')[Number(at) - 1];
  const reason = said.slice(-2).join(' | ') || `exit code ${exitCode ?? 'unknown'}`;
  return new AppError(
    'IPTABLES_FAILED',
    `${program} refused: ${reason}${rule === undefined ? '' : `, at: ${rule}`}`,
    rule === undefined ? {} : { rule },
  );
}
