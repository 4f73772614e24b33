/**
 * What a question about the cluster is answered with. Pure.
 * Units: seconds (ttl).
 * Source: the Kubernetes DNS specification 1.1; RFC 2308 (a name that is not there, and one without such records), RFC 8020, RFC 8482 (ANY).
 * Differs: a name exists only while something is below it, so a namespace without services is NXDOMAIN; upstream's CoreDNS asks for the
 * Namespace object instead. Names of pods in the mode "insecure" exist in every namespace, as the specification has it; CoreDNS wants
 * that the namespace is there. Names of endpoints exist in headless services alone, as the specification has it.
 */
import { NOTHING, type DnsRecord, type Sections } from './encode.ts';
import type { ClusterIndex, Target } from './index.ts';
import { addressOfDashed, addressOfReverse, isIpv6 } from './names.ts';
import type { PortRecord, ServiceRecord } from './records.ts';
import { RCODE, TYPE } from './wire.ts';

export type PodsMode = 'disabled' | 'insecure' | 'verified';

export interface Zone {
  /** "cluster.local" */
  readonly domain: string;
  readonly ttl: number;
  readonly pods: PodsMode;
  /** "kube-system/kube-dns": its address is that of the zone's name server. */
  readonly dnsService: string;
  /** Of the SOA: grows whenever something changes. */
  readonly serial: number;
}

export interface Question {
  /** In small letters, without the dot at the end. */
  readonly name: string;
  readonly type: number;
}

export type ClusterAnswer =
  | { readonly kind: 'answer'; readonly sections: Sections }
  /** The name stands for another one, to be asked for too. */
  | { readonly kind: 'alias'; readonly record: DnsRecord; readonly target: string }
  /** Not of this cluster. */
  | { readonly kind: 'elsewhere' };

/** The version of the specification. */
const SCHEMA_VERSION = '1.1.0';
const ELSEWHERE: ClusterAnswer = { kind: 'elsewhere' };

export function answer(question: Question, index: ClusterIndex, zone: Zone): ClusterAnswer {
  const { name } = question;
  if (name === zone.domain) return found(new Answering(question, index, zone).apex());
  if (name.endsWith(`.${zone.domain}`))
    return new Answering(question, index, zone).inZone(name.slice(0, -zone.domain.length - 1).split('.'));
  const address = question.type === TYPE.PTR || question.type === TYPE.ANY ? addressOfReverse(name) : undefined;
  return address === undefined ? ELSEWHERE : reverse(question, address, index, zone);
}

function reverse({ name }: Question, address: string, index: ClusterIndex, { domain, ttl }: Zone): ClusterAnswer {
  const names = [
    ...index.servicesAt(address).map((service) => serviceName(service, domain)),
    ...index.endpointsAt(address).map(({ service, hostname }) => `${hostname}.${serviceName(service, domain)}`),
  ];
  if (names.length === 0) return ELSEWHERE; // whoever answers for the addresses around it may know
  return found({ ...NOTHING, answers: names.map((data) => ({ name, type: 'PTR', ttl, data })) });
}

const found = (sections: Sections): ClusterAnswer => ({ kind: 'answer', sections });

function serviceName(key: string, domain: string): string {
  const slash = key.indexOf('/');
  return `${key.slice(slash + 1)}.${key.slice(0, slash)}.svc.${domain}`;
}

class Answering {
  readonly #question: Question;
  readonly #index: ClusterIndex;
  readonly #zone: Zone;

  constructor(question: Question, index: ClusterIndex, zone: Zone) {
    this.#question = question;
    this.#index = index;
    this.#zone = zone;
  }

