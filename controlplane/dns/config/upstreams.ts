/**
 * Which servers are asked about what: out of the configuration file and resolv.conf. Pure.
 * Throws: CONFIG_INVALID with every problem, its path and the value found.
 * Source: the fields are those of the ConfigMap kube-dns, as the Kubernetes docs on custom name servers describe them; resolv.conf(5).
 */
import { readDocuments } from '#api/yamlSource.ts';
import { closest } from '#api/suggest.ts';
import { AppError } from '#base/errors.ts';
import type { Upstream } from '../forward/upstreams.ts';
import { nameOf } from '../records.ts';
import { addressOf } from './settings.ts';

export interface DnsConfig {
  readonly stubDomains: ReadonlyMap<string, readonly Upstream[]>;
  /** undefined: those of resolv.conf. */
  readonly upstreamNameservers: readonly Upstream[] | undefined;
}

export const NO_CONFIG: DnsConfig = { stubDomains: new Map(), upstreamNameservers: undefined };

const FIELDS = ['stubDomains', 'upstreamNameservers'];
const DNS_PORT = 53;
/** As CoreDNS limits it. */
const MOST_SERVERS = 15;

export function readConfig(file: string, bytes: Uint8Array, domain: string): DnsConfig {
  const problems: string[] = [];
  const source = readDocuments(bytes);
  if (source.kind === 'problems') problems.push(...source.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`));
  const documents = source.kind === 'documents' ? source.documents : [];
  if (documents.length > 1) problems.push(`want one document, got ${documents.length}`);
  const value: unknown = documents[0]?.value ?? {};
  if (!isObject(value)) problems.push(`want an object with ${FIELDS.join(' and ')}, got ${JSON.stringify(value)}`);
  const config = isObject(value) ? value : {};
  for (const field of Object.keys(config).filter((name) => !FIELDS.includes(name))) {
    const [meant, edits] = closest(FIELDS, field);
    problems.push(`${field}: unknown field${meant === undefined || edits > 3 ? '' : `, did you mean ${meant}?`}`);
  }
  const given = config['stubDomains'] ?? {};
  const stubDomains = new Map<string, readonly Upstream[]>();
  if (!isObject(given)) problems.push(`stubDomains: want an object of domains with lists of servers, got ${JSON.stringify(given)}`);
  for (const [name, list] of Object.entries(isObject(given) ? given : {})) {
    const zone = nameOf(name);
    if (zone === undefined) problems.push(`stubDomains: ${JSON.stringify(name)} is no domain`);
    else if (zone === domain || zone.endsWith(`.${domain}`))
      problems.push(`stubDomains.${name}: is part of the cluster's domain, which is answered here`);
    else stubDomains.set(zone, serversOf(list, `stubDomains.${name}`, problems));
  }
  const others = config['upstreamNameservers'];
  const upstreamNameservers = others === undefined || others === null ? undefined : serversOf(others, 'upstreamNameservers', problems);
  if (problems.length > 0) {
    const count = `${problems.length} problem${problems.length === 1 ? '' : 's'}`;
    throw new AppError('CONFIG_INVALID', `${file}: ${count}: ${problems.join('; ')}`, { file });
  }
  return { stubDomains, upstreamNameservers };
}

function serversOf(list: unknown, path: string, problems: string[]): readonly Upstream[] {
  if (!Array.isArray(list) || list.length === 0 || list.length > MOST_SERVERS) {
    problems.push(`${path}: want a list of 1 to ${MOST_SERVERS} addresses, got ${JSON.stringify(list)}`);
    return [];
  }
  return list.flatMap((text: unknown, i) => {
    const server = typeof text === 'string' ? addressOf(text, DNS_PORT) : undefined;
    if (server === undefined || server.port === 0)
      problems.push(`${path}[${i}]: want an address, with or without a port, got ${JSON.stringify(text)}`);
    return server ?? [];
  });
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Lines that make no sense are as good as not there, as every resolver reads the file. */
export function readResolvConf(text: string): readonly Upstream[] {
  const servers = text.split('\n').flatMap((line) => {
    const [, address] = /^\s*nameserver\s+(\S+)/.exec(line) ?? [];
    return address === undefined ? [] : (addressOf(address, DNS_PORT) ?? []);
  });
  return servers.slice(0, MOST_SERVERS);
}
