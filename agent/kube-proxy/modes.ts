/** The modes this proxy knows, each opened with what it needs of the node. */
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { openIptables, type IptablesBackend } from '../linux/iptables.ts';
import { openIpSets } from '../linux/ipset.ts';
import { openIpvs } from '../linux/ipvs.ts';
import { openNft } from '../linux/nft.ts';
import type { RuleGeneration, RuleWatch } from '../linux/ruleGeneration.ts';
import type { IpvsSettings } from './config/settings.ts';
import type { Family } from './ip.ts';
import { iptablesDriver } from './iptables/driver.ts';
import { ipvsDriver } from './ipvs/driver.ts';
import { nftablesDriver } from './nftables/driver.ts';
import type { Mode, ModeDriver } from './proxier.ts';

export interface ModeDeps {
  readonly clock: Clock;
  readonly generation: RuleGeneration;
  readonly ipvs: IpvsSettings;
}

export type Drivers = Readonly<Record<Mode, ModeDriver>>;

export function driversOf({ clock, generation, ipvs }: ModeDeps): Drivers {
  const rulesOf = (family: Family, backend: IptablesBackend): RuleWatch =>
    backend === 'nft' ? generation.nft() : generation.legacy(family, ['nat', 'filter', 'mangle']);
  return {
    iptables: iptablesDriver({
      clock,
      open: (family, signal) => openIptables({ family }, signal),
      watch: (family, { backend }) => rulesOf(family, backend),
    }),
    ipvs: ipvsDriver({
      clock,
      options: ipvs,
      open: async (family, signal) => ({ ipvs: openIpvs(), ipsets: openIpSets(), iptables: await openIptables({ family }, signal) }),
      watch: (family, { iptables }) => rulesOf(family, iptables.backend),
      serverWatch: () => generation.ipvs(),
    }),
    nftables: nftablesDriver({ clock, open: (signal) => openNft({}, signal), watch: () => generation.nft() }),
  };
}

/**
 * What the others may have left. The ipvs mode takes over the chains of the iptables mode in its first sync, so that there is no moment
 * without them.
 */
const LEFT_BY: Readonly<Record<Mode | 'none', readonly Mode[]>> = {
  iptables: ['ipvs', 'nftables'],
  ipvs: ['nftables'],
  nftables: ['ipvs', 'iptables'],
  none: ['ipvs', 'iptables', 'nftables'],
};

export interface NotCleaned {
  readonly mode: Mode;
  readonly family: Family;
  readonly err: unknown;
}

/** Removes what modes other than this one left. What cannot be looked at is told and left alone. */
export async function cleanUpOthers(
  drivers: Drivers,
  { mode, families }: { readonly mode: Mode | 'none'; readonly families: readonly Family[] },
  signal: AbortSignal,
): Promise<readonly NotCleaned[]> {
  const failed: NotCleaned[] = [];
  for (const other of LEFT_BY[mode]) {
    for (const family of families) {
      try {
        await drivers[other].cleanup(family, signal);
      } catch (err) {
        if (codeOf(err) === 'STOPPING') throw err;
        // A mode that this node cannot do has left nothing here.
        if ((await drivers[other].probe(family, signal)).kind === 'supported') failed.push({ mode: other, family, err });
      }
    }
  }
  return failed;
}
