/** The nftables mode as a whole: can this node do it, a proxier per family, and the way out. */
import type { Clock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import type { Nft } from '../../linux/nft.ts';
import type { RuleWatch } from '../../linux/ruleGeneration.ts';
import type { Family } from '../ip.ts';
import type { ModeDriver, Support } from '../proxier.ts';
import { emptyContent } from './content.ts';
import { diffContent, renderChanges } from './diff.ts';
import { TABLE, wordsOf } from './names.ts';
import { NftablesProxier } from './proxier.ts';
import { staticContent } from './ruleset.ts';
import { sharedChain } from './shared.ts';

export interface NftablesDriverDeps {
  readonly clock: Clock;
  readonly open: (signal: AbortSignal) => Promise<Nft>;
  readonly watch: () => RuleWatch;
}

export function nftablesDriver({ clock, open, watch }: NftablesDriverDeps): ModeDriver {
  return {
    mode: 'nftables',
    async probe(family, signal): Promise<Support> {
      let nft: Nft | undefined;
      try {
        nft = await open(signal);
        await nft.check(sample(family), signal);
        return { kind: 'supported', facts: { version: nft.version } };
      } catch (err) {
        if (codeOf(err) === 'STOPPING') throw err;
        const missing = codeOf(err) === 'NFT_MISSING';
        return {
          kind: 'missing',
          why: explain(err),
          next: missing
            ? 'apt install nftables'
            : `see that the kernel is 5.13 or later and has nf_tables with nat for ${family}, and nft 1.0.1 or later`,
        };
      } finally {
        await nft?.close();
      }
    },
    async open(family, signal) {
      return new NftablesProxier({ family, nft: await open(signal), clock, watch: watch() });
    },
    async cleanup(family, signal) {
      const nft = await open(signal);
      try {
        const { ip } = wordsOf(family);
        // Adding first makes the removal succeed where there is no table.
        await nft.write([`add table ${ip} ${TABLE}`, `delete table ${ip} ${TABLE}`], signal);
      } finally {
        await nft.close();
      }
    },
  };
}

/** Everything this mode asks of nft and the kernel, in a table of another name. */
function sample(family: Family): string[] {
  const words = wordsOf(family);
  const settings = {
    family,
    masqueradeBit: 14,
    masqueradeAll: false,
    localTraffic: { kind: 'bridge', name: 'cni0' },
    nodePorts: { kind: 'all' },
    localhostNodePorts: false,
    conntrackLiberal: false,
  } as const;
  const after = staticContent(settings);
  for (const name of ['pick/tcp/3', 'pick/udp/3', 'pick/sctp/3', 'cluster-ip/tcp/3', 'node-port-pick/tcp/3']) {
    after.chains.set(name, sharedChain(name, settings));
  }
  after.sets.set('affinity-probe', { kind: 'set', key: ['address'], remembersSeconds: 10_800 });
  after.chains.set('endpoint-probe', { rules: [[{ kind: 'remember', set: 'affinity-probe' }]] });
  const [ip, endpoint] = family === 'IPv4' ? ['192.0.2.1', '192.0.2.2'] : ['2001:db8::1', '2001:db8::2'];
  after.elements.set('service-ips', new Map([[`${ip} . tcp . 80`, 'goto cluster-ip/tcp/3']]));
  after.elements.set('service-endpoints-tcp', new Map([[`${ip} . 80 . 0`, `${endpoint} . 8080`]]));
  const changes = diffContent({ before: emptyContent(), after, words, sameRules: () => false, hookOf: () => undefined });
  const { main } = renderChanges(changes, words);
  return main.map((command) => command.replace(` ${words.ip} ${TABLE}`, ` ${words.ip} ${TABLE}-probe`));
}
