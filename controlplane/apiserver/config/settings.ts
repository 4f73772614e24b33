/**
 * What the flags ask for, as the parts of the server want it. Pure. Throws AppError SETTINGS_INVALID with everything that is wrong.
 * Units: milliseconds.
 */
import { parseIp } from '#api/ip.ts';
import { AppError, explain } from '#base/errors.ts';
import type { AuthorizationMode } from '../apiServer.ts';
import type { RotationLimits } from '../audit/rotation.ts';
import type { AnonymousAccess } from '../authn/authenticator.ts';
import type { Limits } from '../http/limits.ts';
import { parseServiceRanges, type ServiceRange } from '../registry/allocation/addresses.ts';
import { parsePortRange, type PortRange } from '../registry/allocation/nodePorts.ts';
import type { FlagValues } from '../../component/flags.ts';

export type StoreSettings =
  | { readonly kind: 'embedded'; readonly dir: string; readonly historyMs: number }
  | {
      readonly kind: 'etcd';
      readonly endpoints: readonly string[];
      readonly ca: string | undefined;
      readonly certificate: string | undefined;
      readonly key: string | undefined;
    };

export interface Settings {
  readonly bindAddress: string;
  readonly port: number;
  readonly advertiseAddress: string | undefined;
  readonly externalHostname: string | undefined;
  readonly tls: {
    readonly certificate: string | undefined;
    readonly key: string | undefined;
    readonly clientCa: string | undefined;
    /** Where a self-signed certificate is kept when there is no other. */
    readonly selfSignedDir: string;
    readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  };
  readonly kubelet: {
    readonly certificate: string | undefined;
    readonly key: string | undefined;
    readonly ca: string | undefined;
    readonly preferredAddresses: readonly string[];
    readonly dialMs: number;
  };
  readonly limits: Limits;
  readonly minWatchMs: number;
  readonly shutdownDelayMs: number;
  readonly store: StoreSettings;
  readonly storeWithinMs: number;
  readonly compactionMs: number;
  readonly tokenFile: string | undefined;
  readonly bootstrapTokens: boolean;
  readonly anonymous: AnonymousAccess;
  readonly issuers: readonly string[];
  readonly apiAudiences: readonly string[];
  readonly jwksUri: string | undefined;
  readonly signingKeyFile: string;
  readonly keyFiles: readonly string[];
  readonly longestTokenSeconds: number | undefined;
  readonly authorizationModes: readonly AuthorizationMode[];
  readonly admission: { readonly enable: readonly string[]; readonly disable: readonly string[] };
  readonly serviceRanges: readonly ServiceRange[];
  readonly nodePorts: PortRange;
  readonly endpoints: 'lease' | 'alone' | 'none';
  /** undefined: nobody has said it. */
  readonly eventTtlMs: number | undefined;
  readonly audit: AuditSettings | undefined;
  readonly verbosity: number;
}

export interface AuditSettings extends RotationLimits {
  readonly policyFile: string;
  readonly path: string;
  readonly mostLines: number;
}

const MODES: readonly string[] = ['Node', 'RBAC', 'AlwaysAllow', 'AlwaysDeny'];
/** Source: the limits of --service-account-max-token-expiration: one hour to 2^32 seconds. */
const SHORTEST_TOKEN_MS = 3_600_000;

