/**
 * Services: IP families, cluster IPs and node ports are given out when a service is made or changes its type, and given back.
 * Source: the service registry of Kubernetes 1.36 and its texts.
 */
import { at } from '#api/fieldPath.ts';
import { parseIp, type IpFamily } from '#api/ip.ts';
import type { Service, ServiceSpec } from '#api/kinds/core/service.ts';
import { Problems, type Problem } from '#api/problem.ts';
import type { Draft } from '#api/schema.ts';
import { internalError, invalid } from '../../status.ts';
import type { AddressAllocator } from '../allocation/addresses.ts';
import type { NodePortAllocator } from '../allocation/nodePorts.ts';
import { deepEqual } from '../deepEqual.ts';
import type { KubeDraft, Strategy, WriteContext } from '../types.ts';
import { fieldReaders, keepStatus } from './common.ts';
import { dropForType, needsAddress, needsPorts, wantsHealthPort } from './serviceTypes.ts';

export interface ServiceAllocators {
  readonly addresses: AddressAllocator;
  readonly ports: NodePortAllocator;
  readonly newUid: () => string;
}

const KIND = { group: '', kind: 'Service' };
const SPEC = at('spec');

export function serviceStrategy(allocators: ServiceAllocators): Strategy {
  return {
    returnsDeleted: true,
    fields: fieldReaders(['spec.clusterIP', 'spec.type']),
    prepareForCreate: (draft) => void (draft['status'] = { loadBalancer: {} }),
    prepareForUpdate(draft, old) {
      keepStatus(draft, old);
      const [spec, was] = [specOf(draft), (old as unknown as Service).spec];
      carryAllocated(spec, was);
      dropForType(spec, was);
    },
    validateUpdate: (object, old) => updateProblems((object as unknown as Service).spec, (old as unknown as Service).spec),
    allocate: (draft, old, context) => new Allocation(allocators, draft, context).run((old as unknown as Service | undefined)?.spec),
    release: (object, context) => release(allocators, object as unknown as Service, context),
  };
}

const specOf = (draft: KubeDraft): Draft<ServiceSpec> => (draft as unknown as Draft<Service>).spec;
const isHeadless = ({ clusterIP, clusterIPs }: ServiceSpec): boolean => clusterIP === 'None' || clusterIPs?.[0] === 'None';

/** An update that does not say what was given out keeps it. */
function carryAllocated(next: Draft<ServiceSpec>, old: ServiceSpec): void {
  if (needsAddress(next) && needsAddress(old)) {
    // Whoever changes the one address means the first of the list, too.
    if (next.clusterIP !== old.clusterIP && deepEqual(next.clusterIPs, old.clusterIPs)) {
      if ((next.clusterIP ?? '') === '') delete next.clusterIPs;
      else next.clusterIPs = [next.clusterIP ?? ''];
    }
    if ((next.clusterIP ?? '') === '' && (next.clusterIPs ?? []).length === 0) {
      if (old.clusterIP !== undefined) next.clusterIP = old.clusterIP;
      if (old.clusterIPs !== undefined) next.clusterIPs = [...old.clusterIPs];
    } else if ((next.clusterIPs ?? []).length === 0 && next.clusterIP === old.clusterIP && old.clusterIPs !== undefined) {
      next.clusterIPs = [...old.clusterIPs];
    }
    if (next.ipFamilies === undefined && old.ipFamilies !== undefined) next.ipFamilies = [...old.ipFamilies];
    if (next.ipFamilyPolicy === undefined && old.ipFamilyPolicy !== undefined) next.ipFamilyPolicy = old.ipFamilyPolicy;
  }
  if (!needsPorts(next) || !needsPorts(old)) return;
  for (const port of next.ports ?? []) {
    if ((port.nodePort ?? 0) !== 0) continue;
    const same = old.ports?.find((was) => was.port === port.port && was.protocol === port.protocol);
    if (same?.nodePort !== undefined) port.nodePort = same.nodePort;
  }
  if (next.healthCheckNodePort === undefined && old.healthCheckNodePort !== undefined && wantsHealthPort(next)) {
    next.healthCheckNodePort = old.healthCheckNodePort;
  }
}

