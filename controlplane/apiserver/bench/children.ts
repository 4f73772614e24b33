/** The processes of the benchmark: started, measured from outside by what the kernel says of them, ended. */
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execaNode, type ResultPromise } from 'execa';

import type { Target } from './http.ts';

/** What a server process says when it is ready. */
export interface Served {
  readonly port: number;
  readonly token: string;
  readonly ca: string;
  /** All processes whose memory counts. */
  readonly pids: readonly number[];
}

export interface Memory {
  readonly residentMb: number;
  /** The part of it that is pages of files, the program and the database: the kernel takes them back when it needs them. */
  readonly filesMb: number;
}

export interface Subject {
  readonly target: Target;
  /** From the start of the process; undefined: it was running already. */
  readonly readyMs: number | undefined;
  /** Of the server, all its threads, since it began; undefined: it is somebody else's process. */
  cpuMs(): number | undefined;
  /** Of the server and what stores for it; undefined: it is somebody else's process. */
  memory(): Memory | undefined;
  profileTo(file: string): Promise<void>;
  endProfile(): Promise<void>;
  stop(): Promise<void>;
}

/** The flags and the environment that the daemon's launcher has, so that what is measured is what runs. */
function launched(): { readonly nodeOptions: readonly string[]; readonly env: Readonly<Record<string, string>> } {
  const text = readFileSync(new URL('../kube-apiserver', import.meta.url), 'utf8');
  const nodeOptions = text.match(/--[\w-]+=\w+/g) ?? [];
  const settings = [...text.matchAll(/^(\w+)=\$\{\1:-(\d+)\}$/gm)].map(([, name = '', value = '']) => [name, value] as const);
  return { nodeOptions, env: Object.fromEntries(settings) };
}

/** The kernel counts CPU time in these. */
const TICK_MS = 10;

export async function startSubject(...args: readonly string[]): Promise<Subject> {
  const { nodeOptions, env } = launched();
  const startedMs = performance.now();
  const running = execaNode(new URL('serve.ts', import.meta.url).pathname, args, {
    ipc: true,
    nodeOptions: [...process.execArgv, ...nodeOptions],
    reject: false,
    stdin: 'ignore',
    stdout: 'inherit',
    stderr: 'inherit',
    env: { NODE_COMPILE_CACHE: join(tmpdir(), 'kijabi-compile-cache'), ...env },
  });
  const { nodeChildProcess: child } = running;
  const { port, token, ca, pids } = await message<Served>(child);
  const readyMs = performance.now() - startedMs;
  const tell = async (what: object): Promise<void> => {
    const heard = message(child);
    child.send(what);
    await heard;
  };
  return {
    target: { host: '127.0.0.1', port, token, ca },
    readyMs,
    cpuMs: () => cpuOf(child.pid),
    memory: () => ({ residentMb: sumOf(pids, 'VmRSS'), filesMb: sumOf(pids, 'RssFile') }),
    profileTo: (file) => tell({ profile: file }),
    endProfile: () => tell({ stop: true }),
    stop: async () => {
      child.kill();
      await running;
    },
  };
}

export function remoteSubject(target: Target): Subject {
  const nothing = async (): Promise<void> => undefined;
  return {
    target,
    readyMs: undefined,
    cpuMs: () => undefined,
    memory: () => undefined,
    profileTo: nothing,
    endProfile: nothing,
    stop: nothing,
  };
}

function message<T>(child: ResultPromise['nodeChildProcess']): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`the server ended with ${code}`));
    child.once('exit', ended);
    child.once('message', (said) => {
      child.off('exit', ended);
      resolve(said as T);
    });
  });
}

/** Source: proc(5), the fields utime and stime behind the name, which may hold anything but ends with the last parenthesis. */
function cpuOf(pid: number | undefined): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Source: proc(5), the fields of status, in KiB. */
function sumOf(pids: readonly number[], field: 'VmRSS' | 'RssFile'): number {
  const found = new RegExp(`${field}:\\s+(\\d+)`);
  return pids.reduce((sum, pid) => sum + (Number(found.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1_024) / 1e6, 0);
}
