/**
 * Rules for a pod spec, in a pod or in the template of one. Pure. The spec has its defaults.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import { looseIpProblems } from '#api/ip.ts';
import type { PodSpec } from '#api/kinds/core/pod.ts';
import { dns1123Label, dns1123Subdomain, outsideRange, qualifiedName } from '#api/names.ts';
import type { Problems } from '#api/problem.ts';
import { validateContainers } from '#api/validation/container.ts';
import type { PodContext } from '#api/validation/context.ts';
import { validateLabels } from '#api/validation/metadata.ts';
import { validatePodLevelResources, validateQuantityOf } from '#api/validation/resources.ts';
import { validateAffinity, validateSpread, validateTolerations } from '#api/validation/scheduling.ts';
import { validateOs, validatePodSecurity } from '#api/validation/security.ts';
import { validateVolumes } from '#api/validation/volumes.ts';

export type SpecOwner = { readonly kind: 'pod'; readonly name: string | undefined } | { readonly kind: 'template' };

const MOST_NAMESERVERS = 3;
const MOST_SEARCHES = 32;
const LONGEST_SEARCH_LIST = 2_048;
const LARGEST_INT32 = 2 ** 31 - 1;
const SEARCH = /^_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$/;

export function validatePodSpec(problems: Problems, spec: PodSpec, at: FieldPath, owner: SpecOwner): void {
  const context: PodContext = {
    problems,
    spec,
    podName: owner.kind === 'pod' && owner.name !== '' ? owner.name : undefined,
    isPod: owner.kind === 'pod',
    volumes: new Map((spec.volumes ?? []).map((v) => [v.name, v])),
    claimNames: new Set((spec.resourceClaims ?? []).map((c) => c.name)),
  };
  validateVolumes(context, spec.volumes ?? [], at.field('volumes'));
  validateClaims(problems, spec, at.field('resourceClaims'));
  validateContainers(context, at);
  validatePodLevelResources(context, at.field('resources'));
  validateHostNetwork(context, at);
  validateHostUsers(problems, spec, at);
  validateLabels(problems, spec.nodeSelector, at.field('nodeSelector'));
  validatePodSecurity(problems, spec, at.field('securityContext'));
  validateAffinity(problems, spec.affinity, at.field('affinity'));
  validateDns(problems, spec, at.field('dnsConfig'));
  validateGates(problems, spec, at);
  validateSpread(problems, spec.topologySpreadConstraints ?? [], at.field('topologySpreadConstraints'));
  validateTolerations(problems, spec.tolerations ?? [], at.field('tolerations'));
  validateNames(problems, spec, at);
  validateHostAliases(problems, spec.hostAliases ?? [], at.field('hostAliases'));
  validateNumbers(problems, spec, at);
  validateOs(problems, spec, at);
}

function validateNames(problems: Problems, spec: PodSpec, at: FieldPath): void {
  for (const name of ['serviceAccountName', 'nodeName', 'priorityClassName'] as const) {
    const value = spec[name] ?? '';
    if (value !== '') problems.invalidAll(at.field(name), value, dns1123Subdomain(value));
  }
  for (const name of ['hostname', 'subdomain'] as const) {
    const value = spec[name] ?? '';
    if (value !== '') problems.invalidAll(at.field(name), value, dns1123Label(value));
  }
  if (spec.runtimeClassName !== undefined) {
    problems.invalidAll(at.field('runtimeClassName'), spec.runtimeClassName, dns1123Subdomain(spec.runtimeClassName));
  }
  validateHostname(problems, spec, at.field('hostnameOverride'));
}

/** The longest name the kernel takes for a host. */
const LONGEST_HOSTNAME = 64;

function validateHostname(problems: Problems, spec: PodSpec, at: FieldPath): void {
  const name = spec.hostnameOverride;
  if (name === undefined) return;
  problems.invalidAll(at, name, dns1123Subdomain(name));
  if (name.length > LONGEST_HOSTNAME) problems.tooLong(at, LONGEST_HOSTNAME);
  if (spec.setHostnameAsFQDN === true) problems.invalid(at, name, 'may not be specified when setHostnameAsFQDN is true');
  if (spec.hostNetwork === true) problems.invalid(at, name, 'may not be specified when hostNetwork is true');
}

function validateNumbers(problems: Problems, spec: PodSpec, at: FieldPath): void {
  const { activeDeadlineSeconds: deadline, overhead = {} } = spec;
  if (deadline !== undefined && (deadline < 1 || deadline > LARGEST_INT32)) {
    problems.invalid(at.field('activeDeadlineSeconds'), deadline, outsideRange(1, LARGEST_INT32));
  }
  for (const [name, amount] of Object.entries(overhead)) validateQuantityOf(problems, name, amount, at.field('overhead').key(name));
}

