/**
 * Flags that the scheduler and the controller manager have in common: how they reach the API server, who leads, what they serve, how they
 * log. The API server takes LOG_FLAGS alone. Data, pure.
 * Differs: the certificate authority of clients is not looked for in the cluster: --client-ca-file names it.
 */
import { each, honoured, only, refused, type FlagTable } from './flagRows.ts';

const NO_METRIC_CHOICE = 'which metrics there are cannot be chosen';
const NO_AGGREGATION = 'no proxy in front of this server speaks for others';
const HTTP1 = 'this server speaks HTTP/1.1 alone';
const ONE_VERSION = 'this program speaks the API of Kubernetes 1.36 alone';

/** What every program of the control plane says about its log and its metrics. */
export const LOG_FLAGS: FlagTable = {
  v: honoured('int', '0', 'LEVEL: 0 to 3 say what matters, 4 and more also say every step'),
  vmodule: refused('list', 'the level of the log is one for all modules: use -v'),
  'logging-format': only('string', 'text', 'the log is text for journald'),
  'log-flush-frequency': only('duration', '5s', 'every line is written at once'),
  ...each('log-json-info-buffer-size log-text-info-buffer-size', refused('string', 'every line is written at once')),
  ...each('log-json-split-stream log-text-split-stream', only('bool', 'false', 'the log goes to standard error')),
  'allow-metric-labels': refused('string', NO_METRIC_CHOICE),
  'allow-metric-labels-manifest': refused('string', NO_METRIC_CHOICE),
  'disabled-metrics': refused('list', NO_METRIC_CHOICE),
  'show-hidden-metrics-for-version': refused('string', NO_METRIC_CHOICE),
};

export interface SharedDefaults {
  readonly port: number;
  readonly qps: number;
  readonly burst: number;
  /** Of the Lease. */
  readonly lease: string;
}

export const sharedFlags = ({ port, qps, burst, lease }: SharedDefaults): FlagTable => ({
  // the API server
  kubeconfig: honoured('string', '', 'FILE: how to reach the API server, and as whom (default: the service account of the pod)'),
  master: honoured('string', '', 'URL: of the API server, instead of the one in --kubeconfig'),
  'kube-api-qps': honoured('int', String(qps), 'N: requests a second'),
  'kube-api-burst': honoured('int', String(burst), 'N: requests at once above that'),
  // Differs: protobuf upstream.
  'kube-api-content-type': only('string', 'application/json', 'the server is asked for JSON'),

  // who leads
  'leader-elect': honoured('bool', 'true', 'work only while holding the lease, so that several may run'),
  'leader-elect-lease-duration': honoured('duration', '15s', 'DURATION: how long others wait for a leader that falls silent'),
  'leader-elect-renew-deadline': honoured('duration', '10s', 'DURATION: how long a leader tries to renew before it stops to lead'),
  'leader-elect-retry-period': honoured('duration', '2s', 'DURATION: between two tries'),
  'leader-elect-resource-lock': only('string', 'leases', 'leaders hold a Lease'),
  'leader-elect-resource-name': honoured('string', lease, 'NAME: of the Lease'),
  'leader-elect-resource-namespace': honoured('string', 'kube-system', 'NAMESPACE: of the Lease'),

  // what it serves
  'bind-address': honoured('string', '0.0.0.0', 'IP: address to listen on for health checks and metrics'),
  'secure-port': honoured('int', String(port), 'PORT: port to listen on, with TLS; 0: do not listen'),
  'cert-dir': honoured('string', '', 'DIR: where a self-signed certificate is kept when none is given (default: in memory)'),
  'tls-cert-file': honoured('string', '', 'FILE: certificate of this server, with its chain'),
  'tls-private-key-file': honoured('string', '', 'FILE: key of --tls-cert-file'),
  'tls-min-version': honoured('string', 'VersionTLS12', 'VERSION: VersionTLS12 or VersionTLS13'),
  'tls-cipher-suites': refused('list', 'the cipher suites are those that Node allows'),
  'tls-curve-preferences': refused('list', 'the curves are those that Node allows'),
  'tls-sni-cert-key': refused('string', 'this server has one certificate: name all its host names in it'),
  'permit-address-sharing': only('bool', 'false', 'addresses are not shared'),
  'permit-port-sharing': only('bool', 'false', 'ports are not shared'),
  'disable-http2-serving': only('bool', 'true', HTTP1),
  'http2-max-streams-per-connection': refused('int', HTTP1),
  'client-ca-file': honoured('string', '', 'FILE: CAs whose certificates identify clients'),
  'authentication-kubeconfig': honoured('string', '', 'FILE: the API server that is asked whom a token belongs to'),
  'authentication-skip-lookup': only('bool', 'true', 'name the authority of clients with --client-ca-file'),
  'authentication-tolerate-lookup-failure': only('bool', 'true', 'name the authority of clients with --client-ca-file'),
  'authentication-token-webhook-cache-ttl': honoured('duration', '10s', 'DURATION: how long such an answer is kept'),
  ...each('requestheader-client-ca-file', refused('string', NO_AGGREGATION)),
  ...each(
    'requestheader-allowed-names requestheader-extra-headers-prefix requestheader-group-headers requestheader-uid-headers requestheader-username-headers',
    refused('list', NO_AGGREGATION),
  ),
  'authorization-kubeconfig': honoured('string', '', 'FILE: the API server that is asked what a client may see'),
  'authorization-always-allow-paths': honoured('list', '/healthz,/readyz,/livez', 'PATH[,PATH]: open to everybody'),
  'authorization-webhook-cache-authorized-ttl': honoured('duration', '10s', 'DURATION: how long a yes is kept'),
  'authorization-webhook-cache-unauthorized-ttl': honoured('duration', '10s', 'DURATION: how long a no is kept'),
  // Differs: true upstream.
  profiling: only('bool', 'false', 'there is no profiling over HTTP: start Node with --inspect'),
  'contention-profiling': only('bool', 'false', 'there are no locks to profile'),

  // logs, metrics, versions
  ...LOG_FLAGS,
  'emulated-version': refused('list', ONE_VERSION),
  'emulation-forward-compatible': only('bool', 'false', ONE_VERSION),
  'min-compatibility-version': refused('list', ONE_VERSION),
  'feature-gates': refused('list', 'this program has no feature gates'),
});
