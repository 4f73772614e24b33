/** Which rules and elements serve a service port, in the order a packet meets them, with the kernel's counters. */
import { joinHostPort } from '../ip.ts';
import type { ExplainedFrontend, ExplainedRule, ProxySettings } from '../proxier.ts';
import type { ServicePort } from '../servicePort.ts';
import { emptyContent, type ChainDef, type Content } from './content.ts';
import { CHAINS, SETS, type Words } from './names.ts';
import { ruleText, type Rule } from './rules.ts';
import { Parts } from './parts.ts';
import { contribute, staticContent } from './ruleset.ts';
import { sharedChain, sharedWithNeeds } from './shared.ts';

export interface FoundElement {
  readonly value: string;
  readonly packets?: string;
  readonly bytes?: string;
}

/** Without counters where the rule does not count. */
export type FoundRule = Partial<Pick<FoundElement, 'packets' | 'bytes'>>;

export interface ExplainInput {
  readonly port: ServicePort;
  readonly settings: ProxySettings;
  readonly words: Words;
  /** Of the kernel. */
  readonly rule: (chain: string, rule: Rule) => FoundRule | undefined;
  readonly element: (set: string, key: string) => Promise<FoundElement | undefined>;
}

export async function explainFrontends(input: ExplainInput): Promise<ExplainedFrontend[]> {
  const { port } = input;
  const frontends: ExplainedFrontend[] = [];
  for (const { what, address, key, nodePort } of frontendsOf(port)) {
    frontends.push({ what, address, protocol: port.protocol, rules: await new Trail(input).follow(key, nodePort) });
  }
  return frontends;
}

interface Frontend {
  readonly what: ExplainedFrontend['what'];
  readonly address: string;
  /** As in the dispatching maps. */
  readonly key: string;
  readonly nodePort: boolean;
}

function frontendsOf({ clusterIp, externalIps, loadBalancerIps, nodePort, port, protocol }: ServicePort): Frontend[] {
  const at = (what: Frontend['what'], ip: string): Frontend => ({
    what,
    address: joinHostPort(ip, port),
    key: `${ip} . ${protocol} . ${port}`,
    nodePort: false,
  });
  return [
    at('clusterIP', clusterIp),
    ...externalIps.map((ip) => at('externalIP', ip)),
    ...loadBalancerIps.map((ip) => at('loadBalancer', ip)),
    ...(nodePort === undefined
      ? []
      : [{ what: 'nodePort' as const, address: `*:${nodePort}`, key: `${protocol} . ${nodePort}`, nodePort: true }]),
  ];
}

class Trail {
  readonly #input: ExplainInput;
  readonly #rules: ExplainedRule[] = [];
  readonly #seen = new Set<string>();
  readonly #chains: ReadonlyMap<string, ChainDef>;
  readonly #elements: Content['elements'];

  constructor(input: ExplainInput) {
    this.#input = input;
    const parts = new Parts(emptyContent());
    contribute(input.port, input.settings, parts);
    const shared = [...parts.shared].flatMap(sharedWithNeeds).map((name) => [name, sharedChain(name, input.settings)] as const);
    this.#chains = new Map([...staticContent(input.settings).chains, ...shared, ...parts.own.chains]);
    this.#elements = parts.own.elements;
  }

  /** In the order of the hooks: who may come in, address translation, refusal. */
  async follow(key: string, nodePort: boolean): Promise<ExplainedRule[]> {
    const maps = nodePort
      ? [SETS.serviceNodePorts, SETS.noEndpointNodePorts]
      : [SETS.firewallIps, SETS.serviceIps, SETS.noEndpointServices];
    for (const map of maps) {
      const verdict = this.#elements.get(map)?.get(key);
      if (verdict === undefined) continue;
      this.#dispatchRule(map);
      await this.#element(map, key, verdict);
      await this.#chain(verdict, key);
    }
    return this.#rules;
  }

  #dispatchRule(map: string): void {
    for (const name of [CHAINS.firewallCheck, CHAINS.services, CHAINS.serviceEndpointsCheck, CHAINS.nodePortEndpointsCheck]) {
      for (const rule of this.#chains.get(name)?.rules ?? []) {
        if (rule.some((s) => s.kind === 'dispatch' && s.map === map)) this.#rule(name, rule);
      }
    }
  }

  async #element(set: string, key: string, value: string): Promise<void> {
    const found = await this.#input.element(set, key);
    const counted = found?.packets === undefined || found.bytes === undefined ? {} : { packets: found.packets, bytes: found.bytes };
    this.#rules.push({ where: `map ${set}`, rule: `${key} : ${value}`, isInKernel: found?.value === value, ...counted });
  }

  #rule(chain: string, rule: Rule): void {
    const found = this.#input.rule(chain, rule);
    this.#rules.push({ where: `chain ${chain}`, rule: ruleText(rule, this.#input.words), isInKernel: found !== undefined, ...found });
  }

  async #chain(verdict: string, key: string): Promise<void> {
    const name = verdict.replace(/^goto /, '');
    const def = this.#chains.get(name);
    if (def === undefined || this.#seen.has(name)) return;
    this.#seen.add(name);
    for (const rule of def.rules) {
      this.#rule(name, rule);
      for (const s of rule) {
        if (s.kind === 'goto') await this.#chain(s.chain, key);
        if (s.kind === 'choose') for (const chain of s.chains) await this.#chain(chain, key);
        if (s.kind === 'translateBy') await this.#slots(s.map, key, s.offset, s.slots);
      }
    }
  }

  async #slots(map: string, key: string, offset: number, slots: number): Promise<void> {
    // The endpoint maps leave the protocol out.
    const parts = key.split(' . ');
    const head = parts.length === 3 ? `${parts[0]} . ${parts[2]}` : (parts[1] ?? '');
    for (let slot = offset; slot < offset + slots; slot++) {
      const slotKey = `${head} . ${slot}`;
      const endpoint = this.#elements.get(map)?.get(slotKey);
      if (endpoint !== undefined) await this.#element(map, slotKey, endpoint);
    }
  }
}
