/** The API server in one piece: what main.ts, the development server and tests start. Reads like a parts list. */
import { builtinScheme } from '#api/definitions/all.ts';
import { parseIp } from '#api/ip.ts';
import type { Service } from '#api/kinds/core/service.ts';
import { tables } from '#api/print/tables.ts';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { admissionPlugins } from './admission/plugins.ts';
import { Admission } from './admission/chain.ts';
import { ApiTable } from './apiTable.ts';
import { noAudit, type Audit } from './audit/audit.ts';
import { RequestAuthenticator, type AnonymousAccess, type TokenAuthenticator } from './authn/authenticator.ts';
import { bootstrapTokens } from './authn/bootstrapTokens.ts';
import { ServiceAccountTokens } from './authn/serviceAccounts.ts';
import { SecretTokens } from './authn/secretTokens.ts';
import type { SigningKey, VerifyingKey } from '../pki/signingKeys.ts';
import { alwaysAllow, mastersAuthorizer, UnionAuthorizer, type Authorizer } from './authz/authorizer.ts';
import { MASTERS } from './authz/authorizer.ts';
import { NodeAuthorizer } from './authz/node.ts';
import { RbacAuthorizer } from './authz/rbac.ts';
import { Bootstrap } from './bootstrap.ts';
import { EVERYTHING } from './cache/filter.ts';
import { WatchCache } from './cache/watchCache.ts';
import { Discovery } from './discovery.ts';
import { makeEndpoints } from './endpoints.ts';
import { healthChecks } from './healthChecks.ts';
import type { BackendOptions, KubeletTls } from './http/backend.ts';
import { InflightGate, isLongRunning, requestKind, type Limits } from './http/limits.ts';
import { answerHistory } from './history/history.ts';
import { ApiHttpServer } from './http/server.ts';
import type { TlsMaterial } from './http/tls.ts';
import { Metrics, type ProcessUsage } from './metrics.ts';
import { catalogOf } from './openapi/catalogOfTable.ts';
import { OpenApi } from './openapi/openapi.ts';
import { makePatching } from './patch/plugin.ts';
import { makePipeline } from './pipeline.ts';
import { AddressAllocator, type ServiceRange } from './registry/allocation/addresses.ts';
import { repairAllocations } from './registry/allocation/repair.ts';
import { NodePortAllocator, type PortRange } from './registry/allocation/nodePorts.ts';
import { Peers } from './peers.ts';
import type { RegistryDeps } from './registry/deps.ts';
import { Registry } from './registry/registry.ts';
import { eventStrategy, newEventStrategy, usualEventTtlMs } from './registry/strategies/cluster.ts';
import { serviceStrategy } from './registry/strategies/services.ts';
import { Writer } from './registry/writes.ts';
import { apiVersionOf } from './requestInfo.ts';
import { makeRoutes } from './routes.ts';
import type { Store } from './storage/store.ts';
import { KUBERNETES_VERSION } from './version.ts';

export interface ApiServerOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly chance: Chance;
  readonly usage: () => ProcessUsage;
  readonly host: string;
  readonly port: number;
  /** Where clients in the cluster reach this server: the endpoint of the service kubernetes. Absent: the listening address. */
  readonly advertiseAddress?: string;
  /** Who stands behind the service kubernetes: all servers that share the store, this one alone, or whoever others put there. Default: alone. */
  readonly endpoints?: 'lease' | 'alone' | 'none';
  /** In addresses that clients are told, instead of the address. */
  readonly externalHostname?: string | undefined;
  readonly tls: TlsMaterial;
  readonly limits: Limits;
  readonly minWatchMs: number;
  readonly authentication: {
    readonly tokens: readonly TokenAuthenticator[];
    readonly bootstrapTokens: boolean;
    readonly anonymous: AnonymousAccess;
    readonly issuers: readonly string[];
    readonly apiAudiences: readonly string[];
    readonly keys: readonly VerifyingKey[];
    readonly signingKey: SigningKey | undefined;
    readonly longestTokenSeconds: number | undefined;
    /** Default: this server's, below the first issuer. */
    readonly jwksUri?: string | undefined;
  };
  readonly authorizationModes: readonly AuthorizationMode[];
  readonly admission: { readonly enable: readonly string[]; readonly disable: readonly string[] };
  readonly serviceRanges: readonly ServiceRange[];
  readonly nodePorts: PortRange;
  /** undefined: days where there is room for them, an hour otherwise. */
  readonly eventTtlMs?: number | undefined;
  readonly audit?: Audit;
  /** How kubelets are reached, for logs, exec and the like. */
  readonly kubelet?: {
    readonly tls?: KubeletTls;
    readonly preferredAddresses?: readonly string[];
    readonly dialMs?: number;
    readonly connect?: NonNullable<BackendOptions['connect']>;
  };
}

