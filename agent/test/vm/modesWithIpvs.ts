/** modes.ts with the ipvs mode, for the virtual machine: see offerIpvs.ts. */
import { ipvsDriver } from '../../kube-proxy/ipvs/driver.ts';
import * as modes from '../../kube-proxy/modes.ts';
import type { Mode, ModeDriver } from '../../kube-proxy/proxier.ts';
import { openIptables } from '../../linux/iptables.ts';
import { openIpSets } from '../../linux/ipset.ts';
import { openIpvs } from '../../linux/ipvs.ts';

export const { driverOf } = modes;

const OPTIONS = {
  scheduler: 'rr',
  excludeCidrs: [],
  strictArp: false,
  tcpTimeoutSeconds: 0,
  tcpFinTimeoutSeconds: 0,
  udpTimeoutSeconds: 0,
};

export function driversOf(deps: modes.ModeDeps): ReadonlyMap<Mode, ModeDriver> {
  const offered = modes.driversOf(deps);
  if (offered.has('ipvs')) return offered;
  const { clock, generation } = deps;
  const driver = ipvsDriver({
    clock,
    options: OPTIONS,
    open: async (family, signal) => ({ ipvs: openIpvs(), ipsets: openIpSets(), iptables: await openIptables({ family }, signal) }),
    watch: (family, { iptables }) =>
      iptables.backend === 'nft' ? generation.nft() : generation.legacy(family, ['nat', 'filter', 'mangle']),
  });
  return new Map([...offered, ['ipvs', driver]]);
}
