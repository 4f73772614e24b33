/** The iptables mode as a whole: can this node do it, a proxier per family, and the way out. */
import type { Clock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import type { Iptables } from '../../linux/iptables.ts';
import type { RuleWatch } from '../../linux/ruleGeneration.ts';
import type { Family } from '../ip.ts';
import type { ModeDriver, Support } from '../proxier.ts';
import { PROBE, isOurs, type TableName } from './names.ts';
import { IptablesProxier } from './proxier.ts';
import { SaveReader, type SavedTables } from './tables.ts';
import { emptyWrites, renderBatches, type TableWrites } from './writes.ts';

export interface IptablesDriverDeps {
  readonly clock: Clock;
  readonly open: (family: Family, signal: AbortSignal) => Promise<Iptables>;
  readonly watch: (family: Family, iptables: Iptables) => RuleWatch;
}

export function iptablesDriver({ clock, open, watch }: IptablesDriverDeps): ModeDriver {
  return {
    mode: 'iptables',
    async probe(family, signal): Promise<Support> {
      try {
        const iptables = await open(family, signal);
        await readAll(iptables, signal);
        const facts = { version: iptables.version, backend: iptables.backend };
        const takesSctp = await takes(iptables, '-p sctp -m sctp --dport 1', signal);
        return { kind: 'supported', facts, ...(takesSctp ? {} : { lacksSctp: LACKS_SCTP }) };
      } catch (err) {
        if (codeOf(err) === 'STOPPING') throw err;
        const missing = codeOf(err) === 'IPTABLES_MISSING';
        return {
          kind: 'missing',
          why: explain(err),
          next: missing ? 'apt install iptables' : 'see that the kernel has netfilter (nf_tables or ip_tables) for this family',
        };
      }
    },
    async open(family, signal) {
      const iptables = await open(family, signal);
      return new IptablesProxier({ family, iptables, clock, watch: watch(family, iptables) });
    },
    async cleanup(family, signal) {
      await cleanupIptables(await open(family, signal), signal);
    },
  };
}

const LACKS_SCTP =
  'the kernel has no match for it, modprobe xt_sctp and start kube-proxy again, or take mode nftables, which needs no such module';

/** Does the kernel know the match? Asked with a rule in a chain that nothing jumps to, and that goes at once. */
async function takes(iptables: Iptables, match: string, signal: AbortSignal): Promise<boolean> {
  const ask = (rule: string): Promise<void> =>
    iptables.restore(
      `*mangle\n:${PROBE} - [0:0]\n-A ${PROBE} ${rule} -j RETURN\nCOMMIT\n*mangle\n:${PROBE} - [0:0]\n-X ${PROBE}\nCOMMIT\n`,
      signal,
    );
  try {
    await ask(match);
    return true;
  } catch (err) {
    if (codeOf(err) !== 'IPTABLES_FAILED') throw err;
    // Where nothing can be written, it is not for want of the match.
    await ask('-p tcp');
    return false;
  }
}

async function readAll(iptables: Iptables, signal: AbortSignal): Promise<SavedTables> {
  const reader = new SaveReader();
  await iptables.save({}, (line) => reader.line(line), signal);
  return reader.tables;
}

/**
 * Takes out all chains of ours and all jumps to them. KUBE-MARK-MASQ stays when others use it. KUBE-FIREWALL is the kubelet's as well and stays.
 * Chains of other software are read, never written.
 */
export async function cleanupIptables(iptables: Iptables, signal: AbortSignal): Promise<void> {
  const tables = await readAll(iptables, signal);
  const writes: Record<TableName, TableWrites> = { nat: emptyWrites(), filter: emptyWrites(), mangle: emptyWrites() };
  for (const [table, chains] of Object.entries(tables) as [TableName, SavedTables[TableName]][]) {
    const usedByOthers = new Set<string>();
    for (const [chain, rules] of chains) {
      if (isOurs(table, chain)) continue;
      for (const rule of rules) {
        const to = /(?:^| )-[jg] (\S+)/.exec(rule)?.[1];
        if (to === undefined || !isOurs(table, to)) continue;
        if (to === 'KUBE-MARK-MASQ') usedByOthers.add(to);
        else writes[table].remove.push({ chain, rule });
      }
    }
    for (const chain of chains.keys()) if (isOurs(table, chain) && !usedByOthers.has(chain)) writes[table].drop.push(chain);
  }
  for (const { parts } of renderBatches(writes, { linesPerBatch: Infinity })) await iptables.restore(parts, signal);
}
