/** Everything that can be asked for beside stored objects: reviews, subresources with a life of their own, OpenID discovery. */
import type { Scheme } from '#api/scheme.ts';
import type { ApiTable } from './apiTable.ts';
import type { ApiServerOptions } from './apiServer.ts';
import type { Authenticator } from './authn/authenticator.ts';
import type { ServiceAccountTokens } from './authn/serviceAccounts.ts';
import type { Authorizer } from './authz/authorizer.ts';
import type { Handler } from './call.ts';
import { componentEndpoint } from './components.ts';
import { Backends } from './http/backend.ts';
import type { RegistryDeps } from './registry/deps.ts';
import type { Registry, SubresourceEndpoint } from './registry/registry.ts';
import { bindingHandler, evictionHandler } from './registry/subresources/pods.ts';
import { scaleHandlers } from './registry/subresources/scale.ts';
import { tokenHandler, type TokenCaches } from './registry/subresources/token.ts';
import type { Writer } from './registry/writes.ts';
import { accessReview, rulesReview, selfReview } from './reviews/access.ts';
import { tokenReview } from './reviews/token.ts';
import { noSuchPath } from './status.ts';
import { PREFERRED_ADDRESSES } from './streams/kubelet.ts';
import { execHandler, logHandler, portForwardHandler } from './streams/pods.ts';
import { proxyHandler } from './streams/proxy.ts';
import { registerUsage } from './streams/usage.ts';

export interface EndpointParts {
  readonly deps: RegistryDeps;
  readonly writer: Writer;
  readonly registry: Registry;
  readonly table: ApiTable;
  readonly scheme: Scheme;
  readonly authorizer: Authorizer;
  readonly authenticator: Authenticator;
  readonly serviceAccounts: ServiceAccountTokens;
  readonly tokenCaches: TokenCaches;
  readonly options: Pick<ApiServerOptions, 'authentication' | 'kubelet'>;
}

export function makeEndpoints(parts: EndpointParts): {
  readonly paths: ReadonlyMap<string, Handler>;
  readonly more: ReadonlyMap<string, SubresourceEndpoint>;
} {
  registerReviews(parts);
  const backends = backendsOf(parts.options);
  const components = parts.scheme.findResource('v1', 'componentstatuses');
  if (components !== undefined) parts.table.register(componentEndpoint(parts.deps, components, backends));
  return { paths: openIdPaths(parts), more: subresources(parts, backends) };
}

function registerReviews({ table, scheme, authorizer, authenticator, options }: EndpointParts): void {
  const kindOf = (group: string, plural: string) => {
    const found = scheme.findResource(`${group}/v1`, plural);
    if (found === undefined) throw new TypeError(`The API has no ${plural}`);
    return found;
  };
  const add = (group: string, plural: string, make: (definition: ReturnType<typeof kindOf>) => Handler): void => {
    const definition = kindOf(group, plural);
    const { kind, namespaced, singular } = definition;
    const base = { group, version: 'v1', resource: plural, subresource: '', namespaced, singular };
    table.register({ ...base, kind: { group, version: 'v1', kind }, handlers: { create: make(definition) } });
  };
  const authorization = 'authorization.k8s.io';
  add(authorization, 'subjectaccessreviews', (d) => accessReview(authorizer, d, 'theirs'));
  add(authorization, 'localsubjectaccessreviews', (d) => accessReview(authorizer, d, 'theirs'));
  add(authorization, 'selfsubjectaccessreviews', (d) => accessReview(authorizer, d, 'mine'));
  add(authorization, 'selfsubjectrulesreviews', (d) => rulesReview(authorizer, d));
  add('authentication.k8s.io', 'selfsubjectreviews', (d) => selfReview(d));
  add('authentication.k8s.io', 'tokenreviews', (d) => tokenReview(authenticator, d, options.authentication.apiAudiences));
}

function backendsOf({ kubelet = {} }: EndpointParts['options']): Backends {
  const { tls = {}, dialMs = DIAL_MS, connect } = kubelet;
  return new Backends({ kubelet: tls, dialMs, ...(connect === undefined ? {} : { connect }) });
}

