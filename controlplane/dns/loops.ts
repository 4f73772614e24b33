/**
 * Whether an upstream server asks us in turn: each is asked a question with a name that nobody else asks for, and if that question arrives
 * here, forwarding to this server would never end. Then it is not asked any more.
 * Source: the idea is that of CoreDNS' loop plugin.
 * Differs: CoreDNS ends the process; here the cluster's own names go on being answered.
 */
import type { Logger } from '#base/log.ts';
import { questionOf } from './encode.ts';
import type { Forwarder } from './forward/forwarder.ts';
import { nameOfUpstream, type Upstream } from './forward/upstreams.ts';
import type { Routes } from './routes.ts';
import { keyOfText } from './wire.ts';

/** Source: IANA, resource record types: what no resolver asks for by itself. */
const HINFO = 13;

export interface LoopOptions {
  /** A label that nobody can guess. */
  readonly secret: () => string;
  readonly log: Logger;
}

export interface Probe {
  readonly name: string;
  readonly forwarder: Forwarder;
  readonly upstream: Upstream;
}

export function loopProbes(routes: Routes, { secret }: LoopOptions): readonly Probe[] {
  return routes.all.flatMap((forwarder) =>
    forwarder.upstreams.all.map((upstream) => ({ name: `${secret()}.${secret()}`, forwarder, upstream })),
  );
}

/** For the resolver: what to do when a probe comes back. */
export function probeNames(probes: readonly Probe[], { log }: LoopOptions): ReadonlyMap<string, () => void> {
  return new Map(
    probes.map(({ name, forwarder, upstream }) => [
      keyOfText(name),
      () => {
        forwarder.upstreams.loops(upstream);
        log.error('Upstream server forwards to this server: it is not asked any more', {
          upstream: nameOfUpstream(upstream),
          next: 'name servers outside of the cluster in upstreamNameservers, or in the file of --resolv-conf',
        });
      },
    ]),
  );
}

/** What is answered does not matter, only whether it comes back. Never rejects. */
export async function sendProbes(probes: readonly Probe[]): Promise<void> {
  await Promise.allSettled(probes.map(({ name, forwarder, upstream }) => forwarder.askAt(upstream, questionOf(name, HINFO))));
}
