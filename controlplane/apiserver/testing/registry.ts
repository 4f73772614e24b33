/** For tests of what looks into caches: a registry whose caches hold the objects that are put into it. No store, no HTTP. */
import { builtinScheme } from '#api/definitions/all.ts';
import { parseAs } from '#api/parse.ts';
import { ManualClock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { AdmissionPlugin, AdmissionRequest, Operation } from '../admission/chain.ts';
import type { PluginParts } from '../admission/plugins.ts';
import { UnionAuthorizer, type Authorizer } from '../authz/authorizer.ts';
import { RbacAuthorizer } from '../authz/rbac.ts';
import type { UserInfo } from '../call.ts';
import { storedForm } from '../cache/bytes.ts';
import { WatchCache } from '../cache/watchCache.ts';
import { Registry } from '../registry/registry.ts';
import type { KubeDraft, Resource } from '../registry/types.ts';
import { MemoryStore } from '../storage/memory.ts';

const silent: Logger = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined, with: () => silent };

/** apiVersion, plural, and the object without them. */
export type Put = readonly [apiVersion: string, plural: string, object: object];

export interface TestRequest {
  readonly operation?: Operation;
  readonly subresource?: string;
  readonly object?: object;
  readonly old?: object;
  readonly user?: UserInfo;
  readonly dryRun?: boolean;
}

export const SOMEBODY: UserInfo = { name: 'somebody', groups: ['system:authenticated'] };

export class TestRegistry {
  readonly clock = new ManualClock(1_750_000_000_000);
  readonly registry: Registry;
  readonly rbac: RbacAuthorizer;
  readonly parts: PluginParts;
  readonly warnings: string[] = [];
  #revision = 1;

  constructor(puts: readonly Put[] = [], authorizer?: Authorizer) {
    const cache = new WatchCache({ store: new MemoryStore({ clock: this.clock }), clock: this.clock, log: silent });
    this.registry = new Registry({ scheme: builtinScheme(), cache, strategies: {} });
    const cacheOf = (plural: string) => this.registry.get('rbac.authorization.k8s.io/v1', plural).cache;
    this.rbac = new RbacAuthorizer({
      roles: cacheOf('roles'),
      roleBindings: cacheOf('rolebindings'),
      clusterRoles: cacheOf('clusterroles'),
      clusterRoleBindings: cacheOf('clusterrolebindings'),
    });
    this.parts = {
      registry: this.registry,
      authorizer: authorizer ?? new UnionAuthorizer([this.rbac]),
      rbac: this.rbac,
      cache: { fresh: async () => this.#revision },
      clock: this.clock,
      randomText: (characters) => 'x'.repeat(characters),
    };
    for (const [apiVersion, plural, object] of puts) this.put(apiVersion, plural, object);
  }

  /** Straight into the cache; what was there under the name is replaced. */
  put(apiVersion: string, plural: string, object: object): void {
    const resource = this.registry.get(apiVersion, plural);
    const draft = this.draft(resource, object);
    const { namespace, name } = draft.metadata;
    const key = `${resource.cache.prefix}${resource.definition.namespaced ? `${namespace}/${name}` : name}`;
    this.#revision += 1;
    resource.cache.load({ key, value: storedForm(draft), createRevision: this.#revision, modRevision: this.#revision });
  }

  /** With defaults, as a request brings it. */
  draft(resource: Resource, object: object): KubeDraft {
    const { apiVersion, kind } = resource.definition;
    const parsed = parseAs(resource.definition, { ...object, apiVersion, kind }, { check: 'structure' });
    if (parsed.kind === 'problems') throw new TypeError(JSON.stringify(parsed.problems));
    return parsed.object as unknown as KubeDraft;
  }

  request(apiVersion: string, plural: string, asked: TestRequest): AdmissionRequest {
    const resource = this.registry.get(apiVersion, plural);
    const subresource = asked.subresource ?? '';
    // What is sent to token and eviction is no object of this kind.
    const isPart = ['', 'status', 'approval', 'ephemeralcontainers', 'resize'].includes(subresource);
    const make = (object: object | undefined): KubeDraft | undefined =>
      object === undefined ? undefined : isPart ? this.draft(resource, object) : (object as KubeDraft);
    const object = make(asked.object);
    const old = asked.old === undefined ? undefined : this.draft(resource, asked.old);
    const metadata = (object ?? old)?.metadata ?? {};
    return {
      operation: asked.operation ?? (old === undefined ? 'CREATE' : 'UPDATE'),
      resource,
      subresource,
      namespace: metadata.namespace ?? '',
      name: metadata.name ?? '',
      object,
      old,
      user: asked.user ?? SOMEBODY,
      dryRun: asked.dryRun ?? false,
      nowMs: this.clock.nowMs(),
      warn: (text) => this.warnings.push(text),
      also: () => undefined,
    };
  }

  /** As the chain does it. Resolves with what was let in; rejects with the refusal. */
  async admit(plugin: AdmissionPlugin, request: AdmissionRequest): Promise<KubeDraft | undefined> {
    if (!plugin.handles(request)) return request.object;
    await plugin.mutate?.(request);
    await plugin.validate?.(request);
    return request.object;
  }
}

/** The message with which something is refused; "" when it is not. */
export async function refusalOf(admitted: Promise<unknown>): Promise<string> {
  try {
    await admitted;
    return '';
  } catch (err) {
    return (err as Error).message;
  }
}