function subresources(parts: EndpointParts, backends: Backends): ReadonlyMap<string, SubresourceEndpoint> {
  const { deps, writer, registry, table, serviceAccounts, tokenCaches, options } = parts;
  const out = new Map<string, SubresourceEndpoint>();
  const scale = { group: 'autoscaling', version: 'v1', kind: 'Scale' };
  const scaled = [
    ['apps/v1', 'deployments', 'apps'],
    ['apps/v1', 'replicasets', 'apps'],
    ['apps/v1', 'statefulsets', 'apps'],
    ['v1', 'replicationcontrollers', ''],
  ] as const;
  for (const [apiVersion, plural, group] of scaled) {
    out.set(`${group}/${plural}/scale`, { kind: scale, handlers: scaleHandlers(deps, writer, registry.get(apiVersion, plural)) });
  }
  const pods = registry.get('v1', 'pods');
  const budgets = registry.get('policy/v1', 'poddisruptionbudgets');
  const binding = { group: '', version: 'v1', kind: 'Binding' };
  out.set('/pods/binding', { kind: binding, handlers: { create: bindingHandler(writer, pods, 'url') } });
  table.register({
    group: '',
    version: 'v1',
    resource: 'bindings',
    subresource: '',
    namespaced: true,
    kind: binding,
    singular: 'binding',
    handlers: { create: bindingHandler(writer, pods, 'body') },
  });
  out.set('/pods/eviction', {
    kind: { group: 'policy', version: 'v1', kind: 'Eviction' },
    handlers: { create: evictionHandler(deps, writer, { pods, budgets }) },
  });
  const { apiAudiences, longestTokenSeconds } = options.authentication;
  out.set('/serviceaccounts/token', {
    kind: { group: 'authentication.k8s.io', version: 'v1', kind: 'TokenRequest' },
    handlers: {
      create: tokenHandler(deps, serviceAccounts, {
        resource: registry.get('v1', 'serviceaccounts'),
        caches: tokenCaches,
        apiAudiences,
        longestSeconds: longestTokenSeconds,
      }),
    },
  });
  addStreams(out, parts, backends);
  return out;
}

/** Source: the default of --kubelet-timeout. */
const DIAL_MS = 5_000;

function addStreams(out: Map<string, SubresourceEndpoint>, { deps, registry, table, options }: EndpointParts, backends: Backends): void {
  const { preferredAddresses = PREFERRED_ADDRESSES } = options.kubelet ?? {};
  const parts = {
    deps,
    pods: registry.get('v1', 'pods'),
    backends,
    places: { nodes: registry.get('v1', 'nodes').cache, preferredAddresses },
    services: registry.get('v1', 'services').cache,
    endpointSlices: registry.get('discovery.k8s.io/v1', 'endpointslices').cache,
    random: deps.random,
  };
  registerUsage(table, parts);
  const both = (handler: Handler): SubresourceEndpoint['handlers'] => ({ create: handler, get: handler });
  const all = (handler: Handler): SubresourceEndpoint['handlers'] => ({
    ...both(handler),
    delete: handler,
    patch: handler,
    update: handler,
  });
  const add = (path: string, kind: string, handlers: SubresourceEndpoint['handlers']): void =>
    void out.set(path, { kind: { group: '', version: 'v1', kind }, handlers });
  add('/pods/log', 'Pod', { get: logHandler(parts) });
  add('/pods/exec', 'PodExecOptions', both(execHandler(parts, 'exec')));
  add('/pods/attach', 'PodAttachOptions', both(execHandler(parts, 'attach')));
  add('/pods/portforward', 'PodPortForwardOptions', both(portForwardHandler(parts)));
  add('/pods/proxy', 'PodProxyOptions', all(proxyHandler(parts, 'pods')));
  add('/services/proxy', 'ServiceProxyOptions', all(proxyHandler(parts, 'services')));
  add('/nodes/proxy', 'NodeProxyOptions', all(proxyHandler(parts, 'nodes')));
}

function openIdPaths({ serviceAccounts, options }: EndpointParts): ReadonlyMap<string, Handler> {
  const jwksUri = options.authentication.jwksUri ?? `${serviceAccounts.issuer.replace(/\/$/, '')}/openid/v1/jwks`;
  const only =
    (read: () => Promise<{ readonly value: unknown; readonly contentType: string }>): Handler =>
    async (call) => {
      if (call.method !== 'GET' && call.method !== 'HEAD') throw noSuchPath();
      return { kind: 'value', code: 200, ...(await read()) };
    };
  return new Map([
    ['/openid/v1/jwks', only(async () => ({ value: await serviceAccounts.jwks(), contentType: 'application/jwk-set+json' }))],
    [
      '/.well-known/openid-configuration',
      only(async () => ({ value: serviceAccounts.discovery(jwksUri), contentType: 'application/json' })),
    ],
  ]);
}
