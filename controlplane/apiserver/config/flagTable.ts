/**
 * Every flag of upstream's kube-apiserver 1.36, and what becomes of it here. Data, pure.
 *
 * honoured: it does what it does upstream. only: this server always does one thing, so that value is accepted and any other refused with the
 * reason. refused: what it asks for does not exist here. So no flag is ignored silently.
 * Differs: the defaults marked below, each to be safer or because there is nothing to choose.
 */
import { each, honoured, only, refused, type FlagTable } from '../../component/flagRows.ts';
import type { ProgramFlags } from '../../component/flags.ts';
import { LOG_FLAGS } from '../../component/sharedFlags.ts';

const NO_WEBHOOK = 'webhooks for authentication and authorization are not there yet';
const NO_AGGREGATION = 'this server does not aggregate other API servers yet';
const NO_OIDC = 'OpenID Connect logins are not there yet: use certificates, service accounts or --token-auth-file';
const ONE_VERSION = 'this server speaks the API of Kubernetes 1.36 alone';
const HTTP1 = 'this server speaks HTTP/1.1 alone';

const FLAGS: FlagTable = {
  // ours
  'data-dir': honoured('string', '/var/lib/kube-apiserver', 'DIR: the embedded store, used unless --etcd-servers is given'),
  'history-retention': honoured('duration', '24h0m0s', 'DURATION: how long the embedded store keeps old versions; 0: until compaction'),

  // where it listens
  'bind-address': honoured('string', '0.0.0.0', 'IP: address to listen on'),
  'secure-port': honoured('int', '6443', 'PORT: port to listen on; 0: any free one'),
  'advertise-address': honoured('string', undefined, "IP: under which members of the cluster reach this server (default: the host's)"),
  'external-hostname': honoured('string', undefined, 'NAME: the host name in addresses that clients are told'),
  'cert-dir': honoured('string', '/var/run/kubernetes', 'DIR: where a self-signed certificate is made when none is given'),
  'tls-cert-file': honoured('string', '', 'FILE: certificate of this server, with its chain; read again when it changes'),
  'tls-private-key-file': honoured('string', '', 'FILE: key of --tls-cert-file'),
  'tls-min-version': honoured('string', 'VersionTLS12', 'VERSION: VersionTLS12 or VersionTLS13'),
  'tls-cipher-suites': refused('list', 'the cipher suites are those that Node allows'),
  'tls-curve-preferences': refused('list', 'the curves are those that Node allows'),
  'tls-sni-cert-key': refused('string', 'this server has one certificate: name all its host names in it'),
  'permit-address-sharing': only('bool', 'false', 'addresses are not shared'),
  'permit-port-sharing': only('bool', 'false', 'ports are not shared'),
  'disable-http2-serving': only('bool', 'true', HTTP1),
  'http2-max-streams-per-connection': refused('int', HTTP1),
  'goaway-chance': only('string', '0', HTTP1),
  'max-connection-bytes-per-sec': only('int', '0', 'connections of users are not slowed down'),
  'cors-allowed-origins': refused('list', 'browsers of other origins get no access'),
  'strict-transport-security-directives': refused('list', 'the port speaks TLS alone, so browsers need not be told'),
  'request-timeout': honoured('duration', '1m0s', 'DURATION: how long a request may take, watches and other streams excepted'),
  'min-request-timeout': honoured('int', '1800', 'SECONDS: the shortest time after which a watch is ended'),
  'max-requests-inflight': honoured('int', '400', 'N: reads that are worked on at once; 0: no limit'),
  'max-mutating-requests-inflight': honoured('int', '200', 'N: writes that are worked on at once; 0: no limit'),
  // Differs: true upstream; flow control is not there yet.
  'enable-priority-and-fairness': only('bool', 'false', 'the two --max-...-inflight limits count instead'),
  'shutdown-delay-duration': honoured('duration', '0s', 'DURATION: how long /readyz fails before the server ends'),
  'shutdown-send-retry-after': only('bool', 'false', 'requests are served until the connections end'),
  'shutdown-watch-termination-grace-period': only('duration', '0s', 'watches end at once, and clients resume them elsewhere'),
  'livez-grace-period': only('duration', '0s', 'the server listens only when it is whole'),
  'debug-socket-path': refused('string', 'there is no profiling over HTTP'),
  // Differs: true upstream.
  profiling: only('bool', 'false', 'there is no profiling over HTTP: start Node with --inspect'),
  'contention-profiling': only('bool', 'false', 'there are no locks to profile'),

  // the store
  'etcd-servers': honoured('list', '', 'URL[,URL]: an etcd v3 cluster holds the state; several API servers may share it'),
  'etcd-cafile': honoured('string', '', 'FILE: CA of the etcd servers'),
  'etcd-certfile': honoured('string', '', 'FILE: certificate for etcd'),
  'etcd-keyfile': honoured('string', '', 'FILE: key for etcd'),
  'etcd-compaction-interval': honoured('duration', '5m0s', 'DURATION: how often the past is given up; 0: never'),
  'etcd-prefix': only('string', '/registry', 'tools find the objects below it'),
  'etcd-servers-overrides': refused('list', 'one store holds all kinds'),
  'etcd-count-metric-poll-period': only('duration', '1m0s', 'objects are counted when metrics are read'),
  'etcd-db-metric-poll-interval': only('duration', '30s', 'the size of the database is no metric yet'),
  'etcd-healthcheck-timeout': only('duration', '2s', 'the health check of the store ends with its request'),
  'etcd-readycheck-timeout': only('duration', '2s', 'the health check of the store ends with its request'),
  'lease-reuse-duration-seconds': only('int', '60', 'entries that end within a minute share a lease'),
  'storage-backend': honoured('string', undefined, 'NAME: etcd3 or lmdb; which one follows from --etcd-servers'),
  // Differs: protobuf upstream.
  'storage-media-type': only('string', 'application/json', 'objects are stored as JSON'),
  'storage-initialization-timeout': honoured('duration', '1m0s', 'DURATION: how long the store may take to answer first'),
  'watch-cache': only('bool', 'true', 'all reads come from the watch cache'),
  'watch-cache-sizes': refused('list', 'the watch cache grows as needed'),
  'default-watch-cache-size': refused('int', 'the watch cache grows as needed'),
  'delete-collection-workers': only('int', '16', '16 objects of a collection are deleted at once'),
  'enable-garbage-collector': only('bool', 'true', 'deletions wait for the garbage collector where they are told to'),
  'encryption-provider-config': refused('string', 'encryption at rest is not there yet'),
  'encryption-provider-config-automatic-reload': only('bool', 'false', 'encryption at rest is not there yet'),

  // who may do what
  'client-ca-file': honoured('string', '', 'FILE: CAs whose certificates identify clients; read again when it changes'),
  'token-auth-file': honoured('string', '', 'FILE: static tokens, a line each: token,user,uid,"group1,group2"'),
  'enable-bootstrap-token-auth': honoured('bool', 'false', 'accept bootstrap tokens out of kube-system'),
  // Differs: true upstream; here health checks alone need no credentials unless it is asked for.
  'anonymous-auth': honoured('bool', undefined, 'let requests without credentials in (default: to health checks alone)'),
  'api-audiences': honoured('list', '', 'NAME[,NAME]: whom tokens must be for (default: the issuers)'),
  'service-account-issuer': honoured('list', '', 'URL: who signs service account tokens; others are believed too'),
  'service-account-key-file': honoured('list', '', 'FILE: keys that verify service account tokens (default: the signing key)'),
  'service-account-signing-key-file': honoured('string', '', 'FILE: the key that signs service account tokens'),
  'service-account-jwks-uri': honoured('string', '', 'URL: where the keys are, for OpenID discovery'),
  'service-account-max-token-expiration': honoured('duration', '0s', 'DURATION: the longest life of a token'),
  'service-account-signing-endpoint': refused('string', 'tokens are signed with a key in a file'),
  'service-account-lookup': only('bool', 'true', 'tokens of deleted accounts are never accepted'),
  // Differs: true upstream.
  'service-account-extend-token-expiration': only('bool', 'false', 'tokens live as long as was asked for'),
  'authentication-config': refused('string', 'use the flags'),
  ...each('authentication-token-webhook-cache-ttl', refused('duration', NO_WEBHOOK)),
  ...each('authentication-token-webhook-config-file authentication-token-webhook-version', refused('string', NO_WEBHOOK)),
  ...each(
    'oidc-ca-file oidc-client-id oidc-groups-claim oidc-groups-prefix oidc-issuer-url oidc-required-claim oidc-username-claim oidc-username-prefix',
    refused('string', NO_OIDC),
  ),
  'oidc-signing-algs': refused('list', NO_OIDC),
  'requestheader-client-ca-file': refused('string', NO_AGGREGATION),
  ...each(
    'requestheader-allowed-names requestheader-extra-headers-prefix requestheader-group-headers requestheader-uid-headers requestheader-username-headers',
    refused('list', NO_AGGREGATION),
  ),
  // Differs: AlwaysAllow upstream.
  'authorization-mode': honoured('list', 'Node,RBAC', 'MODE[,MODE]: of Node, RBAC, AlwaysAllow, AlwaysDeny'),
  'authorization-config': refused('string', 'use --authorization-mode'),
  'authorization-policy-file': refused('string', 'there is no mode ABAC: use RBAC'),
  ...each('authorization-webhook-cache-authorized-ttl authorization-webhook-cache-unauthorized-ttl', refused('duration', NO_WEBHOOK)),
  ...each('authorization-webhook-config-file authorization-webhook-version', refused('string', NO_WEBHOOK)),
  'enable-admission-plugins': honoured('list', '', 'NAME[,NAME]: admission plugins besides those that are on'),
  'disable-admission-plugins': honoured('list', '', 'NAME[,NAME]: admission plugins that are not wanted'),
  'admission-control': refused('list', 'use --enable-admission-plugins and --disable-admission-plugins'),
  'admission-control-config-file': refused('string', 'no admission plugin has settings of its own'),
  'default-not-ready-toleration-seconds': only('int', '300', 'the time cannot be chosen yet'),
  'default-unreachable-toleration-seconds': only('int', '300', 'the time cannot be chosen yet'),
  // Differs: false upstream, where it refuses every privileged container; here PodSecurity decides, namespace by namespace.
  'allow-privileged': only('bool', 'true', 'the pod security level of a namespace decides'),

  // the cluster
  'service-cluster-ip-range': honoured('string', '10.0.0.0/24', 'CIDR[,CIDR]: addresses of services'),
  'service-node-port-range': honoured('string', '30000-32767', 'FROM-TO: node ports of services'),
  'kubernetes-service-node-port': only('int', '0', 'the service kubernetes has a cluster address alone'),
  'endpoint-reconciler-type': honoured('string', 'lease', 'TYPE: lease (this server stands behind the service kubernetes) or none'),
  'apiserver-count': only('int', '1', 'each server says itself that it is there'),
  // Differs: an hour upstream, where events fill etcd.
  'event-ttl': honoured('duration', undefined, 'DURATION: how long events are kept (default: 72h, and 1h while there are many)'),
  'runtime-config': refused('list', 'all groups and versions of this server are on'),
  'runtime-config-emulation-forward-compatible': only('bool', 'false', ONE_VERSION),
  'emulated-version': refused('list', ONE_VERSION),
  'emulation-forward-compatible': only('bool', 'false', ONE_VERSION),
  'min-compatibility-version': refused('list', ONE_VERSION),
  'feature-gates': refused('list', 'this server has no feature gates'),
  'coordinated-leadership-lease-duration': only('duration', '15s', 'leaders are not elected by the server'),
  'coordinated-leadership-renew-deadline': only('duration', '10s', 'leaders are not elected by the server'),
  'coordinated-leadership-retry-period': only('duration', '2s', 'leaders are not elected by the server'),

  // other servers
  'aggregator-reject-forwarding-redirect': only('bool', 'true', NO_AGGREGATION),
  'enable-aggregator-routing': only('bool', 'false', NO_AGGREGATION),
  ...each(
    'proxy-client-cert-file proxy-client-key-file peer-ca-file peer-advertise-ip peer-advertise-port',
    refused('string', NO_AGGREGATION),
  ),
  'egress-selector-config-file': refused('string', 'connections to the cluster are made directly'),
  'kubelet-client-certificate': honoured('string', '', 'FILE: what this server shows kubelets, for logs, exec and the like'),
  'kubelet-client-key': honoured('string', '', 'FILE: key of --kubelet-client-certificate'),
  'kubelet-certificate-authority': honoured('string', '', "FILE: CAs of kubelets' certificates; without it they are not checked"),
  'kubelet-preferred-address-types': honoured(
    'list',
    'Hostname,InternalDNS,InternalIP,ExternalDNS,ExternalIP',
    'TYPE,...: which address of a node is tried',
  ),
  'kubelet-timeout': honoured('duration', '5s', 'DURATION: for a connection to a kubelet to be there'),
  ...each('kubelet-port kubelet-read-only-port', refused('int', 'the port of a kubelet stands in the status of its node')),

  // audit
  'audit-policy-file': honoured('string', '', 'FILE: which requests are recorded (audit.k8s.io/v1 Policy)'),
  'audit-log-path': honoured('string', '', 'FILE: where they are recorded, as lines of JSON; - is standard output'),
  'audit-log-maxage': honoured('int', '0', 'DAYS: after which old audit logs are removed; 0: never'),
  'audit-log-maxbackup': honoured('int', '0', 'N: old audit logs that are kept; 0: all'),
  'audit-log-maxsize': honoured('int', '0', 'MEGABYTES: above which an audit log is put aside; 0: 100'),
  'audit-log-compress': honoured('bool', 'false', 'compress old audit logs'),
  'audit-log-format': only('string', 'json', 'each event is a line of JSON'),
  // Differs: blocking upstream.
  'audit-log-mode': only('string', 'batch', 'no request waits for the log'),
  'audit-log-version': only('string', 'audit.k8s.io/v1', 'events have one version'),
  'audit-log-batch-buffer-size': honoured('int', '10000', 'N: events that may wait for the disk; more are lost and counted'),
  ...each('audit-log-truncate-enabled audit-log-batch-throttle-enable', only('bool', 'false', 'events are written whole, at once')),
  ...each(
    'audit-log-batch-max-size audit-log-batch-throttle-burst audit-log-truncate-max-batch-size audit-log-truncate-max-event-size',
    refused('int', 'events are written whole, at once'),
  ),
  ...each('audit-log-batch-max-wait audit-log-batch-throttle-qps', refused('string', 'events are written whole, at once')),
  ...each(
    'audit-webhook-config-file audit-webhook-mode audit-webhook-version audit-webhook-initial-backoff audit-webhook-batch-max-wait audit-webhook-batch-throttle-qps',
    refused('string', 'audit records go to a file alone'),
  ),
  ...each(
    'audit-webhook-batch-buffer-size audit-webhook-batch-max-size audit-webhook-batch-throttle-burst audit-webhook-truncate-max-batch-size audit-webhook-truncate-max-event-size',
    refused('int', 'audit records go to a file alone'),
  ),
  ...each('audit-webhook-batch-throttle-enable audit-webhook-truncate-enabled', refused('bool', 'audit records go to a file alone')),

  // logs, metrics, traces
  ...LOG_FLAGS,
  'tracing-config-file': refused('string', 'there are no traces'),
};

export const PROGRAM: ProgramFlags = {
  program: 'kube-apiserver',
  about: 'The API server: validates and keeps the objects of a cluster, and tells everybody what changes.',
  table: FLAGS,
};
