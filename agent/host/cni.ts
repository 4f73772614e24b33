/**
 * The network configuration of an isolated node's pods: a bridge, addresses counted out on this node, host ports. Pure.
 *
 * No loopback in the chain: the runtime brings it up itself. No masquerading by the bridge: see nodeRules.ts.
 * Hairpin lets a pod reach itself through a service; a promiscuous bridge would do it too and duplicates packets.
 * Source: the reference of the CNI plugins bridge, host-local, portmap.
 */
export interface CniOptions {
  readonly podSubnet: string;
  /** Where host-local keeps which address is whose. */
  readonly dataDir: string;
}

export const CNI_CONFIG_FILE = '10-kijabi.conflist';

export function cniConfig({ podSubnet, dataDir }: CniOptions): string {
  const config = {
    cniVersion: '1.0.0',
    name: 'kijabi',
    plugins: [
      {
        type: 'bridge',
        bridge: 'kijabi0',
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        mtu: 1500,
        ipam: { type: 'host-local', ranges: [[{ subnet: podSubnet }]], routes: [{ dst: '0.0.0.0/0' }], dataDir },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
    ],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
