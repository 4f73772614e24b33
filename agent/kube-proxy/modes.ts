/** The modes this proxy knows, each opened with what it needs of the node. */
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import { openIptables } from '../linux/iptables.ts';
import { openNft } from '../linux/nft.ts';
import type { RuleGeneration } from '../linux/ruleGeneration.ts';
import type { Family } from './ip.ts';
import { iptablesDriver } from './iptables/driver.ts';
import { nftablesDriver } from './nftables/driver.ts';
import type { Mode, ModeDriver } from './proxier.ts';

export interface ModeDeps {
  readonly clock: Clock;
  readonly generation: RuleGeneration;
}

export function driversOf({ clock, generation }: ModeDeps): ReadonlyMap<Mode, ModeDriver> {
  const drivers = [
    iptablesDriver({
      clock,
      open: (family, signal) => openIptables({ family }, signal),
      watch: (family: Family, { backend }) =>
        backend === 'nft' ? generation.nft() : generation.legacy(family, ['nat', 'filter', 'mangle']),
    }),
    nftablesDriver({ clock, open: (signal) => openNft({}, signal), watch: () => generation.nft() }),
  ];
  return new Map(drivers.map((d) => [d.mode, d]));
}

export function driverOf(drivers: ReadonlyMap<Mode, ModeDriver>, mode: Mode): ModeDriver {
  const driver = drivers.get(mode);
  if (driver === undefined)
    throw new AppError('MODE_MISSING', `Mode ${mode} is not in this version: set mode to ${[...drivers.keys()].join(' or ')}`);
  return driver;
}