export type AuthorizationMode = 'Node' | 'RBAC' | 'AlwaysAllow' | 'AlwaysDeny';

/** Where chance comes from. */
export interface Chance {
  readonly newUid: () => string;
  readonly randomText: (characters: number) => string;
  /** 0 <= x < 1 */
  readonly random: () => number;
}

/** How long requests may take to finish when the server stops. */
const SHUTDOWN_MS = 2_000;

export interface StopOptions {
  /** How long /readyz says that this server ends while it still serves, so that clients go elsewhere. */
  readonly delayMs?: number;
}

export class ApiServer {
  readonly #http: ApiHttpServer;
  readonly #clock: Clock;
  /** Aborted first: health checks fail, everything else goes on. */
  readonly #stopping: AbortController;
  readonly #stop: AbortController;
  readonly #following: Promise<void>;
  readonly #store: Store;
  readonly #peers: Peers | undefined;
  readonly #log: Logger;
  readonly port: number;
  readonly registry: Registry;
  readonly cache: WatchCache;
  readonly writer: Writer;

  private constructor(parts: {
    readonly http: ApiHttpServer;
    readonly clock: Clock;
    readonly stopping: AbortController;
    readonly stop: AbortController;
    readonly following: Promise<void>;
    readonly store: Store;
    readonly peers: Peers | undefined;
    readonly log: Logger;
    readonly port: number;
    readonly registry: Registry;
    readonly cache: WatchCache;
    readonly writer: Writer;
  }) {
    this.#http = parts.http;
    this.#clock = parts.clock;
    this.#stopping = parts.stopping;
    this.#stop = parts.stop;
    this.#following = parts.following;
    this.#store = parts.store;
    this.#peers = parts.peers;
    this.#log = parts.log;
    this.port = parts.port;
    this.registry = parts.registry;
    this.cache = parts.cache;
    this.writer = parts.writer;
  }

  /** Resolves when the server is ready. One that could not start leaves nothing behind; the store stays open. */
  static async start(options: ApiServerOptions): Promise<ApiServer> {
    const [stopping, stop] = [new AbortController(), new AbortController()];
    try {
      return await ApiServer.#start(options, { stopping, stop });
    } catch (err) {
      for (const controller of [stopping, stop]) controller.abort(err);
      throw err;
    }
  }

