/** Rules for ingresses and their classes. Pure. Source: texts of the networking validation of Kubernetes 1.36. */
import { at, type FieldPath } from '#api/fieldPath.ts';
import { parseIp } from '#api/ip.ts';
import type { TypedLocalObjectReference } from '#api/kinds/core/references.ts';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressClass,
  IngressClassParametersReference,
  IngressServiceBackend,
} from '#api/kinds/networking/ingress.ts';
import {
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  domainPrefixedPath,
  pathSegmentName,
  portName,
  portNumber,
  wildcardDns1123Subdomain,
} from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { validateMetadata } from '#api/validation/metadata.ts';
import { validatePresent } from '#api/validation/paths.ts';

const SPEC = at('spec');
const CLASS_ANNOTATION = 'kubernetes.io/ingress.class';
const LONGEST_CONTROLLER = 250;

const hostProblems = (host: string): readonly string[] => (host.includes('*') ? wildcardDns1123Subdomain(host) : dns1123Subdomain(host));

export function validateIngress(ingress: Ingress): readonly Problem[] {
  const problems = new Problems();
  const { metadata, spec } = ingress;
  validateMetadata(problems, metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec;
  if (rules.length === 0 && defaultBackend === undefined) {
    problems.invalid(SPEC, null, 'either `defaultBackend` or `rules` must be specified');
  }
  if (defaultBackend !== undefined) validateBackend(problems, defaultBackend, SPEC.field('defaultBackend'));
  for (const [i, rule] of rules.entries()) {
    const place = SPEC.field('rules').index(i);
    if ((rule.host ?? '') !== '') validateHost(problems, rule.host ?? '', place.field('host'));
    if (rule.http === undefined) continue;
    const paths = rule.http.paths ?? [];
    if (paths.length === 0) problems.required(place.field('http').field('paths'));
    for (const [j, path] of paths.entries()) validatePath(problems, path, place.field('http').field('paths').index(j));
  }
  for (const [i, { hosts = [], secretName = '' }] of tls.entries()) {
    const place = SPEC.field('tls').index(i);
    for (const [j, host] of hosts.entries()) problems.invalidAll(place.field('hosts').index(j), host, hostProblems(host));
    if (secretName !== '') problems.invalidAll(place.field('secretName'), secretName, dns1123Subdomain(secretName));
  }
  if (ingressClassName !== undefined)
    problems.invalidAll(SPEC.field('ingressClassName'), ingressClassName, dns1123Subdomain(ingressClassName));
  return problems.found;
}

/** The old annotation may not be given to new ingresses that also use the field. */
export function validateNewIngress(ingress: Ingress): readonly Problem[] {
  const problems = new Problems();
  const annotation = ingress.metadata.annotations?.[CLASS_ANNOTATION];
  if (annotation !== undefined && ingress.spec?.ingressClassName !== undefined) {
    problems.invalid(at('metadata', 'annotations').field(CLASS_ANNOTATION), annotation, 'can not be set when the class field is also set');
  }
  return problems.found;
}

function validateHost(problems: Problems, host: string, place: FieldPath): void {
  if (parseIp(host) !== undefined) problems.invalid(place, host, 'must be a DNS name, not an IP address');
  else problems.invalidAll(place, host, hostProblems(host));
}

const NEVER_IN_PATH = ['//', '/./', '/../', '%2f', '%2F'];
const NEVER_AT_END = ['/..', '/.'];

function validatePath(problems: Problems, { path = '', pathType, backend }: HTTPIngressPath, place: FieldPath): void {
  const where = place.field('path');
  if (pathType === 'Exact' || pathType === 'Prefix') {
    if (!path.startsWith('/')) problems.invalid(where, path, 'must be an absolute path');
    for (const part of NEVER_IN_PATH) if (path.includes(part)) problems.invalid(where, path, `must not contain '${part}'`);
    for (const end of NEVER_AT_END) if (path.endsWith(end)) problems.invalid(where, path, `cannot end with '${end}'`);
  } else if (path !== '' && !path.startsWith('/')) {
    problems.invalid(where, path, 'must be an absolute path');
  }
  validateBackend(problems, backend, place.field('backend'));
}

function validateBackend(problems: Problems, { service, resource }: IngressBackend, place: FieldPath): void {
  if (service !== undefined && resource !== undefined) problems.invalid(place, '', 'cannot set both resource and service backends');
  else if (resource !== undefined) validateResource(problems, resource, place.field('resource'));
  else if (service !== undefined) validateService(problems, service, place);
  else problems.required(place, 'resource or service backend is required');
}

function validateResource(problems: Problems, { apiGroup, kind, name }: TypedLocalObjectReference, place: FieldPath): void {
  if (apiGroup === undefined) problems.required(place.field('apiGroup'), 'apiGroup is required');
  else problems.invalidAll(place.field('apiGroup'), apiGroup, dns1123Subdomain(apiGroup));
  if (validatePresent(problems, kind, place.field('kind'), 'kind is required'))
    problems.invalidAll(place.field('kind'), kind, pathSegmentName(kind));
  if (validatePresent(problems, name, place.field('name'), 'name is required'))
    problems.invalidAll(place.field('name'), name, pathSegmentName(name));
}

function validateService(problems: Problems, { name, port = {} }: IngressServiceBackend, place: FieldPath): void {
  const service = place.field('service');
  if (validatePresent(problems, name, service.field('name'))) problems.invalidAll(service.field('name'), name, dns1035Label(name));
  const { name: portText = '', number = 0 } = port;
  if (portText !== '' && number !== 0) problems.invalid(place, '', 'cannot set both port name & port number');
  else if (portText !== '') problems.invalidAll(service.field('port').field('name'), portText, portName(portText));
  else if (number !== 0) problems.invalidAll(service.field('port').field('number'), number, portNumber(number));
  else problems.required(place, 'port name or number is required');
}

export function validateIngressClass({ metadata, spec }: IngressClass): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, metadata, at('metadata'), { namespaced: false, name: dns1123Subdomain });
  const { controller = '', parameters } = spec;
  const place = SPEC.field('controller');
  if (controller.length > LONGEST_CONTROLLER) problems.tooLong(place, LONGEST_CONTROLLER);
  else if (validatePresent(problems, controller, place)) problems.invalidAll(place, controller, domainPrefixedPath(controller));
  if (parameters !== undefined) validateParameters(problems, parameters, SPEC.field('parameters'));
  return problems.found;
}

function validateParameters(problems: Problems, parameters: IngressClassParametersReference, place: FieldPath): void {
  const { apiGroup, kind, name, scope, namespace = '' } = parameters;
  if (apiGroup !== undefined) problems.invalidAll(place.field('apiGroup'), apiGroup, dns1123Subdomain(apiGroup));
  if (validatePresent(problems, kind, place.field('kind'), 'kind is required'))
    problems.invalidAll(place.field('kind'), kind, pathSegmentName(kind));
  if (validatePresent(problems, name, place.field('name'), 'name is required'))
    problems.invalidAll(place.field('name'), name, pathSegmentName(name));
  const scopes = ['Cluster', 'Namespace'];
  if (scope === undefined) return problems.required(place.field('scope'));
  if (!scopes.includes(scope)) return problems.notSupported(place.field('scope'), scope, scopes);
  if (scope === 'Namespace') {
    if (namespace === '') problems.required(place.field('namespace'), "`parameters.scope` is set to 'Namespace'");
    else problems.invalidAll(place.field('namespace'), namespace, dns1123Label(namespace));
  } else if (namespace !== '') {
    problems.forbidden(place.field('namespace'), "`parameters.scope` is set to 'Cluster'");
  }
  return undefined;
}
