/** An API server for development and tests: on loopback, with a PKI of its own, its state in memory unless a store is given. */
import { randomBytes } from 'node:crypto';
import { SystemClock, type Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { ApiServer, type ApiServerOptions } from '../apiServer.ts';
import { staticTokens, type StaticToken } from '../authn/staticTokens.ts';
import { readSigningKey } from '../../pki/signingKeys.ts';
import { MASTERS } from '../authz/authorizer.ts';
import { DEFAULT_LIMITS } from '../http/limits.ts';
import { parseServiceRanges } from '../registry/allocation/addresses.ts';
import type { Store } from '../storage/store.ts';
import { processUsage, systemChance } from '../surroundings.ts';
import { kubeconfigText } from '../../pki/kubeconfig.ts';
import { provideServiceAccounts } from './serviceAccounts.ts';
import { makePki, type Pki } from './pki.ts';

export interface DevOptions {
  /** 0: any free one. */
  readonly port?: number;
  /** Default: one in memory, gone with the server. */
  readonly store?: Store;
  readonly clock?: Clock;
  readonly log?: Logger;
  /** More users, beside the administrator. */
  readonly tokens?: readonly StaticToken[];
  readonly enableAdmission?: readonly string[];
  readonly disableAdmission?: readonly string[];
  readonly overrides?: Partial<ApiServerOptions>;
}

export interface DevServer {
  /** "https://127.0.0.1:PORT" */
  readonly url: string;
  readonly port: number;
  /** Of the administrator, who may do everything. */
  readonly token: string;
  /** The text of a kubeconfig file for the administrator, with everything in it. */
  readonly kubeconfig: string;
  readonly pki: Pki;
  readonly server: ApiServer;
  /** Ends everything; nothing is left. A second call waits for the first. */
  stop(): Promise<void>;
}

const HOST = '127.0.0.1';
const YEAR_MS = 365 * 86_400_000;
const HOUR_MS = 3_600_000;
export const ISSUER = 'https://kubernetes.default.svc.cluster.local';

const silent: Logger = { error: () => undefined, warn: () => undefined, info: () => undefined, debug: () => undefined, with: () => silent };

export async function startDevServer(options: DevOptions = {}): Promise<DevServer> {
  const { clock = new SystemClock(), log = silent, port = 0 } = options;
  const [pki, store] = await Promise.all([
    makePki({
      names: [HOST, 'localhost', 'kubernetes', 'kubernetes.default', 'kubernetes.default.svc'],
      nowMs: clock.nowMs(),
      validMs: YEAR_MS,
    }),
    options.store ?? import('../storage/memory.ts').then(({ MemoryStore }) => new MemoryStore({ clock })),
  ]);
  const token = randomBytes(24).toString('base64url');
  const signingKey = readSigningKey(pki.serviceAccountKey, 'the throw-away key');
  const server = await ApiServer.start({
    store,
    clock,
    log,
    chance: systemChance,
    usage: processUsage,
    host: HOST,
    port,
    tls: { certificate: pki.server.certificate, key: pki.server.key, clientCa: pki.ca },
    limits: DEFAULT_LIMITS,
    minWatchMs: HOUR_MS / 2,
    authentication: {
      tokens: [staticTokens([{ token, user: { name: 'kubernetes-admin', groups: [MASTERS] } }, ...(options.tokens ?? [])])],
      bootstrapTokens: true,
      anonymous: 'health',
      issuers: [ISSUER],
      apiAudiences: [ISSUER],
      keys: [signingKey],
      signingKey,
      longestTokenSeconds: undefined,
    },
    authorizationModes: ['Node', 'RBAC'],
    admission: { enable: options.enableAdmission ?? [], disable: options.disableAdmission ?? [] },
    serviceRanges: parseServiceRanges('10.96.0.0/12'),
    nodePorts: { from: 30_000, to: 32_767 },
    ...options.overrides,
  }).catch(async (err: unknown) => {
    await store.close();
    throw err;
  });
  provideServiceAccounts({ registry: server.registry, writer: server.writer, ca: pki.ca, log });
  const url = `https://${HOST}:${server.port}`;
  let stopping: Promise<void> | undefined;
  return {
    url,
    port: server.port,
    token,
    kubeconfig: kubeconfigText({ cluster: 'kijabi', user: 'kubernetes-admin', server: url, ca: pki.ca, credentials: pki.admin }),
    pki,
    server,
    stop: () => (stopping ??= server.stop()),
  };
}
