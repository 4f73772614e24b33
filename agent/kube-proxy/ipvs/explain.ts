/** Which virtual servers, sets and rules serve a service port, with what the kernel counted. Pure. */
import { joinHostPort } from '../ip.ts';
import type { Ruleset } from '../iptables/ruleset.ts';
import type { SavedTables } from '../iptables/tables.ts';
import type { ExplainedFrontend, ExplainedRule } from '../proxier.ts';
import type { ServicePort } from '../servicePort.ts';
import { DEVICE, setName, type SetKey } from './names.ts';
import { contributionOf, serverKey, servedNodeIps, type IpvsContent, type PlanContext } from './plan.ts';
import type { ListedServer } from './readback.ts';

export interface ExplainInput {
  readonly port: ServicePort;
  readonly context: PlanContext;
  readonly kernel: IpvsContent;
  /** Read with counters. */
  readonly listed: ReadonlyMap<string, ListedServer>;
  readonly rules: Ruleset;
  readonly savedRules: SavedTables;
}

export function explainFrontends(input: ExplainInput): ExplainedFrontend[] {
  const { port, context } = input;
  const { clusterIp, externalIps, loadBalancerIps, nodePort, protocol } = port;
  const parts = contributionOf(port, context);
  const at = (what: ExplainedFrontend['what'], ip: string): ExplainedFrontend => ({
    what,
    address: joinHostPort(ip, port.port),
    protocol,
    rules: trail(input, parts, { ips: [ip], port: port.port }),
  });
  return [
    at('clusterIP', clusterIp),
    ...externalIps.map((ip) => at('externalIP', ip)),
    ...loadBalancerIps.map((ip) => at('loadBalancer', ip)),
    ...(nodePort === undefined
      ? []
      : [
          {
            what: 'nodePort' as const,
            address: `*:${nodePort}`,
            protocol,
            rules: trail(input, parts, { ips: servedNodeIps(context), port: nodePort }),
          },
        ]),
  ];
}

interface Target {
  readonly ips: readonly string[];
  readonly port: number;
}

function trail(
  { port, kernel, listed, rules, savedRules }: ExplainInput,
  parts: IpvsContent,
  { ips, port: number }: Target,
): ExplainedRule[] {
  const { family, protocol } = port;
  const found: ExplainedRule[] = [];
  const named = (key: SetKey): string => setName(key, family);
  for (const [key, entries] of parts.entries) {
    const mine = [...entries].filter(
      (e) => e === String(number) || ips.some((ip) => e === ip || e.startsWith(`${ip},${protocol}:${number}`)),
    );
    if (mine.length === 0) continue;
    for (const entry of mine)
      found.push({ where: `ipset ${named(key)}`, rule: entry, isInKernel: kernel.entries.get(key)?.has(entry) === true });
    for (const [table, { chains }] of Object.entries(rules) as [keyof Ruleset, Ruleset[keyof Ruleset]][]) {
      for (const [chain, lines] of chains) {
        for (const rule of lines.filter((line) => line.includes(` ${named(key)} `))) {
          found.push({ where: `${table} ${chain}`, rule, ...inTable(savedRules, table, chain, rule) });
        }
      }
    }
  }
  for (const ip of ips) {
    if (parts.addresses.has(ip)) found.push({ where: DEVICE, rule: ip, isInKernel: kernel.addresses.has(ip) });
    const def = parts.servers.get(serverKey({ protocol, address: joinHostPort(ip, number) }));
    if (def === undefined) continue;
    const inKernel = kernel.servers.get(serverKey(def));
    const counted = listed.get(serverKey(def));
    const [, packets, , bytes] = counted?.numbers ?? [];
    found.push({ where: 'ipvs', rule: `${serverKey(def)} ${def.how}`, isInKernel: inKernel?.how === def.how, ...counters(packets, bytes) });
    const reals = new Set([...def.reals.keys(), ...(inKernel?.reals.keys() ?? [])]);
    for (const real of reals) {
      const weight = inKernel?.reals.get(real);
      const [, inPackets, , inBytes] = counted?.reals.find((r) => r.address === real)?.numbers ?? [];
      const state = def.reals.has(real) ? '' : ' (leaving, waits for its connections to end)';
      found.push({
        where: 'ipvs',
        rule: `-> ${real} weight ${weight ?? def.reals.get(real)}${state}`,
        isInKernel: weight !== undefined,
        ...counters(inPackets, inBytes),
      });
    }
  }
  return found;
}

function counters(packets: number | undefined, bytes: number | undefined): { packets?: string; bytes?: string } {
  return packets === undefined || bytes === undefined ? {} : { packets: String(packets), bytes: String(bytes) };
}

function inTable(
  saved: SavedTables,
  table: keyof Ruleset,
  chain: string,
  rule: string,
): Pick<ExplainedRule, 'isInKernel' | 'packets' | 'bytes'> {
  const line = saved[table].get(chain)?.find((l) => l.endsWith(`] ${rule}`));
  const [, packets, bytes] = /^\[(\d+):(\d+)\] /.exec(line ?? '') ?? [];
  return { isInKernel: line !== undefined, ...(packets === undefined || bytes === undefined ? {} : { packets, bytes }) };
}