  static async #start(
    options: ApiServerOptions,
    { stopping, stop }: { readonly stopping: AbortController; readonly stop: AbortController },
  ): Promise<ApiServer> {
    const { store, clock, log, chance } = options;
    const metrics = new Metrics(options.usage);
    const { audit = noAudit } = options;
    if (audit.counts !== undefined) metrics.observeAudit(audit.counts);
    const cache = new WatchCache({ store, clock, log });
    const scheme = builtinScheme();
    const addresses = new AddressAllocator({
      cache: cache.register('/registry/ipaddresses/', {}),
      ranges: options.serviceRanges,
      random: chance.random,
    });
    const ports = new NodePortAllocator({
      cache: cache.register('/registry/servicenodeports/', {}),
      range: options.nodePorts,
      random: chance.random,
    });
    const eventTtlMs = (): number => options.eventTtlMs ?? usualEventTtlMs(registry.get('v1', 'events').cache.size);
    const registry = new Registry({
      scheme,
      cache,
      strategies: {
        '/services': serviceStrategy({ addresses, ports, newUid: chance.newUid }),
        '/events': eventStrategy(eventTtlMs),
        'events.k8s.io/events': newEventStrategy(eventTtlMs),
      },
    });
    const cacheOf = (apiVersion: string, plural: string) => registry.get(apiVersion, plural).cache;
    const rbac = new RbacAuthorizer({
      roles: cacheOf('rbac.authorization.k8s.io/v1', 'roles'),
      roleBindings: cacheOf('rbac.authorization.k8s.io/v1', 'rolebindings'),
      clusterRoles: cacheOf('rbac.authorization.k8s.io/v1', 'clusterroles'),
      clusterRoleBindings: cacheOf('rbac.authorization.k8s.io/v1', 'clusterrolebindings'),
    });
    const node = new NodeAuthorizer({
      pods: cacheOf('v1', 'pods'),
      persistentVolumes: cacheOf('v1', 'persistentvolumes'),
      persistentVolumeClaims: cacheOf('v1', 'persistentvolumeclaims'),
      volumeAttachments: cacheOf('storage.k8s.io/v1', 'volumeattachments'),
      resourceSlices: cacheOf('resource.k8s.io/v1', 'resourceslices'),
    });
    const authorizer = new UnionAuthorizer([
      mastersAuthorizer,
      ...options.authorizationModes.map((mode) => authorizerFor(mode, { rbac, node })),
    ]);
    const tokenCaches = {
      serviceAccounts: cacheOf('v1', 'serviceaccounts'),
      pods: cacheOf('v1', 'pods'),
      secrets: cacheOf('v1', 'secrets'),
      nodes: cacheOf('v1', 'nodes'),
    };
    const { authentication } = options;
    const serviceAccounts = new ServiceAccountTokens({ ...authentication, clock, caches: tokenCaches });
    const authenticator = new RequestAuthenticator({
      tokens: [
        ...authentication.tokens,
        ...(authentication.bootstrapTokens ? [bootstrapTokens(tokenCaches.secrets, clock)] : []),
        serviceAccounts,
        new SecretTokens({ keys: authentication.keys, clock, caches: tokenCaches }),
      ],
      anonymous: authentication.anonymous,
      apiAudiences: authentication.apiAudiences,
      onAttempt: (result) => metrics.authentications.inc([result]),
    });
    const admission = new Admission(
      admissionPlugins({ ...options.admission, registry, authorizer, rbac, cache, clock, randomText: chance.randomText }),
    );
    const deps: RegistryDeps = {
      store,
      cache,
      clock,
      ...chance,
      admission,
      ...makePatching(),
      tables,
      metrics,
      minWatchMs: options.minWatchMs,
    };
    const writer = new Writer(deps);
    const table = new ApiTable();
    const openApi = new OpenApi({
      catalog: () => catalogOf(scheme.all(), table, KUBERNETES_VERSION.gitVersion),
      edition: () => table.edition,
    });
    const { paths, more } = makeEndpoints({
      deps,
      writer,
      registry,
      table,
      scheme,
      authorizer,
      authenticator,
      serviceAccounts,
      tokenCaches,
      options,
    });
    registry.register(table, { deps, writer, more });

    const address = options.advertiseAddress ?? options.host;
    const bootstrap = new Bootstrap({
      writer,
      registry,
      clock,
      log,
      addresses,
      advertise: { address, port: () => http.port },
    });
    const { done: following } = await cache.start(stop.signal);
    const services = cacheOf('v1', 'services')
      .list(EVERYTHING)
      .map((service) => service.decode() as Service);
    await repairAllocations({ store, services, addresses, ports, newUid: chance.newUid, nowMs: clock.nowMs(), log });
    const checks = healthChecks({ store, cache, bootstrap, stopping: stopping.signal });
    const gate = new InflightGate(options.limits);
    const http = new ApiHttpServer({
      host: options.host,
      port: options.port,
      tls: options.tls,
      limits: options.limits,
      clock,
      log,
      metrics,
      isKnown: ({ info }) => info.kind === 'resource' && table.has(info.group, info.version, info.resource),
      pipeline: makePipeline({
        authenticator,
        authorizer,
        audit,
        enter: (call) => {
          if (isLongRunning(call.info, call.query)) return () => undefined;
          const kind = requestKind(call.info);
          gate.enter(kind, call.user.groups.includes(MASTERS) ? 'exempt' : 'limited');
          return () => gate.leave(kind);
        },
        route: makeRoutes({
          table,
          discovery: new Discovery(table, () => `${options.externalHostname ?? address}:${http.port}`),
          metrics,
          paths: new Map([...paths, ...openApi.paths]),
          history: (call, info) => {
            const resource = registry.find(apiVersionOf(info), info.resource);
            return resource === undefined ? undefined : answerHistory(store, resource, call);
          },
          health: {
            checks,
            onFailure: (path, { name, startsLate }, why) =>
              log[startsLate === true ? 'debug' : 'warn']('Health check failed', { path, check: name, err: why }),
          },
        }),
      }),
    });
    metrics.observeInflight(() => [
      [['readOnly'], gate.count('readOnly')],
      [['mutating'], gate.count('mutating')],
    ]);
    metrics.observeObjects(() => [...registry.all()].map(({ group, about, cache: c }) => [[group, about.resource], c.size] as const));
    const { port } = await http.listen();
    const mode = options.endpoints ?? 'alone';
    const reached = reachedUnder(address);
    const publish = (addresses: readonly string[]): Promise<void> => bootstrap.publish(addresses);
    const peers = mode !== 'lease' || reached === undefined ? undefined : new Peers({ store, clock, log, address: reached, publish });
    try {
      await bootstrap.run();
      if (mode === 'alone' && reached !== undefined) await publish([reached]);
      await peers?.join();
    } catch (err) {
      await http.close(0);
      throw err;
    }
    const loops = Promise.all([following, peers?.run(stopping.signal)]).then(() => undefined);
    return new ApiServer({ http, clock, stopping, stop, following: loops, store, port, registry, cache, writer, peers, log });
  }

  /** Fails /readyz, waits, ends streams, lets other requests finish, closes the store. */
  async stop({ delayMs = 0 }: StopOptions = {}): Promise<void> {
    const reason = new AppError('STOPPING', 'the server is shutting down');
    this.#stopping.abort(reason);
    // A store that does not answer must not keep the server from ending: its entry there ends by itself.
    await this.#peers?.leave().catch((err: unknown) => this.#log.warn('Cannot leave the service kubernetes', { err }));
    if (delayMs > 0) await this.#clock.sleep(delayMs, this.#stop.signal);
    await this.#http.close(SHUTDOWN_MS);
    this.#stop.abort(reason);
    await this.#following;
    await this.#store.close();
  }

  setTls(tls: TlsMaterial): void {
    this.#http.setTls(tls);
  }
}

/** undefined: nobody reaches a server that listens on loopback or everywhere under that address. */
function reachedUnder(address: string): string | undefined {
  const ip = parseIp(address);
  return ip === undefined || ip.bits === 0n || /^(127\.|::1$)/.test(ip.canonical) ? undefined : ip.canonical;
}

const denyAll: Authorizer = {
  authorize: () => ({ decision: 'noOpinion', reason: 'Everything is forbidden.' }),
  rulesFor: () => ({ rules: [], incomplete: false }),
};

function authorizerFor(mode: AuthorizationMode, { rbac, node }: { readonly rbac: Authorizer; readonly node: Authorizer }): Authorizer {
  switch (mode) {
    case 'RBAC':
      return rbac;
    case 'Node':
      return node;
    case 'AlwaysAllow':
      return alwaysAllow;
    default:
      return denyAll;
  }
}
