/** TokenRequest: a token of a service account, perhaps bound to a pod, secret or node. Source: the token subresource of Kubernetes 1.36. */
import { at } from '#api/fieldPath.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { TokenRequest } from '#api/kinds/authentication/v1.ts';
import { Problems } from '#api/problem.ts';
import { tokenRequestKind } from '#api/definitions/access.ts';
import type { ServiceAccountTokens } from '../../authn/serviceAccounts.ts';
import type { ApiCall, Handler } from '../../call.ts';
import type { ResourceCache } from '../../cache/resourceCache.ts';
import { created, readReview } from '../../reviews/access.ts';
import type { ResourceRequest } from '../../requestInfo.ts';
import { badRequest, conflict, invalid, notFound } from '../../status.ts';
import type { RegistryDeps } from '../deps.ts';
import { rfc3339 } from '#api/formats.ts';
import { settle } from '../reads.ts';
import type { KubeDraft, Resource } from '../types.ts';

const LEAST_SECONDS = 600;
const MOST_SECONDS = 2 ** 32;

export interface TokenCaches {
  readonly serviceAccounts: ResourceCache;
  readonly pods: ResourceCache;
  readonly secrets: ResourceCache;
  readonly nodes: ResourceCache;
}

export function tokenHandler(
  deps: RegistryDeps,
  tokens: ServiceAccountTokens,
  {
    resource,
    caches,
    apiAudiences,
    longestSeconds,
  }: {
    readonly resource: Resource;
    readonly caches: TokenCaches;
    readonly apiAudiences: readonly string[];
    readonly longestSeconds: number | undefined;
  },
): Handler {
  return async (call) => {
    const { namespace, name } = call.info as ResourceRequest;
    if (!tokens.canSign)
      throw badRequest('this server makes no service account tokens: it was started without --service-account-signing-key-file');
    const request = await readReview<TokenRequest>(call, tokenRequestKind);
    const { expirationSeconds = 3_600, boundObjectRef, audiences = [] } = request.spec;
    checkSeconds(expirationSeconds);
    await settle(deps, { kind: 'newest' });
    await admit(deps, resource, call, request);
    const account = caches.serviceAccounts.get(`${namespace}/${name}`)?.decode();
    if (account === undefined) throw notFound({ group: '', resource: 'serviceaccounts' }, name);
    const bound = boundObjectRef === undefined ? {} : boundTo(boundObjectRef, { caches, namespace, account: name });
    const seconds = Math.min(expirationSeconds, longestSeconds ?? expirationSeconds);
    const wanted = audiences.length === 0 ? apiAudiences : audiences;
    const token = await tokens.sign({
      namespace,
      account: { name, uid: account.metadata.uid ?? '' },
      audiences: wanted,
      seconds,
      id: deps.newUid(),
      ...bound,
    });
    const expirationTimestamp = rfc3339(deps.clock.nowMs() + seconds * 1_000);
    const metadata = { name, namespace, creationTimestamp: rfc3339(deps.clock.nowMs()) };
    const spec = { ...request.spec, audiences: wanted, expirationSeconds: seconds };
    return created({ ...request, metadata, spec, status: { token, expirationTimestamp } });
  };
}

/** Nodes may only ask for tokens of pods of theirs. */
function admit({ admission, clock }: RegistryDeps, resource: Resource, call: ApiCall, request: TokenRequest): Promise<void> {
  const { namespace, name } = call.info as ResourceRequest;
  return admission.validate({
    operation: 'CREATE',
    resource,
    subresource: 'token',
    namespace,
    name,
    object: request as unknown as KubeDraft,
    old: undefined,
    user: call.user,
    dryRun: false,
    nowMs: clock.nowMs(),
    warn: (text) => call.warn(text),
    also: () => undefined,
  });
}

function checkSeconds(seconds: number): void {
  const problems = new Problems();
  const place = at('spec', 'expirationSeconds');
  if (seconds < LEAST_SECONDS) problems.invalid(place, seconds, 'may not specify a duration less than 10 minutes');
  if (seconds > MOST_SECONDS) problems.invalid(place, seconds, 'may not specify a duration larger than 2^32 seconds');
  if (problems.count > 0) throw invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', problems.found);
}

interface Bound {
  readonly pod?: { readonly name: string; readonly uid: string };
  readonly secret?: { readonly name: string; readonly uid: string };
  readonly node?: { readonly name: string; readonly uid: string };
}

function boundTo(
  { kind = '', name = '', uid }: NonNullable<TokenRequest['spec']['boundObjectRef']>,
  { caches, namespace, account }: { readonly caches: TokenCaches; readonly namespace: string; readonly account: string },
): Bound {
  const places: Readonly<Record<string, readonly [cache: ResourceCache, key: string, resource: string]>> = {
    Pod: [caches.pods, `${namespace}/${name}`, 'pods'],
    Secret: [caches.secrets, `${namespace}/${name}`, 'secrets'],
    Node: [caches.nodes, name, 'nodes'],
  };
  const found = Object.hasOwn(places, kind) ? places[kind] : undefined;
  if (found === undefined)
    throw badRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(account)} to an object of kind ${JSON.stringify(kind)}: want Pod, Secret or Node`,
    );
  const [cache, key, resource] = found;
  const about = { group: '', resource };
  const object = cache.get(key)?.decode();
  if (object === undefined) throw notFound(about, name);
  const { uid: own = '' } = object.metadata;
  if (uid !== undefined && uid !== '' && uid !== own) {
    throw conflict(
      about,
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  const ref = { name, uid: own };
  if (kind !== 'Pod') return kind === 'Secret' ? { secret: ref } : { node: ref };
  const { spec } = object as unknown as Pod;
  if ((spec.serviceAccountName ?? 'default') !== account) {
    throw badRequest(`cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`);
  }
  const node = spec.nodeName ?? '';
  const nodeUid = caches.nodes.get(node)?.decode().metadata.uid;
  return { pod: ref, ...(node === '' ? {} : { node: { name: node, uid: nodeUid ?? '' } }) };
}
