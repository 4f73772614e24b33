/**
 * Who listens on a TCP port of this network namespace: for the message that says that a port is taken.
 * Source: proc(5) for /proc/net/tcp: local address:port in hexadecimal, state 0A is LISTEN, the tenth column is the socket's inode.
 */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { look } from './proc.ts';

export interface Listener {
  readonly pid: number;
  readonly command: string;
}

/** Inodes of the sockets that listen on the port. Pure. */
export function listeningInodes(table: string, port: number): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return table
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = '', , state]) => state === '0A' && local.endsWith(`:${hex}`))
    .flatMap((columns) => columns[9] ?? []);
}

/** undefined: nobody, or somebody in a process that we may not look into. */
export async function whoListens(port: number): Promise<Listener | undefined> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')));
  const wanted = new Set(tables.flatMap((table) => listeningInodes(table, port)).map((inode) => `socket:[${inode}]`));
  if (wanted.size === 0) return undefined;
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    for (const fd of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      if (!wanted.has(await readlink(`/proc/${pid}/fd/${fd}`).catch(() => ''))) continue;
      return { pid: Number(pid), command: look(Number(pid))?.command ?? '' };
    }
  }
  return undefined;
}
