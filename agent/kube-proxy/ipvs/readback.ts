/** What ipvsadm prints, as values. Pure. Source: ipvsadm(8). */
import type { Protocol } from '../servicePort.ts';
import { serverKey, type ServerDef } from './plan.ts';

const FLAGS: Readonly<Record<string, Protocol>> = { '-t': 'tcp', '-u': 'udp', '--sctp-service': 'sctp' };

interface FoundServer extends ServerDef {
  readonly reals: Map<string, number>;
}

/** A real server that does not translate addresses: never what we want, so it is written anew. */
export const OTHER_METHOD = -1;

/** One line of "ipvsadm -S -n". Virtual servers by firewall mark are others' and are passed over. */
export function readServerLine(line: string, servers: Map<string, FoundServer>): void {
  const [verb = '', flag = '', address = '', ...rest] = line.trim().split(' ');
  const protocol = FLAGS[flag];
  if (protocol === undefined) return;
  const key = serverKey({ protocol, address });
  if (verb === '-A') servers.set(key, { protocol, address, how: rest.join(' '), reals: new Map() });
  if (verb !== '-a' || rest[0] !== '-r') return;
  const weight = Number(rest[rest.indexOf('-w') + 1]);
  servers.get(key)?.reals.set(rest[1] ?? '', rest.includes('-m') ? weight : OTHER_METHOD);
}

export function readServers(lines: Iterable<string>): Map<string, FoundServer> {
  const servers = new Map<string, FoundServer>();
  for (const line of lines) readServerLine(line, servers);
  return servers;
}

export interface ListedReal {
  readonly address: string;
  /** The last columns: weight, active and inactive connections; or connections, packets and bytes in and out. */
  readonly numbers: readonly number[];
}

export interface ListedServer {
  readonly key: string;
  /** Of the table of counters: connections, packets and bytes. */
  readonly numbers: readonly number[];
  readonly reals: ListedReal[];
}

/** "ipvsadm -L -n", with or without --stats --exact. */
export class ListReader {
  readonly servers = new Map<string, ListedServer>();
  #last: ListedServer | undefined;

  line(line: string): void {
    const words = line.trim().split(/\s+/);
    const [first = '', second = ''] = words;
    if (first === '->') {
      if (second.includes(':') && !second.startsWith('RemoteAddress'))
        this.#last?.reals.push({ address: second, numbers: numbersOf(words.slice(2)) });
      return;
    }
    const protocol = { TCP: 'tcp', UDP: 'udp', SCTP: 'sctp' }[first];
    if (protocol === undefined) this.#last = undefined;
    else {
      this.#last = { key: `${protocol} ${second}`, numbers: numbersOf(words.slice(2)), reals: [] };
      this.servers.set(this.#last.key, this.#last);
    }
  }
}

function numbersOf(words: readonly string[]): number[] {
  return words.filter((w) => /^\d+$/.test(w)).map(Number);
}
