/** Real connections through every mode this kernel can do. */
import { whyNoNetNs } from './proxyNet.ts';
import { trafficTests } from './harness/proxyTraffic.ts';

const skip = (await whyNoNetNs()) ?? false;

trafficTests('iptables (nft)', { skip, localhostNodePorts: true, proxyArgs: [] });
trafficTests('iptables (legacy)', {
  skip,
  localhostNodePorts: true,
  proxyArgs: [],
  // A rule in a legacy table is what tells the proxy which back end the node uses.
  prepare: (node) =>
    node
      .run('iptables-legacy', '-A', 'INPUT', '-s', '203.0.113.200', '-j', 'ACCEPT')
      .then(() => node.run('ip6tables-legacy', '-A', 'INPUT', '-s', 'fd99::200', '-j', 'ACCEPT'))
      .then(() => undefined),
});
trafficTests('nftables', { skip, localhostNodePorts: false, proxyArgs: ['--proxy-mode=nftables', '--nodeport-addresses=all'] });