  apex(): Sections {
    const { domain, ttl } = this.#zone;
    const name = domain;
    const server = `ns.dns.${domain}`;
    if (this.#asks(TYPE.SOA)) return { ...NOTHING, answers: [this.#soa()] };
    if (!this.#asks(TYPE.NS)) return this.#noData();
    return {
      ...NOTHING,
      answers: [{ name, type: 'NS', ttl, data: server }],
      additionals: this.#addresses(server, this.#dnsAddresses(), 'all'),
    };
  }

  /** labels: in front of the domain. */
  inZone(labels: readonly string[]): ClusterAnswer {
    const { name } = this.#question;
    const [first = ''] = labels;
    switch (labels.at(-1)) {
      case 'svc':
        return labels.length < 4 ? this.#service(labels) : found(this.#below(labels));
      case 'pod':
        return found(this.#pod(labels));
      case 'dns-version': {
        if (labels.length > 1) return found(this.#noName());
        const records: DnsRecord[] = [{ name, type: 'TXT', ttl: this.#zone.ttl, data: SCHEMA_VERSION }];
        return found(this.#asks(TYPE.TXT) ? { ...NOTHING, answers: records } : this.#noData());
      }
      case 'dns':
        if (labels.length === 1) return found(this.#noData());
        return found(labels.length === 2 && first === 'ns' ? this.#hosts(this.#dnsAddresses()) : this.#noName());
      default:
        return found(this.#noName());
    }
  }

  #service([first = '', namespace = '', ...rest]: readonly string[]): ClusterAnswer {
    if (namespace === '') return found(this.#noData()); // svc
    if (rest.length === 0) return found(this.#index.hasNamespace(first) ? this.#noData() : this.#noName());
    const key = `${namespace}/${first}`;
    const service = this.#index.service(key);
    if (service?.kind === 'external') return this.#alias(service.target);
    if (service === undefined || !this.#hasRecords(key, service)) return found(this.#noName());
    if (this.#question.type === TYPE.SRV) return found(this.#servers(key, service, () => true));
    return found(this.#hosts(service.kind === 'address' ? service.addresses : this.#index.endpoints(key).addresses));
  }

  /** Names of endpoints, and of ports: _http._tcp. */
  #below(labels: readonly string[]): Sections {
    const [name = '', namespace = ''] = labels.slice(-3);
    const [first = '', second, ...more] = labels.slice(0, -3);
    const key = `${namespace}/${name}`;
    const service = this.#index.service(key);
    if (service === undefined || service.kind === 'external' || more.length > 0) return this.#noName();
    if (!first.startsWith('_')) {
      const addresses = service.kind === 'headless' && second === undefined ? this.#index.endpoints(key).byHostname.get(first) : undefined;
      return addresses === undefined ? this.#noName() : this.#hosts(addresses);
    }
    const [port, protocol] = second === undefined ? [undefined, first] : [first, second];
    const isAsked = (record: PortRecord): boolean =>
      record.name !== '' && `_${record.protocol}` === protocol && (port === undefined || `_${record.name}` === port);
    if (!this.#targets(key, service).some(isAsked)) return this.#noName();
    return port !== undefined && this.#asks(TYPE.SRV) ? this.#servers(key, service, isAsked) : this.#noData();
  }

  #pod(labels: readonly string[]): Sections {
    const { pods } = this.#zone;
    if (pods === 'disabled') return this.#noName();
    const [label = '', namespace = ''] = labels;
    if (labels.length < 3) return this.#noData();
    const address = labels.length > 3 ? undefined : addressOfDashed(label);
    if (address === undefined || (pods === 'verified' && !this.#index.hasPod(namespace, address))) return this.#noName();
    return this.#hosts([address]);
  }

  #alias(target: string): ClusterAnswer {
    const { name } = this.#question;
    const record: DnsRecord = { name, type: 'CNAME', ttl: this.#zone.ttl, data: target };
    const isAll = this.#question.type === TYPE.CNAME || this.#question.type === TYPE.ANY;
    return isAll ? found({ ...NOTHING, answers: [record] }) : { kind: 'alias', record, target };
  }

  #hasRecords(key: string, service: ServiceRecord): boolean {
    return service.kind !== 'headless' || this.#index.endpoints(key).addresses.length > 0;
  }

  #targets(key: string, service: ServiceRecord): readonly (PortRecord | Target)[] {
    return service.kind === 'address' ? service.ports : this.#index.endpoints(key).targets;
  }

  /** The service's own name is asked for with SRV by what looks for all of its endpoints: then ports without a name count too. */
  #servers(key: string, service: ServiceRecord, isAsked: (port: PortRecord) => boolean): Sections {
    const { name } = this.#question;
    const { ttl, domain } = this.#zone;
    const own = serviceName(key, domain);
    const targets = this.#targets(key, service).filter(isAsked);
    if (targets.length === 0) return this.#noData();
    const weight = Math.max(1, Math.floor(100 / targets.length));
    const answers: DnsRecord[] = [];
    const hosts = new Map<string, readonly string[]>();
    for (const target of targets) {
      const host = 'hostname' in target ? `${target.hostname}.${own}` : own;
      answers.push({ name, type: 'SRV', ttl, data: { priority: 0, weight, port: target.port, target: host } });
      hosts.set(
        host,
        service.kind === 'address'
          ? service.addresses
          : (this.#index.endpoints(key).byHostname.get('hostname' in target ? target.hostname : '') ?? []),
      );
    }
    return { ...NOTHING, answers, additionals: [...hosts].flatMap(([host, addresses]) => this.#addresses(host, addresses, 'all')) };
  }

  #hosts(addresses: readonly string[]): Sections {
    const { type, name } = this.#question;
    const wanted = type === TYPE.ANY ? 'all' : type === TYPE.A ? 'IPv4' : type === TYPE.AAAA ? 'IPv6' : undefined;
    const answers = wanted === undefined ? [] : this.#addresses(name, addresses, wanted);
    return answers.length === 0 ? this.#noData() : { ...NOTHING, answers };
  }

  #addresses(name: string, addresses: readonly string[], wanted: 'IPv4' | 'IPv6' | 'all'): DnsRecord[] {
    const { ttl } = this.#zone;
    return addresses
      .filter((address) => wanted === 'all' || isIpv6(address) === (wanted === 'IPv6'))
      .map((data) => ({ name, type: isIpv6(data) ? 'AAAA' : 'A', ttl, data }));
  }

  #dnsAddresses(): readonly string[] {
    const service = this.#index.service(this.#zone.dnsService);
    return service?.kind === 'address' ? service.addresses : [];
  }

  #asks(type: number): boolean {
    return this.#question.type === type || this.#question.type === TYPE.ANY;
  }

  #noName(): Sections {
    return { ...NOTHING, rcode: RCODE.NXDOMAIN, authorities: [this.#soa()] };
  }

  #noData(): Sections {
    return { ...NOTHING, authorities: [this.#soa()] };
  }

  #soa(): DnsRecord {
    const { domain, ttl, serial } = this.#zone;
    const data = {
      mname: `ns.dns.${domain}`,
      rname: `hostmaster.${domain}`,
      serial,
      refresh: 7_200,
      retry: 1_800,
      expire: 86_400,
      minimum: ttl,
    };
    return { name: domain, type: 'SOA', ttl, data };
  }
}
