/**
 * The chains and sets of a service port with session affinity: a set of clients per endpoint, filled by the kernel, asked before an
 * endpoint is drawn. They have upstream's names, so that clients keep their endpoint when one proxy takes over from the other. Pure.
 */
import type { ProxySettings } from '../proxier.ts';
import { hasExternalEndpoints, isExternal, type Endpoint, type ServicePort } from '../servicePort.ts';
import { CHAINS, namesOf } from './names.ts';
import type { Parts } from './parts.ts';
import type { Rule, Statement } from './rules.ts';
import { foreignTraffic, shortCut } from './shared.ts';

export function affinityParts(port: ServicePort, settings: ProxySettings, parts: Parts): void {
  const { choice, protocol, internalPolicy, externalPolicy, affinitySeconds = 0 } = port;
  const names = namesOf(port);
  const external = choice.hasAny && isExternal(port);
  const usesCluster = choice.cluster.length > 0 && (internalPolicy === 'Cluster' || external);
  const usesLocal = choice.local.length > 0 && (internalPolicy === 'Local' || (externalPolicy === 'Local' && external));
  for (const endpoint of choice.reachable) {
    parts.own.sets.set(names.affinity(endpoint), { kind: 'set', key: ['address'], remembersSeconds: affinitySeconds });
    const to: Rule = [
      { kind: 'protocol', protocols: [protocol] },
      { kind: 'count' },
      { kind: 'translate', ip: endpoint.ip, port: endpoint.port },
    ];
    parts.own.chains.set(names.endpoint(endpoint), { rules: [[{ kind: 'remember', set: names.affinity(endpoint) }], to] });
  }
  const sticky = (list: readonly Endpoint[]): Rule[] => [
    ...list.map((e): Rule => [
      { kind: 'lookup', fields: ['saddr'], set: names.affinity(e) },
      { kind: 'count' },
      { kind: 'goto', chain: names.endpoint(e) },
    ]),
    [{ kind: 'choose', chains: list.map((e) => names.endpoint(e)) }],
  ];
  const internal = internalPolicy === 'Local' ? names.local : names.service;
  const masquerade = (chain: string): Rule[] => (chain === internal ? masqueradeInternal(port, settings) : []);
  if (usesCluster) parts.own.chains.set(names.service, { rules: [...masquerade(names.service), ...sticky(choice.cluster)] });
  if (usesLocal) parts.own.chains.set(names.local, { rules: [...masquerade(names.local), ...sticky(choice.local)] });
  if (!external) return;
  const toCluster: Statement = { kind: 'goto', chain: names.service };
  const onward: Statement = { kind: 'goto', chain: externalPolicy === 'Local' ? names.local : names.service };
  const rules: Rule[] = externalPolicy === 'Local' ? shortCut(settings, toCluster) : [[{ kind: 'jump', chain: CHAINS.mark }]];
  parts.own.chains.set(names.external, { rules: [...rules, ...(hasExternalEndpoints(port) ? [[onward]] : [])] });
}

/** Other addresses of the service come through the same chain, so this one says which it means. */
function masqueradeInternal({ clusterIp, protocol, port }: ServicePort, settings: ProxySettings): Rule[] {
  const foreign = foreignTraffic(settings);
  if (foreign === undefined) return [];
  return [
    [
      { kind: 'address', field: 'daddr', is: 'in', ranges: [clusterIp] },
      { kind: 'port', protocol, port },
      ...foreign,
      { kind: 'jump', chain: CHAINS.mark },
    ],
  ];
}
