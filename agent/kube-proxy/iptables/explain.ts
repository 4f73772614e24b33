/** Which iptables rules serve a service port, in the order a packet meets them, with the kernel's counters. Pure. */
import type { ExplainedFrontend, ExplainedRule, ProxySettings } from '../proxier.ts';
import { joinHostPort } from '../ip.ts';
import type { ServicePort } from '../servicePort.ts';
import type { TableName } from './names.ts';
import { rulesOf, type DispatchLine, type Style } from './portRules.ts';
import type { SavedTables } from './tables.ts';

export interface ExplainInput {
  readonly port: ServicePort;
  readonly settings: ProxySettings;
  readonly style: Style;
  /** Read with counters. */
  readonly kernel: SavedTables;
}

export function explainFrontends({ port, settings, style, kernel }: ExplainInput): ExplainedFrontend[] {
  const { own, dispatch } = rulesOf(port, settings, style);
  const found = new KernelRules(kernel);
  const follow = (line: DispatchLine): ExplainedRule[] => {
    const seen = new Set<string>();
    const rules: ExplainedRule[] = [found.look(line.table, line.chain, line.rule)];
    const into = (rule: string): void => {
      const to = /(?:^| )-j (\S+)/.exec(rule)?.[1] ?? '';
      if (line.table !== 'nat' || seen.has(to)) return;
      seen.add(to);
      for (const next of own.get(to) ?? []) {
        rules.push(found.look('nat', to, next));
        into(next);
      }
    };
    into(line.rule);
    return rules;
  };
  return frontendsOf(port).map(({ what, address, match }) => ({
    what,
    address,
    protocol: port.protocol,
    rules: dispatch.filter(match).flatMap(follow),
  }));
}

interface Frontend {
  readonly what: ExplainedFrontend['what'];
  readonly address: string;
  readonly match: (line: DispatchLine) => boolean;
}

function frontendsOf(port: ServicePort): Frontend[] {
  const at = (what: Frontend['what'], ip: string): Frontend => ({
    what,
    address: joinHostPort(ip, port.port),
    match: ({ rule }) => rule.startsWith(`-d ${ip}/`),
  });
  const { nodePort } = port;
  return [
    at('clusterIP', port.clusterIp),
    ...port.externalIps.map((ip) => at('externalIP', ip)),
    ...port.loadBalancerIps.map((ip) => at('loadBalancer', ip)),
    ...(nodePort === undefined
      ? []
      : [
          {
            what: 'nodePort' as const,
            address: `*:${nodePort}`,
            match: ({ rule }: DispatchLine) => rule.includes(`--dport ${nodePort} `) && rule.startsWith('-p '),
          },
        ]),
  ];
}

class KernelRules {
  readonly #kernel: SavedTables;

  constructor(kernel: SavedTables) {
    this.#kernel = kernel;
  }

  look(table: TableName, chain: string, rule: string): ExplainedRule {
    const line = this.#kernel[table].get(chain)?.find((l) => l.endsWith(`] ${rule}`));
    const [, packets, bytes] = /^\[(\d+):(\d+)\] /.exec(line ?? '') ?? [];
    return {
      where: `${table} ${chain}`,
      rule,
      isInKernel: line !== undefined,
      ...(packets === undefined || bytes === undefined ? {} : { packets, bytes }),
    };
  }
}
