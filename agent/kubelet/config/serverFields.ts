/**
 * The fields of KubeletConfiguration about the kubelet's HTTP servers, and what they come to. Pure.
 * Source: k8s.io/kubelet config/v1beta1 of Kubernetes 1.36 (names, types and defaults).
 */
import { durationMs } from '#api/formats.ts';
import { boolean, duration, int32, list, object, string, type Fields } from '#api/schema.ts';

const PORT = { minimum: 0, maximum: 65_535 } as const;

export const serverFields = {
  enableServer: boolean('The HTTP API; false: none of its ports, the local socket stays', { default: true }),
  address: string('Address of the HTTP API', { default: '0.0.0.0' }),
  port: int32('Port of the HTTP API, with TLS', { default: 10_250, ...PORT, zeroIsUnset: true }),
  readOnlyPort: int32('Port that gives pods and metrics to everybody, without TLS; 0: none', { default: 0, ...PORT }),
  tlsCertFile: string('Certificate of the HTTP API; none: self-signed, in --cert-dir'),
  tlsPrivateKeyFile: string('Its key'),
  tlsCipherSuites: list(string('Ciphers up to TLS 1.2, by their IANA names')),
  tlsMinVersion: string('VersionTLS12 or VersionTLS13', { default: 'VersionTLS12' }),
  tlsCurvePreferences: list(
    int32(),
    'Key exchanges by their numbers, the best first: 23, 24, 25 (P-256, P-384, P-521), 29 (X25519), 4588 (X25519MLKEM768)',
  ),
  authentication: object('io.k8s.kubelet.config.v1beta1.KubeletAuthentication', {
    x509: object('io.k8s.kubelet.config.v1beta1.KubeletX509Authentication', {
      clientCAFile: string('CA whose certificates tell who a caller is'),
    }),
    webhook: object('io.k8s.kubelet.config.v1beta1.KubeletWebhookAuthentication', {
      enabled: boolean('Tokens are checked by the API server of --kubeconfig; without one no token is good', { default: true }),
      cacheTTL: duration('How long its answer holds', { default: '2m0s' }),
    }),
    anonymous: object('io.k8s.kubelet.config.v1beta1.KubeletAnonymousAuthentication', {
      enabled: boolean('Callers without credentials are system:anonymous', { default: false }),
    }),
  }),
  authorization: object('io.k8s.kubelet.config.v1beta1.KubeletAuthorization', {
    mode: string('AlwaysAllow or Webhook (the API server of --kubeconfig; without one: the group system:masters alone)', {
      default: 'Webhook',
    }),
    webhook: object('io.k8s.kubelet.config.v1beta1.KubeletWebhookAuthorization', {
      cacheAuthorizedTTL: duration('How long a yes holds', { default: '5m0s' }),
      cacheUnauthorizedTTL: duration('How long a no holds', { default: '30s' }),
    }),
  }),
  enableDebuggingHandlers: boolean('containerLogs, exec, attach, portForward, run and logs', { default: true }),
  enableSystemLogHandler: boolean('/logs/: the files below /var/log', { default: true }),
  volumeStatsAggPeriod: duration('How old a measurement of volumes may be that is told again; negative: they are not measured', {
    default: '1m0s',
  }),
  streamingConnectionIdleTimeout: duration('Silence that ends an exec, attach or port-forward', { default: '4h0m0s' }),
} satisfies Fields;

/** TLS 1.2 suites by IANA name -> OpenSSL's. The ones upstream knows and does not call insecure. */
export const CIPHERS: Readonly<Record<string, string>> = {
  TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: 'ECDHE-ECDSA-AES128-GCM-SHA256',
  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384: 'ECDHE-ECDSA-AES256-GCM-SHA384',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305: 'ECDHE-ECDSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: 'ECDHE-RSA-AES128-GCM-SHA256',
  TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384: 'ECDHE-RSA-AES256-GCM-SHA384',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305: 'ECDHE-RSA-CHACHA20-POLY1305',
  TLS_AES_128_GCM_SHA256: 'TLS_AES_128_GCM_SHA256',
  TLS_AES_256_GCM_SHA384: 'TLS_AES_256_GCM_SHA384',
  TLS_CHACHA20_POLY1305_SHA256: 'TLS_CHACHA20_POLY1305_SHA256',
};
/** By their numbers in TLS -> OpenSSL's names. */
export const CURVES: Readonly<Record<number, string>> = { 23: 'P-256', 24: 'P-384', 25: 'P-521', 29: 'X25519', 4588: 'X25519MLKEM768' };
export const TLS_VERSIONS: Readonly<Record<string, 'TLSv1.2' | 'TLSv1.3'>> = { VersionTLS12: 'TLSv1.2', VersionTLS13: 'TLSv1.3' };

export interface ServerSettings {
  readonly enabled: boolean;
  readonly host: string;
  readonly port: number;
  readonly readOnlyPort: number;
  readonly tls: {
    /** undefined: self-signed. */
    readonly files: { readonly certificate: string; readonly key: string } | undefined;
    readonly ciphers: readonly string[];
    readonly curves: readonly string[];
    readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  };
  readonly authn: {
    readonly clientCaFile: string | undefined;
    readonly anonymous: boolean;
    readonly webhook: boolean;
    readonly cacheMs: number;
  };
  readonly authz: { readonly mode: 'AlwaysAllow' | 'Webhook'; readonly yesMs: number; readonly noMs: number };
  readonly debugging: boolean;
  readonly systemLogs: boolean;
  readonly streamIdleMs: number;
  /** undefined: volumes are not measured. */
  readonly volumesEveryMs: number | undefined;
}

