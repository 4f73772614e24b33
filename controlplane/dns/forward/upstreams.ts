/**
 * Which server is asked next, and which of them are well. Holds counts only; chance and time are given. Pure.
 * Source: the rules are those of CoreDNS' forward plugin: two failures in a row and a server is left out until a probe of it succeeds; where
 * none is well all are tried, because the probes may be what is wrong.
 */

export interface Upstream {
  readonly address: string;
  readonly port: number;
}

export const nameOfUpstream = ({ address, port }: Upstream): string =>
  address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;

export const FAILURES_UNTIL_DOWN = 2;

interface State {
  readonly upstream: Upstream;
  failures: number;
  isLoop: boolean;
}

export class Upstreams {
  readonly #states: readonly State[];

  constructor(upstreams: readonly Upstream[]) {
    this.#states = upstreams.map((upstream) => ({ upstream, failures: 0, isLoop: false }));
  }

  get all(): readonly Upstream[] {
    return this.#states.map(({ upstream }) => upstream);
  }

  /** In the order in which they are to be asked. */
  order(random: () => number): readonly Upstream[] {
    const usable = this.#states.filter(({ isLoop }) => !isLoop);
    const well = usable.filter(({ failures }) => failures < FAILURES_UNTIL_DOWN);
    const first = Math.floor(random() * well.length);
    const turned = [...well.slice(first), ...well.slice(0, first)];
    return [...turned, ...usable.filter((state) => !turned.includes(state))].map(({ upstream }) => upstream);
  }

  /** True: it has just become unwell, and is to be probed. */
  failed(upstream: Upstream): boolean {
    const state = this.#of(upstream);
    if (state === undefined) return false;
    state.failures += 1;
    return state.failures === FAILURES_UNTIL_DOWN;
  }

  succeeded(upstream: Upstream): void {
    const state = this.#of(upstream);
    if (state !== undefined) state.failures = 0;
  }

  /** Its questions come back to us. */
  loops(upstream: Upstream): void {
    const state = this.#of(upstream);
    if (state !== undefined) state.isLoop = true;
  }

  isWell(upstream: Upstream): boolean {
    const state = this.#of(upstream);
    return state !== undefined && !state.isLoop && state.failures < FAILURES_UNTIL_DOWN;
  }

  #of({ address, port }: Upstream): State | undefined {
    return this.#states.find(({ upstream }) => upstream.address === address && upstream.port === port);
  }
}