export function settingsOf(values: FlagValues): Settings {
  const problems: string[] = [];
  const check = <T>(ok: boolean, problem: string, value: T): T => {
    if (!ok) problems.push(problem);
    return value;
  };
  const tried = <T>(otherwise: T, parse: () => T): T => {
    try {
      return parse();
    } catch (err) {
      problems.push(explain(err));
      return otherwise;
    }
  };
  const between = (name: string, from: number, to: number): number => {
    const value = values.whole(name);
    return check(value >= from && value <= to, `--${name}: want ${from} to ${to}, got ${value}`, value);
  };
  const address = (name: string): string | undefined => {
    const text = values.file(name);
    return text === undefined ? undefined : check(parseIp(text) !== undefined, `--${name}: ${JSON.stringify(text)} is no IP address`, text);
  };
  const modes = values.list('authorization-mode');
  const unknown = modes.filter((mode) => !MODES.includes(mode));
  check(unknown.length === 0, `--authorization-mode: cannot use ${unknown.join(', ')}: want of ${MODES.join(', ')}`, modes);
  check(modes.length > 0 && new Set(modes).size === modes.length, '--authorization-mode: want each mode once, and at least one', modes);
  const issuers = values.list('service-account-issuer');
  check(issuers.length > 0, '--service-account-issuer: required, for example https://kubernetes.default.svc.cluster.local', issuers);
  const signingKeyFile = values.file('service-account-signing-key-file') ?? '';
  check(signingKeyFile !== '', '--service-account-signing-key-file: required, a private RSA or ECDSA key in PEM', signingKeyFile);
  const minVersion = values.text('tls-min-version') ?? '';
  check(/^VersionTLS1[23]$/.test(minVersion), `--tls-min-version: want VersionTLS12 or VersionTLS13, got ${JSON.stringify(minVersion)}`, 0);
  const [certificate, key] = [values.file('tls-cert-file'), values.file('tls-private-key-file')];
  check((certificate === undefined) === (key === undefined), '--tls-cert-file and --tls-private-key-file: want both or neither', 0);
  const reconciler = values.text('endpoint-reconciler-type') ?? '';
  check(/^(lease|none)$/.test(reconciler), `--endpoint-reconciler-type: want lease or none, got ${JSON.stringify(reconciler)}`, 0);
  const tokenMs = values.ms('service-account-max-token-expiration');
  check(
    tokenMs === 0 || (tokenMs >= SHORTEST_TOKEN_MS && tokenMs / 1_000 <= 2 ** 32),
    '--service-account-max-token-expiration: want at least 1h and at most 2^32 seconds',
    0,
  );
  const [policyFile, auditPath] = [values.file('audit-policy-file'), values.file('audit-log-path')];
  check(
    (policyFile === undefined) === (auditPath === undefined),
    '--audit-policy-file and --audit-log-path: one records nothing without the other',
    0,
  );
  const audiences = values.list('api-audiences');
  const keyFiles = values.list('service-account-key-file');

  const settings: Settings = {
    bindAddress: address('bind-address') ?? '0.0.0.0',
    port: between('secure-port', 0, 65_535),
    advertiseAddress: address('advertise-address'),
    externalHostname: values.file('external-hostname'),
    tls: {
      certificate,
      key,
      clientCa: values.file('client-ca-file'),
      selfSignedDir: values.text('cert-dir') ?? '',
      minVersion: minVersion === 'VersionTLS13' ? 'TLSv1.3' : 'TLSv1.2',
    },
    kubelet: {
      certificate: values.file('kubelet-client-certificate'),
      key: values.file('kubelet-client-key'),
      ca: values.file('kubelet-certificate-authority'),
      preferredAddresses: values.list('kubelet-preferred-address-types'),
      dialMs: check(values.ms('kubelet-timeout') > 0, '--kubelet-timeout: want more than 0', values.ms('kubelet-timeout')),
    },
    limits: {
      maxRequestsInflight: between('max-requests-inflight', 0, 1e9),
      maxMutatingRequestsInflight: between('max-mutating-requests-inflight', 0, 1e9),
      requestTimeoutMs: check(values.ms('request-timeout') > 0, '--request-timeout: want more than 0', values.ms('request-timeout')),
    },
    minWatchMs: between('min-request-timeout', 0, 1e9) * 1_000,
    shutdownDelayMs: values.ms('shutdown-delay-duration'),
    store: tried({ kind: 'embedded', dir: '', historyMs: 0 }, () => storeOf(values)),
    storeWithinMs: values.ms('storage-initialization-timeout'),
    compactionMs: values.ms('etcd-compaction-interval'),
    tokenFile: values.file('token-auth-file'),
    bootstrapTokens: values.isOn('enable-bootstrap-token-auth'),
    anonymous: values.isGiven('anonymous-auth') ? (values.isOn('anonymous-auth') ? 'all' : 'none') : 'health',
    issuers,
    apiAudiences: audiences.length > 0 ? audiences : issuers,
    jwksUri: values.file('service-account-jwks-uri'),
    signingKeyFile,
    keyFiles: keyFiles.length > 0 ? keyFiles : [signingKeyFile],
    longestTokenSeconds: tokenMs === 0 ? undefined : Math.floor(tokenMs / 1_000),
    authorizationModes: modes as readonly AuthorizationMode[],
    admission: { enable: values.list('enable-admission-plugins'), disable: values.list('disable-admission-plugins') },
    serviceRanges: tried([], () => parseServiceRanges(values.text('service-cluster-ip-range') ?? '')),
    nodePorts: tried({ from: 0, to: 0 }, () => parsePortRange(values.text('service-node-port-range') ?? '')),
    // Nobody shares the embedded store.
    endpoints: reconciler === 'none' ? 'none' : values.list('etcd-servers').length > 0 ? 'lease' : 'alone',
    eventTtlMs: values.isGiven('event-ttl')
      ? check(values.ms('event-ttl') > 0, '--event-ttl: want more than 0', values.ms('event-ttl'))
      : undefined,
    audit: auditOf(values, between),
    verbosity: between('v', 0, 10),
  };
  if (problems.length > 0) throw new AppError('SETTINGS_INVALID', problems.join('; '));
  return settings;
}

