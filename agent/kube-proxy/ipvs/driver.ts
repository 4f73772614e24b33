/** The ipvs mode as a whole: can this node do it, a proxier per family, and the way out. */
import type { Clock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import type { RuleWatch } from '../../linux/ruleGeneration.ts';
import type { Family } from '../ip.ts';
import { emptyWrites, renderBatches, type TableWrites } from '../iptables/writes.ts';
import { FORWARD, MARK_MASQ, POSTROUTING, PROXY_FIREWALL, SERVICES, type TableName } from '../iptables/names.ts';
import { SaveReader, type SavedTables } from '../iptables/tables.ts';
import type { ModeDriver, Support } from '../proxier.ts';
import type { IpvsTools } from './kernel.ts';
import { DEVICE, isSetOf, setName } from './names.ts';
import { isOfFamily, serverFlag } from './plan.ts';
import { IpvsProxier, type IpvsModeOptions } from './proxier.ts';
import { readServers } from './readback.ts';
import { OWN_CHAINS } from './rules.ts';

export interface IpvsDriverDeps {
  readonly clock: Clock;
  readonly options: IpvsModeOptions;
  readonly open: (family: Family, signal: AbortSignal) => Promise<IpvsTools>;
  /** Of the iptables rules of a family. */
  readonly watch: (family: Family, tools: IpvsTools) => RuleWatch;
  /** Of the virtual servers; one for both families. */
  readonly serverWatch: () => RuleWatch;
}

export function ipvsDriver({ clock, options, open, watch, serverWatch }: IpvsDriverDeps): ModeDriver {
  return {
    mode: 'ipvs',
    async probe(family, signal): Promise<Support> {
      try {
        const tools = await open(family, signal);
        await tools.ipvs.probe(options.scheduler, signal);
        await tools.ipsets.read(() => false, signal);
        return {
          kind: 'supported',
          facts: { scheduler: options.scheduler, iptables: tools.iptables.version, backend: tools.iptables.backend },
        };
      } catch (err) {
        const code = codeOf(err);
        if (code === 'STOPPING') throw err;
        return { kind: 'missing', why: explain(err), next: nextStep(code, explain(err), options.scheduler) };
      }
    },
    async open(family, signal) {
      const tools = await open(family, signal);
      return new IpvsProxier({ family, tools, options, clock, watch: watch(family, tools), serverWatch: serverWatch() });
    },
    async cleanup(family, signal) {
      try {
        await cleanupIpvs(await open(family, signal), family, signal);
      } catch (err) {
        // Without the tools or the kernel's part nothing of this mode was ever written.
        if (!['IPVS_MISSING', 'IPVS_UNSUPPORTED', 'IPSET_MISSING', 'IPTABLES_MISSING'].includes(codeOf(err) ?? '')) throw err;
      }
    },
  };
}

function nextStep(code: string | undefined, why: string, scheduler: string): string {
  if (code === 'IPVS_MISSING') return 'apt install ipvsadm ipset iproute2';
  if (code === 'IPSET_MISSING') return 'apt install ipset';
  if (code === 'IPTABLES_MISSING') return 'apt install iptables';
  if (/[Ss]cheduler/.test(why)) return `modprobe ip_vs_${scheduler}, or set ipvs.scheduler to rr`;
  return 'modprobe ip_vs; where there is no such module, run a kernel that has it (Debian: linux-image-amd64 or linux-image-cloud-amd64), or set mode to nftables or iptables';
}

/** Chains that the iptables mode has too: ours while they hold rules with our sets. */
const SHARED: Readonly<Record<TableName, readonly string[]>> = {
  nat: [SERVICES, POSTROUTING],
  filter: [PROXY_FIREWALL],
  mangle: [],
};

async function cleanupIpvs(tools: IpvsTools, family: Family, signal: AbortSignal): Promise<void> {
  const { ipvs, ipsets } = tools;
  const sets = await ipsets.read(isSetOf(family), signal);
  const addresses = await ipvs.addresses(signal);
  const onDevice = new Set(addresses.filter((a) => a.device === DEVICE && a.ip.includes(':') === (family === 'IPv6')).map((a) => a.ip));
  if (sets.size > 0 || onDevice.size > 0) {
    const here = new Set(addresses.map((a) => a.ip));
    const ports = new Set((['nodePortTcp', 'nodePortUdp'] as const).flatMap((key) => [...(sets.get(setName(key, family))?.entries ?? [])]));
    const lines: string[] = [];
    await ipvs.save((line) => lines.push(line), signal);
    const mine = [...readServers(lines).values()].filter(({ address }) => {
      const at = address.lastIndexOf(':');
      const ip = address.slice(0, at).replace(/^\[|\]$/g, '');
      return isOfFamily(address, family) && (onDevice.has(ip) || (ports.has(address.slice(at + 1)) && here.has(ip)));
    });
    await ipvs.changeAddresses(DEVICE, { add: [], remove: [...onDevice] }, signal);
    await ipvs.restore(
      mine.map((def) => `-D ${serverFlag(def)}`),
      signal,
    );
  }
  await cleanRules(tools, family, signal);
  await ipsets.write(
    [...sets.keys()].map((name) => `destroy ${name}`),
    signal,
  );
  // The device serves both families; the last one out takes it along.
  const left = await ipvs.addresses(signal);
  if (!left.some((a) => a.device === DEVICE && !a.ip.startsWith('fe80:'))) await ipvs.removeDevice(DEVICE, signal);
}

async function cleanRules({ iptables }: Pick<IpvsTools, 'iptables'>, family: Family, signal: AbortSignal): Promise<void> {
  const reader = new SaveReader();
  await iptables.save({}, (line) => reader.line(line), signal);
  const writes = rulesToClean(reader.tables, family);
  for (const { parts } of renderBatches(writes, { linesPerBatch: Infinity })) await iptables.restore(parts, signal);
}

/** Pure. Chains of this mode, and the jumps to them. */
export function rulesToClean(tables: SavedTables, family: Family): Record<TableName, TableWrites> {
  const writes: Record<TableName, TableWrites> = { nat: emptyWrites(), filter: emptyWrites(), mangle: emptyWrites() };
  const isOurSet = isSetOf(family);
  const usesOurSets = (rule: string): boolean => [...rule.matchAll(/--match-set (\S+)/g)].some(([, name]) => isOurSet(name ?? ''));
  for (const table of ['nat', 'filter', 'mangle'] as const) {
    const chains = tables[table];
    const ours = new Set([...chains.keys()].filter((c) => OWN_CHAINS.has(c)));
    for (const chain of SHARED[table]) if (chains.get(chain)?.some(usesOurSets)) ours.add(chain);
    if (table === 'filter' && ours.has(PROXY_FIREWALL)) ours.add(FORWARD);
    for (const [chain, rules] of chains) {
      if (ours.has(chain)) continue;
      for (const rule of rules) {
        const to = /(?:^| )-[jg] (\S+)/.exec(rule)?.[1];
        if (to !== undefined && ours.has(to)) writes[table].remove.push({ chain, rule });
      }
    }
    const isMarkUsed = [...chains].some(([chain, rules]) => !ours.has(chain) && rules.some((rule) => rule.endsWith(`-j ${MARK_MASQ}`)));
    if (ours.has(SERVICES) && !isMarkUsed && chains.has(MARK_MASQ)) ours.add(MARK_MASQ);
    writes[table].drop.push(...ours);
  }
  return writes;
}
