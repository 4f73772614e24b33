/**
 * The node's way out and in, without a single rule or route on the host: slirp4netns, a network stack in user space.
 *
 * Out: everything the namespace sends to tap0 leaves as ordinary connections of the host. DNS goes to a name server inside the stack,
 * which asks the host's own resolver, also one that listens on 127.0.0.53.
 * In: a listening port on 127.0.0.1 of the host is handed to the namespace, where a rule of ours sends it on to the pod.
 *
 * Throws: UPLINK_FAILED, PORT_BUSY.
 * Source: slirp4netns(1), API socket: one JSON request per connection, ended by closing the writing side.
 */
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import type { Clock } from '#base/clock.ts';
import { AppError, codeOf } from '#base/errors.ts';
import { run, type Argv } from '../linux/exec.ts';
import { netnsPath } from '../linux/netns.ts';
import { addressAt, resolverOf, usedNetworks, type Route } from './subnets.ts';

export const UPLINK_DEVICE = 'tap0';
const HIGHEST_PORT_TRIED = 100;

export interface UplinkAddresses {
  /** The namespace's own address. */
  readonly node: string;
  readonly dns: string;
}

/** Where slirp4netns puts things in its network: .2 is the way out, .3 the name server, .100 the namespace. */
export function uplinkAddresses(cidr: string): UplinkAddresses {
  return { node: addressAt(cidr, 100), dns: addressAt(cidr, 3) };
}

export function uplinkCommand(netns: string, cidr: string, socket: string): Argv {
  return [
    'slirp4netns',
    '--netns-type=path',
    '--configure',
    '--mtu=1500',
    '--disable-host-loopback',
    `--cidr=${cidr}`,
    `--api-socket=${socket}`,
    netnsPath(netns),
    UPLINK_DEVICE,
  ];
}

/** Networks and name servers that the host reaches and that the node therefore must not use inside. */
export async function hostNetworks(signal: AbortSignal): Promise<string[]> {
  const { stdout } = await run(['ip', '-4', '-j', 'route', 'show', 'table', 'all'], { signal });
  const routes = stdout.trim() === '' ? [] : (JSON.parse(stdout) as Route[]);
  return [...usedNetworks(routes), ...resolverOf(hostResolvConf()).nameservers];
}

export function hostResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch (err) {
    if (codeOf(err) === 'ENOENT') return '';
    throw err;
  }
}

/** What programs in the node, and the pods, ask for names: the stack's server, with the host's search list. */
export function nodeResolvConf(dns: string, host: string): string {
  return `${[`nameserver ${dns}`, ...resolverOf(host).rest].join('\n')}\n`;
}

/** The socket appears once the device is configured. */
export async function waitUplink(socket: string, clock: Clock, signal: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await ask(socket, { execute: 'list_hostfwd' }, signal);
      return;
    } catch (err) {
      if (!['ENOENT', 'ECONNREFUSED'].includes(codeOf(err) ?? '')) throw err;
    }
    await clock.sleep(5, signal);
  }
}

export interface ForwardOptions {
  readonly socket: string;
  /** undefined: the first free one from firstPort on. */
  readonly wantedPort: number | undefined;
  readonly firstPort: number;
  readonly guestAddress: string;
  readonly signal: AbortSignal;
}

/** Listens on 127.0.0.1 of the host, and hands connections to the same port of the namespace. Returns the port. */
export async function forwardPort(options: ForwardOptions): Promise<number> {
  const { wantedPort, firstPort, socket, guestAddress, signal } = options;
  const ports = wantedPort === undefined ? Array.from({ length: HIGHEST_PORT_TRIED }, (_, i) => firstPort + i) : [wantedPort];
  for (const port of ports) {
    const forward = { proto: 'tcp', host_addr: '127.0.0.1', host_port: port, guest_addr: guestAddress, guest_port: port };
    const answer = await ask(socket, { execute: 'add_hostfwd', arguments: forward }, signal);
    if (answer.error === undefined) return port;
  }
  const next =
    wantedPort === undefined ? 'give a free one with --port' : 'give another one with --port, or leave it out to get the next free one';
  throw new AppError('PORT_BUSY', `Cannot listen on 127.0.0.1:${ports.join(', ').slice(0, 40)}: in use; ${next}`, { next });
}

interface ApiAnswer {
  readonly return?: unknown;
  readonly error?: { readonly desc?: string };
}

function ask(path: string, request: object, signal: AbortSignal): Promise<ApiAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ path, signal });
    let text = '';
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.end(JSON.stringify(request)));
    socket.on('data', (chunk: string) => (text += chunk));
    socket.on('error', reject);
    socket.on('end', () => {
      try {
        resolve(JSON.parse(text) as ApiAnswer);
      } catch (err) {
        reject(new AppError('UPLINK_FAILED', `slirp4netns gave no proper answer: ${JSON.stringify(text)}`, {}, err));
      }
    });
  });
}