const DAY_MS = 86_400_000;
const MEGABYTE = 1024 * 1024;
/** Source: what the size is upstream when nobody says it. */
const USUAL_MEGABYTES = 100;

function auditOf(values: FlagValues, between: (name: string, from: number, to: number) => number): AuditSettings | undefined {
  const [policyFile, path] = [values.file('audit-policy-file'), values.file('audit-log-path')];
  const limits = {
    maxAgeMs: between('audit-log-maxage', 0, 36_500) * DAY_MS,
    maxBackups: between('audit-log-maxbackup', 0, 1e6),
    maxBytes: (between('audit-log-maxsize', 0, 1e6) || USUAL_MEGABYTES) * MEGABYTE,
    mostLines: between('audit-log-batch-buffer-size', 1, 1e7),
    compress: values.isOn('audit-log-compress'),
  };
  return policyFile === undefined || path === undefined ? undefined : { policyFile, path, ...limits };
}

const ETCD_URL = /^(https?:\/\/(\[[0-9a-fA-F:]+\]|[^/:\s]+):\d{1,5}|unix:\/\/\/?\S+)$/;

function storeOf(values: FlagValues): StoreSettings {
  const endpoints = values.list('etcd-servers');
  const backend = values.text('storage-backend') ?? '';
  const wanted = endpoints.length > 0 ? 'etcd3' : 'lmdb';
  if (!['', wanted].includes(backend)) {
    const why = wanted === 'lmdb' ? 'etcd3 needs --etcd-servers' : 'with --etcd-servers it is etcd3';
    throw new AppError('SETTINGS_INVALID', `--storage-backend: cannot be ${JSON.stringify(backend)}: ${why}`);
  }
  const [ca, certificate, key] = ['etcd-cafile', 'etcd-certfile', 'etcd-keyfile'].map((name) => values.file(name));
  if (wanted === 'lmdb') {
    const vain = ['etcd-cafile', 'etcd-certfile', 'etcd-keyfile'].filter((name) => values.file(name) !== undefined);
    if (vain.length > 0) throw new AppError('SETTINGS_INVALID', `--${vain.join(', --')}: mean nothing without --etcd-servers`);
    return { kind: 'embedded', dir: values.text('data-dir') ?? '', historyMs: values.ms('history-retention') };
  }
  if (values.isGiven('history-retention')) {
    throw new AppError(
      'SETTINGS_INVALID',
      '--history-retention: etcd keeps old versions until they are compacted; see --etcd-compaction-interval',
    );
  }
  if (values.isGiven('data-dir')) throw new AppError('SETTINGS_INVALID', '--data-dir: with --etcd-servers nothing is kept here');
  const bad = endpoints.filter((url) => !ETCD_URL.test(url));
  if (bad.length > 0) throw new AppError('SETTINGS_INVALID', `--etcd-servers: ${bad.join(', ')}: want URLs such as https://10.0.0.1:2379`);
  if ((certificate === undefined) !== (key === undefined)) {
    throw new AppError('SETTINGS_INVALID', '--etcd-certfile and --etcd-keyfile: want both or neither');
  }
  return { kind: 'etcd', endpoints, ca, certificate, key };
}
