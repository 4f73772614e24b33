/**
 * What the rules depend on of this node, kept up to date: its addresses, which come and go with interfaces, and the Node object where
 * there is an API server.
 */
import type { Node } from '#api/kinds/core/node.ts';
import type { Clock } from '#base/clock.ts';
import { readMachine } from '../linux/machine.ts';
import { readSysctl } from '../linux/sysctl.ts';
import type { Settings } from './config/settings.ts';
import { isEligible } from './health.ts';
import type { Family } from './ip.ts';
import { factsOfNode, proxySettings, type NodeFacts } from './node.ts';
import type { ProxySettings } from './proxier.ts';
import { localAddresses } from './server/process.ts';
import type { NodeView } from './servicePort.ts';

/** How soon an address that came to the node serves node ports. */
const LOOK_EVERY_MS = 5_000;
const ZONE_LABEL = 'topology.kubernetes.io/zone';

export interface NodeFollowerOptions {
  readonly settings: Settings;
  readonly families: readonly Family[];
  /** As in NodeView. */
  readonly lacksSctp?: string;
}

export class NodeFollower {
  readonly #options: NodeFollowerOptions;
  #facts: NodeFacts;
  #object: Node | undefined;
  #current: ReadonlyMap<Family, ProxySettings>;

  private constructor(options: NodeFollowerOptions, facts: NodeFacts) {
    this.#options = options;
    this.#facts = facts;
    this.#current = this.#settle();
  }

  static async open(options: NodeFollowerOptions): Promise<NodeFollower> {
    return new NodeFollower(options, await readFacts(options.settings));
  }

  get name(): string {
    return this.#facts.name;
  }

  get addresses(): readonly string[] {
    return this.#facts.addresses;
  }

  view(): NodeView {
    const zone = this.#object?.metadata.labels?.[ZONE_LABEL];
    const { lacksSctp } = this.#options;
    return {
      name: this.name,
      ...(zone === undefined || zone === '' ? {} : { zone }),
      ...(lacksSctp === undefined ? {} : { lacksSctp }),
    };
  }

  /** Load balancers may send new traffic here. */
  get isEligible(): boolean {
    return this.#object === undefined || isEligible(this.#object);
  }

  settings(family: Family): ProxySettings {
    return this.#current.get(family) ?? proxySettings(this.#options.settings, this.#factsNow(), family);
  }

  /** detectLocalMode NodeCIDR, and the Node object does not say yet what it is. */
  get waitsForPodCidr(): boolean {
    return this.#options.settings.localDetection.kind === 'nodeCidr' && this.all().every((s) => s.localTraffic.kind === 'unknown');
  }

  all(): readonly ProxySettings[] {
    return [...this.#current.values()];
  }

  /** Whether the rules have to change. */
  setObject(object: Node | undefined): boolean {
    this.#object = object;
    return this.#update();
  }

  async look(): Promise<boolean> {
    this.#facts = await readFacts(this.#options.settings);
    return this.#update();
  }

  /** Runs until signal aborts. onLook is called after each look. */
  async run(clock: Clock, { onChange, onLook }: { onChange: () => void; onLook: () => void }, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
      if (signal.aborted) return;
      if (await this.look()) onChange();
      onLook();
    }
  }

  #factsNow(): NodeFacts {
    return this.#options.settings.source.kind === 'directory' ? this.#facts : { ...this.#facts, ...factsOfNode(this.#object) };
  }

  #settle(): ReadonlyMap<Family, ProxySettings> {
    const facts = this.#factsNow();
    return new Map(this.#options.families.map((family) => [family, proxySettings(this.#options.settings, facts, family)]));
  }

  #update(): boolean {
    const before = this.#current;
    const after = this.#settle();
    const isSame = [...after].every(([family, settings]) => JSON.stringify(settings) === JSON.stringify(before.get(family)));
    if (!isSame) this.#current = after;
    return !isSame;
  }
}

async function readFacts({ hostnameOverride }: Settings): Promise<NodeFacts> {
  const machine = await readMachine();
  const liberal = await readSysctl('net/netfilter/nf_conntrack_tcp_be_liberal').catch(() => undefined);
  const addresses = [...new Set([...machine.addresses, ...localAddresses()])];
  return { name: hostnameOverride?.toLowerCase() ?? machine.hostname, addresses, conntrackLiberal: liberal === '1' };
}