/** The fields with their defaults filled in. */
export interface ServerConfig {
  readonly enableServer?: boolean;
  readonly address?: string;
  readonly port?: number;
  readonly readOnlyPort?: number;
  readonly tlsCertFile?: string;
  readonly tlsPrivateKeyFile?: string;
  readonly tlsCipherSuites?: readonly string[];
  readonly tlsMinVersion?: string;
  readonly tlsCurvePreferences?: readonly number[];
  readonly authentication?: {
    readonly x509?: { readonly clientCAFile?: string };
    readonly webhook?: { readonly enabled?: boolean; readonly cacheTTL?: string };
    readonly anonymous?: { readonly enabled?: boolean };
  };
  readonly authorization?: {
    readonly mode?: string;
    readonly webhook?: { readonly cacheAuthorizedTTL?: string; readonly cacheUnauthorizedTTL?: string };
  };
  readonly enableDebuggingHandlers?: boolean;
  readonly enableSystemLogHandler?: boolean;
  readonly streamingConnectionIdleTimeout?: string;
  readonly volumeStatsAggPeriod?: string;
}

export function serverSettings(config: ServerConfig): ServerSettings {
  /** Zero is unset, as upstream. */
  const ms = (text: string | undefined, otherwise: number): number => durationMs(text ?? '') || otherwise;
  const authn = config.authentication ?? {};
  const authz = config.authorization ?? {};
  return {
    enabled: config.enableServer ?? true,
    host: config.address ?? '0.0.0.0',
    port: config.port ?? 10_250,
    readOnlyPort: config.readOnlyPort ?? 0,
    tls: {
      files:
        config.tlsCertFile && config.tlsPrivateKeyFile ? { certificate: config.tlsCertFile, key: config.tlsPrivateKeyFile } : undefined,
      curves: (config.tlsCurvePreferences ?? []).flatMap((number) => CURVES[number] ?? []),
      ciphers: (config.tlsCipherSuites ?? []).flatMap((name) => CIPHERS[name] ?? []),
      minVersion: TLS_VERSIONS[config.tlsMinVersion ?? ''] ?? 'TLSv1.2',
    },
    authn: {
      clientCaFile: authn.x509?.clientCAFile || undefined,
      anonymous: authn.anonymous?.enabled ?? false,
      webhook: authn.webhook?.enabled ?? true,
      cacheMs: ms(authn.webhook?.cacheTTL, 120_000),
    },
    authz: {
      mode: authz.mode === 'AlwaysAllow' ? 'AlwaysAllow' : 'Webhook',
      yesMs: ms(authz.webhook?.cacheAuthorizedTTL, 300_000),
      noMs: ms(authz.webhook?.cacheUnauthorizedTTL, 30_000),
    },
    debugging: config.enableDebuggingHandlers ?? true,
    systemLogs: config.enableSystemLogHandler ?? true,
    streamIdleMs: ms(config.streamingConnectionIdleTimeout, 4 * 3_600_000),
    volumesEveryMs: (durationMs(config.volumeStatsAggPeriod ?? '') ?? 0) < 0 ? undefined : ms(config.volumeStatsAggPeriod, 60_000),
  };
}

interface Complaint {
  readonly path: readonly string[];
  readonly message: string;
}

/** Rules its schema cannot tell. */
export function checkServer(config: Readonly<Record<string, unknown>>): Complaint[] {
  const found: Complaint[] = [];
  const bad = (path: readonly string[], message: string): void => void found.push({ path, message });
  const text = (name: string): string => (typeof config[name] === 'string' ? config[name] : '');
  if ((text('tlsCertFile') === '') !== (text('tlsPrivateKeyFile') === ''))
    bad(
      [text('tlsCertFile') === '' ? 'tlsPrivateKeyFile' : 'tlsCertFile'],
      'tlsCertFile and tlsPrivateKeyFile belong together: want both or none',
    );
  for (const suite of Array.isArray(config['tlsCipherSuites']) ? config['tlsCipherSuites'] : [])
    if (typeof suite === 'string' && CIPHERS[suite] === undefined)
      bad(['tlsCipherSuites'], `Invalid value: ${JSON.stringify(suite)}: want some of ${Object.keys(CIPHERS).join(', ')}`);
  for (const curve of Array.isArray(config['tlsCurvePreferences']) ? config['tlsCurvePreferences'] : [])
    if (typeof curve === 'number' && CURVES[curve] === undefined)
      bad(['tlsCurvePreferences'], `Invalid value: ${curve}: want some of ${Object.keys(CURVES).join(', ')}`);
  const version = text('tlsMinVersion');
  if (version !== '' && TLS_VERSIONS[version] === undefined)
    bad(['tlsMinVersion'], `Invalid value: ${JSON.stringify(version)}: want VersionTLS12 or VersionTLS13 (older ones are broken)`);
  const mode = (config['authorization'] as { mode?: unknown } | undefined | null)?.mode;
  if (typeof mode === 'string' && !['', 'AlwaysAllow', 'Webhook'].includes(mode))
    bad(['authorization', 'mode'], `Invalid value: ${JSON.stringify(mode)}: want AlwaysAllow or Webhook`);
  if (config['readOnlyPort'] !== undefined && config['readOnlyPort'] !== 0 && config['readOnlyPort'] === (config['port'] ?? 10_250))
    bad(['readOnlyPort'], 'want another port than the one with TLS');
  return found;
}