function updateProblems(next: ServiceSpec, old: ServiceSpec): readonly Problem[] {
  const problems = new Problems();
  if (needsAddress(next) && needsAddress(old) && (old.clusterIP ?? '') !== '' && next.clusterIP !== old.clusterIP) {
    problems.invalid(SPEC.field('clusterIPs').index(0), next.clusterIPs ?? [next.clusterIP], 'may not change once set');
  }
  const [was, is] = [old.ipFamilies?.[0], next.ipFamilies?.[0]];
  if (needsAddress(next) && needsAddress(old) && was !== undefined && is !== undefined && was !== is) {
    problems.invalid(SPEC.field('ipFamilies').index(0), is, 'may not change once set');
  }
  return problems.found;
}

class Allocation {
  readonly #allocators: ServiceAllocators;
  readonly #draft: KubeDraft;
  readonly #spec: Draft<ServiceSpec>;
  readonly #context: WriteContext;
  readonly #problems = new Problems();

  constructor(allocators: ServiceAllocators, draft: KubeDraft, context: WriteContext) {
    this.#allocators = allocators;
    this.#draft = draft;
    this.#spec = specOf(draft);
    this.#context = context;
  }

  run(old: ServiceSpec | undefined): void {
    this.#families();
    this.#addresses(old);
    this.#nodePorts(old);
    this.#healthPort(old);
    if (this.#problems.count > 0) throw invalid(KIND, this.#draft.metadata.name ?? '', this.#problems.found);
  }

  #families(): void {
    const spec = this.#spec;
    if (!needsAddress(spec)) {
      for (const name of ['clusterIP', 'clusterIPs', 'ipFamilies', 'ipFamilyPolicy'] as const) delete spec[name];
      return;
    }
    const here = this.#allocators.addresses.families;
    const asked = (spec.clusterIPs ?? (spec.clusterIP === undefined ? [] : [spec.clusterIP]))
      .map((ip) => parseIp(ip)?.family)
      .filter((family) => family !== undefined);
    const families = [...new Set<IpFamily>([...((spec.ipFamilies ?? []) as IpFamily[]), ...asked])];
    // A headless service without a selector may be about addresses of any family.
    const anyFamily = isHeadless(spec) && Object.keys(spec.selector ?? {}).length === 0;
    const policy = spec.ipFamilyPolicy ?? (families.length > 1 || anyFamily ? 'RequireDualStack' : 'SingleStack');
    const first = families[0] ?? here[0] ?? 'IPv4';
    const second = here.find((family) => family !== first) ?? (anyFamily ? (first === 'IPv4' ? 'IPv6' : 'IPv4') : undefined);
    if (policy === 'RequireDualStack' && here.length < 2 && !anyFamily) {
      this.#problems.invalid(SPEC.field('ipFamilyPolicy'), policy, 'this cluster is not configured for dual-stack services');
    }
    if (!here.includes(first) && !anyFamily) {
      this.#problems.invalid(SPEC.field('ipFamilies').index(0), first, 'not configured on this cluster');
    }
    const isDual = policy !== 'SingleStack' && second !== undefined;
    spec.ipFamilyPolicy = policy;
    spec.ipFamilies = isDual && second !== undefined ? [first, second] : [first];
  }

