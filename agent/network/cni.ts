/**
 * The network configuration of a node's pods: a bridge, addresses counted out on this node, host ports. Pure.
 *
 * No loopback in the chain: the runtime brings it up itself. No masquerading by the bridge: the rules of kijabi-network (rules.ts), or of
 * the isolated node, do it once for all pods; the bridge's own costs 19 ms a pod, and its removal fails for ever once its rules are gone.
 * Hairpin lets a pod reach itself through a service; a promiscuous bridge would do it too and duplicates packets.
 * Source: the reference of the CNI plugins bridge, host-local, portmap.
 */
export interface CniOptions {
  /** One of each family at most. */
  readonly podSubnets: readonly string[];
  /** Where host-local keeps which address is whose. */
  readonly dataDir: string;
  /** Of the device that leads to other nodes: a larger packet of a pod would not get there. */
  readonly mtu?: number | undefined;
}

export const CNI_CONFIG_FILE = '10-kijabi.conflist';
export const BRIDGE = 'kijabi0';

export function cniConfig({ podSubnets, dataDir, mtu = 1_500 }: CniOptions): string {
  const config = {
    cniVersion: '1.0.0',
    name: 'kijabi',
    plugins: [
      {
        type: 'bridge',
        bridge: BRIDGE,
        isGateway: true,
        ipMasq: false,
        hairpinMode: true,
        mtu,
        ipam: {
          type: 'host-local',
          ranges: podSubnets.map((subnet) => [{ subnet }]),
          routes: podSubnets.map((subnet) => ({ dst: subnet.includes(':') ? '::/0' : '0.0.0.0/0' })),
          dataDir,
        },
      },
      { type: 'portmap', capabilities: { portMappings: true }, snat: true },
    ],
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
