/**
 * The kernel's connection tracking table, through the tool conntrack: listed as a stream, deleted by group.
 * Throws: CONNTRACK_MISSING (the tool is not installed), CONNTRACK_FAILED.
 * Source: conntrack(8); exit code 1 of a deletion means that nothing matched.
 */
import { AppError } from '#base/errors.ts';
import { ToolShell } from './toolShell.ts';

export type FlowProtocol = 'udp' | 'sctp';

export interface Flow {
  readonly protocol: FlowProtocol;
  /** Where the client sent to. */
  readonly dst: string;
  readonly dport: number;
  /** Who answers: the endpoint for a translated flow, the address sent to for one that is not. */
  readonly replySrc: string;
  readonly replySport: number;
}

export interface Conntrack {
  list(protocol: FlowProtocol, onFlow: (flow: Flow) => void, signal: AbortSignal): Promise<void>;
  /** Deletes all flows that agree with this one, whoever the client is. Returns how many. */
  delete(flow: Flow, signal: AbortSignal): Promise<number>;
}

const TIMEOUT_MS = 60_000;

export function openConntrack(family: 'IPv4' | 'IPv6', via: readonly string[] = []): Conntrack {
  const shell = new ToolShell(via);
  const base = ['conntrack', '-f', family === 'IPv4' ? 'ipv4' : 'ipv6'];
  const run = async (
    args: readonly string[],
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<{ exitCode: number; stderr: string }> => {
    const { exitCode, stderr, isCanceled, timedOut } = await shell.run([...base, ...args], { signal, timeoutMs: TIMEOUT_MS, onLine });
    if (isCanceled) throw new AppError('STOPPING', 'Stopped while running conntrack');
    if (exitCode === 127) throw new AppError('CONNTRACK_MISSING', 'Cannot run conntrack: install the package conntrack');
    if (exitCode === undefined || exitCode > 1 || timedOut) {
      throw new AppError('CONNTRACK_FAILED', `conntrack failed: ${timedOut ? 'no answer in time' : lastLine(stderr)}`);
    }
    return { exitCode, stderr };
  };
  return {
    async list(protocol, onFlow, signal) {
      const { exitCode, stderr } = await run(
        ['-L', '-p', protocol],
        (line) => {
          const flow = parseFlow(line);
          if (flow !== undefined) onFlow(flow);
        },
        signal,
      );
      if (exitCode !== 0) throw new AppError('CONNTRACK_FAILED', `conntrack failed: ${lastLine(stderr)}`);
    },
    async delete({ protocol, dst, dport, replySrc, replySport }, signal) {
      const match = ['--orig-dst', dst, '--orig-port-dst', String(dport), '--reply-src', replySrc, '--reply-port-src', String(replySport)];
      let deleted = 0;
      await run(['-D', '-p', protocol, ...match], () => void (deleted += 1), signal);
      return deleted;
    },
  };
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}

/** Pure. One line of conntrack -L; undefined for anything else than a flow with ports. */
export function parseFlow(line: string): Flow | undefined {
  const protocol = /^(udp|sctp)\s/.exec(line)?.[1];
  if (protocol !== 'udp' && protocol !== 'sctp') return undefined;
  const all = (key: string): string[] => [...line.matchAll(new RegExp(` ${key}=(\\S+)`, 'g'))].map((m) => m[1] ?? '');
  const [, replySrc] = all('src');
  const [dst] = all('dst');
  const [, replySport] = all('sport');
  const [dport] = all('dport');
  if (replySrc === undefined || dst === undefined || replySport === undefined || dport === undefined) return undefined;
  return { protocol, dst, dport: Number(dport), replySrc, replySport: Number(replySport) };
}