  #addresses(old: ServiceSpec | undefined): void {
    const spec = this.#spec;
    const held = old !== undefined && needsAddress(old) && !isHeadless(old) ? (old.clusterIPs ?? []) : [];
    const wanted = needsAddress(spec) && !isHeadless(spec) ? this.#wantedAddresses(held) : [];
    for (const address of held) {
      if (wanted.includes(address)) continue;
      const write = this.#allocators.addresses.giveBack(address, ownerOf(this.#draft));
      if (write !== undefined) this.#context.also(write);
    }
    if (!needsAddress(spec)) return;
    if (isHeadless(spec)) {
      spec.clusterIP = 'None';
      spec.clusterIPs = ['None'];
      return;
    }
    if (wanted[0] !== undefined) spec.clusterIP = wanted[0];
    spec.clusterIPs = wanted;
  }

  #wantedAddresses(held: readonly string[]): string[] {
    const spec = this.#spec;
    const asked = spec.clusterIPs ?? ((spec.clusterIP ?? '') === '' ? [] : [spec.clusterIP ?? '']);
    const out: string[] = [];
    for (const [i, family] of (spec.ipFamilies ?? []).entries()) {
      const address = asked.find((ip) => parseIp(ip)?.family === family) ?? held.find((ip) => parseIp(ip)?.family === family);
      if (address !== undefined && held.includes(address)) {
        out.push(address);
        continue;
      }
      const problem = address === undefined ? undefined : this.#allocators.addresses.problem(address);
      if (problem !== undefined) {
        this.#problems.invalid(SPEC.field('clusterIPs'), asked, `failed to allocate IP ${address}: ${problem}`);
        continue;
      }
      const taken = address ?? this.#allocators.addresses.free(family);
      if (taken === undefined) {
        if (i === 0) throw internalError('failed to allocate a serviceIP: range is full');
        continue;
      }
      out.push(taken);
      this.#take(taken);
    }
    return out;
  }

  #take(address: string): void {
    const { namespace = '', name = '' } = this.#draft.metadata;
    const made = { uid: this.#allocators.newUid(), nowMs: this.#context.nowMs };
    this.#context.also(this.#allocators.addresses.take(address, { namespace, name }, made));
  }

  #nodePorts(old: ServiceSpec | undefined): void {
    const spec = this.#spec;
    const held = new Set(old === undefined ? [] : (old.ports ?? []).map((port) => port.nodePort ?? 0).filter((port) => port !== 0));
    const used = new Set<number>();
    const asks = needsPorts(spec);
    for (const [i, port] of (spec.ports ?? []).entries()) {
      const place = SPEC.field('ports').index(i).field('nodePort');
      const asked = port.nodePort ?? 0;
      if (spec.type !== 'NodePort' && spec.type !== 'LoadBalancer') {
        delete port.nodePort;
        continue;
      }
      if (asked === 0 && !asks) continue;
      const chosen = asked === 0 ? this.#allocators.ports.free(used) : asked;
      if (chosen === undefined) throw internalError('failed to allocate a nodePort: range is full');
      port.nodePort = chosen;
      if (used.has(chosen) || held.has(chosen)) {
        used.add(chosen);
        continue;
      }
      const problem = asked === 0 ? undefined : this.#allocators.ports.problem(chosen);
      if (problem !== undefined) this.#problems.invalid(place, chosen, problem);
      used.add(chosen);
      this.#takePort(chosen);
    }
    for (const port of held) if (!used.has(port)) this.#giveBackPort(port);
  }

  #healthPort(old: ServiceSpec | undefined): void {
    const spec = this.#spec;
    const held = old?.healthCheckNodePort ?? 0;
    if (!wantsHealthPort(spec)) {
      delete spec.healthCheckNodePort;
      if (held !== 0) this.#giveBackPort(held);
      return;
    }
    const asked = spec.healthCheckNodePort ?? 0;
    if (asked !== 0 && asked === held) return;
    const chosen = asked === 0 ? this.#allocators.ports.free(new Set((spec.ports ?? []).map((port) => port.nodePort ?? 0))) : asked;
    if (chosen === undefined) throw internalError('failed to allocate a healthCheckNodePort: range is full');
    const problem = asked === 0 ? undefined : this.#allocators.ports.problem(chosen);
    if (problem !== undefined) this.#problems.invalid(SPEC.field('healthCheckNodePort'), chosen, problem);
    spec.healthCheckNodePort = chosen;
    this.#takePort(chosen);
  }

  #takePort(port: number): void {
    const { namespace = '', name = '' } = this.#draft.metadata;
    this.#context.also(this.#allocators.ports.take(port, `${namespace}/${name}`));
  }

  #giveBackPort(port: number): void {
    const { namespace, name } = ownerOf(this.#draft);
    const write = this.#allocators.ports.giveBack(port, `${namespace}/${name}`);
    if (write !== undefined) this.#context.also(write);
  }
}

function ownerOf({ metadata }: { readonly metadata: { readonly namespace?: string; readonly name?: string } }): {
  readonly namespace: string;
  readonly name: string;
} {
  return { namespace: metadata.namespace ?? '', name: metadata.name ?? '' };
}

function release({ addresses, ports }: ServiceAllocators, service: Service, context: WriteContext): void {
  const { spec } = service;
  const owner = ownerOf(service);
  const writes = [
    ...(spec.clusterIPs ?? []).map((ip) => addresses.giveBack(ip, owner)),
    ...[...new Set([...(spec.ports ?? []).map((port) => port.nodePort ?? 0), spec.healthCheckNodePort ?? 0])].map((port) =>
      ports.giveBack(port, `${owner.namespace}/${owner.name}`),
    ),
  ];
  for (const write of writes) if (write !== undefined) context.also(write);
}
