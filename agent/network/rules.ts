/**
 * Rules of the pods' network: what this node's pods send out of the cluster leaves with the node's own address, everything else as it is.
 * Pure. They stand in tables of their own, beside those of the service proxy.
 * Kernel: nf_tables, nf_nat.
 */
export const TABLE = 'kijabi-network';

export const FAMILIES = ['ip', 'ip6'] as const;

/** inside: networks of pods and addresses of nodes outside of them. Adding and deleting first makes it the same whether the table was there or not. */
export function networkRules(podSubnets: readonly string[], inside: readonly string[]): string {
  return FAMILIES.map((family) => {
    const ours = (text: string): boolean => text.includes(':') === (family === 'ip6');
    const from = podSubnets.filter(ours);
    if (from.length === 0) return '';
    const to = [...new Set(inside.filter(ours))].sort();
    return `add table ${family} ${TABLE}
delete table ${family} ${TABLE}
table ${family} ${TABLE} {
  chain outbound {
    type nat hook postrouting priority srcnat + 10; policy accept;
    ${family} saddr { ${from.join(', ')} } ${family} daddr != { ${to.join(', ')} } masquerade
  }
}
`;
  }).join('');
}

/** Families that these rules have a table of. */
export const tablesIn = (rules: string): readonly (typeof FAMILIES)[number][] =>
  FAMILIES.filter((family) => rules.includes(`table ${family} ${TABLE} {`));

/** listing: of one table, as nft prints it. */
export const masquerades = (listing: string): boolean => / masquerade$/m.test(listing);