function validateClaims(problems: Problems, { resourceClaims = [] }: PodSpec, at: FieldPath): void {
  const seen = new Set<string>();
  for (const [i, claim] of resourceClaims.entries()) {
    const place = at.index(i);
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    if (name === '') problems.required(place.field('name'));
    else if (seen.has(name)) problems.duplicate(place.field('name'), name);
    else problems.invalidAll(place.field('name'), name, dns1123Label(name));
    seen.add(name);
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined) {
      problems.invalid(place, claim, 'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified');
    }
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined) {
      problems.invalid(place, claim, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`');
    }
  }
}

/** In the host's network a container's port is the host's port; a template may leave it open. */
function validateHostNetwork({ problems, spec, isPod }: PodContext, at: FieldPath): void {
  if (spec.hostNetwork !== true) return;
  for (const [i, container] of spec.containers.entries()) {
    for (const [j, { containerPort, hostPort = 0 }] of (container.ports ?? []).entries()) {
      if (hostPort === containerPort || (hostPort === 0 && !isPod)) continue;
      const place = at.field('containers').index(i).field('ports').index(j).field('hostPort');
      problems.invalid(place, hostPort, 'must match `containerPort` when `hostNetwork` is true');
    }
  }
}

function validateHostUsers(problems: Problems, spec: PodSpec, at: FieldPath): void {
  if (spec.hostUsers !== false) return;
  for (const name of ['hostNetwork', 'hostPID', 'hostIPC'] as const) {
    if (spec[name] === true) problems.forbidden(at.field(name), 'when `hostUsers` is false');
  }
}

function validateDns(problems: Problems, { dnsPolicy, dnsConfig }: PodSpec, at: FieldPath): void {
  if (dnsPolicy === 'None') {
    if (dnsConfig === undefined) return problems.required(at, 'must provide `dnsConfig` when `dnsPolicy` is None');
    if ((dnsConfig.nameservers ?? []).length === 0) {
      return problems.required(at.field('nameservers'), 'must provide at least one DNS nameserver when `dnsPolicy` is None');
    }
  }
  const { nameservers = [], searches = [], options = [] } = dnsConfig ?? {};
  if (nameservers.length > MOST_NAMESERVERS) {
    problems.invalid(at.field('nameservers'), nameservers, `must not have more than ${MOST_NAMESERVERS} nameservers`);
  }
  for (const [i, server] of nameservers.entries()) problems.invalidAll(at.field('nameservers').index(i), server, looseIpProblems(server));
  if (searches.length > MOST_SEARCHES)
    problems.invalid(at.field('searches'), searches, `must not have more than ${MOST_SEARCHES} search paths`);
  if (searches.join(' ').length > LONGEST_SEARCH_LIST) {
    const detail = `must not have more than ${LONGEST_SEARCH_LIST} characters (including spaces) in the search list`;
    problems.invalid(at.field('searches'), searches, detail);
  }
  for (const [i, search] of searches.entries()) {
    if (search === '.' || SEARCH.test(search.replace(/\.$/, ''))) continue;
    problems.invalidAll(at.field('searches').index(i), search, dns1123Subdomain(search.replace(/\.$/, '')));
  }
  for (const [i, { name = '' }] of options.entries()) if (name === '') problems.required(at.field('options').index(i), 'must not be empty');
}

function validateGates(problems: Problems, { readinessGates = [], schedulingGates = [] }: PodSpec, at: FieldPath): void {
  for (const [i, { conditionType }] of readinessGates.entries()) {
    problems.invalidAll(at.field('readinessGates').index(i).field('conditionType'), conditionType, qualifiedName(conditionType));
  }
  const seen = new Set<string>();
  for (const [i, { name }] of schedulingGates.entries()) {
    const place = at.field('schedulingGates').index(i);
    problems.invalidAll(place, name, qualifiedName(name));
    if (seen.has(name)) problems.duplicate(place, name);
    seen.add(name);
  }
}

function validateHostAliases(problems: Problems, aliases: NonNullable<PodSpec['hostAliases']>, at: FieldPath): void {
  for (const [i, { ip, hostnames = [] }] of aliases.entries()) {
    problems.invalidAll(at.index(i).field('ip'), ip, looseIpProblems(ip));
    for (const [j, name] of hostnames.entries()) problems.invalidAll(at.index(i).field('hostnames').index(j), name, dns1123Subdomain(name));
  }
}
