/**
 * Rules for nodes. Pure.
 * Source: places and texts of the validation of Kubernetes 1.36; taints are told of below metadata, as upstream does.
 */
import { at, type FieldPath } from '#api/fieldPath.ts';
import { cidrProblems, parseCidr } from '#api/ip.ts';
import type { Node } from '#api/kinds/core/node.ts';
import type { Taint } from '#api/kinds/core/scheduling.ts';
import { dns1123Subdomain, labelValue, qualifiedName } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateMetadata } from '#api/validation/metadata.ts';
import { validateQuantityOf } from '#api/validation/resources.ts';

export function validateNode({ metadata, spec, status }: Node): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: false, name: dns1123Subdomain });
  validateTaints(problems, spec?.taints ?? [], at('metadata', 'taints'));
  const place = at('status');
  for (const name of ['capacity', 'allocatable'] as const) {
    for (const [resource, amount] of Object.entries(status?.[name] ?? {})) {
      validateQuantityOf(problems, resource, amount, place.field(name).key(resource));
    }
  }
  const seen = new Set<string>();
  for (const [i, address] of (status?.addresses ?? []).entries()) {
    const key = `${address.type} ${address.address}`;
    if (seen.has(key)) problems.duplicate(place.field('addresses').index(i), address);
    seen.add(key);
  }
  validatePodCidrs(problems, spec?.podCIDRs ?? [], at('spec', 'podCIDRs'));
  return problems.found;
}

const EFFECTS = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

function validateTaints(problems: Problems, taints: readonly Taint[], place: FieldPath): void {
  const seen = new Set<string>();
  for (const [i, taint] of taints.entries()) {
    const where = place.index(i);
    const { key, value = '', effect } = taint;
    problems.invalidAll(where.field('key'), key, qualifiedName(key));
    const broken = labelValue(value);
    if (broken.length > 0) problems.invalid(where.field('value'), value, broken.join(';'));
    if ((effect as string) === '') problems.required(where.field('effect'));
    else if (!EFFECTS.includes(effect)) problems.notSupported(where.field('effect'), effect, EFFECTS);
    if (seen.has(`${effect} ${key}`)) problems.duplicate(where, taint, 'taints must be unique by key and effect pair');
    seen.add(`${effect} ${key}`);
  }
}

function validatePodCidrs(problems: Problems, cidrs: readonly string[], place: FieldPath): void {
  for (const [i, cidr] of cidrs.entries()) problems.invalidAll(place.index(i), cidr, cidrProblems(cidr));
  const families = cidrs.map((cidr) => parseCidr(cidr)?.ip.family);
  if (cidrs.length > 1 && new Set(families).size < cidrs.length) {
    problems.invalid(place, cidrs, 'may specify no more than one CIDR for each IP family');
  }
}
