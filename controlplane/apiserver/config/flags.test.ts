import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, explain } from '#base/errors.ts';
import { parseFlags, usage } from '../../component/flags.ts';
import { PROGRAM } from './flagTable.ts';
import { settingsOf, type Settings } from './settings.ts';

const NEEDED = ['--service-account-issuer=https://issuer', '--service-account-signing-key-file=/k'];
const settings = (...argv: string[]): Settings => settingsOf(parseFlags(PROGRAM, [...NEEDED, ...argv]).values);

test('without flags the defaults are upstream’s, but where a flag says it differs', () => {
  const found = settings();
  assert.equal(found.port, 6443);
  assert.equal(found.bindAddress, '0.0.0.0');
  assert.deepEqual(found.store, { kind: 'embedded', dir: '/var/lib/kube-apiserver', historyMs: 86_400_000 });
  assert.deepEqual(found.limits, { maxRequestsInflight: 400, maxMutatingRequestsInflight: 200, requestTimeoutMs: 60_000 });
  assert.equal(found.minWatchMs, 1_800_000);
  assert.equal(found.compactionMs, 300_000);
  assert.equal(found.eventTtlMs, undefined);
  assert.deepEqual(found.nodePorts, { from: 30_000, to: 32_767 });
  assert.deepEqual(found.authorizationModes, ['Node', 'RBAC']);
  assert.equal(found.anonymous, 'health');
  assert.deepEqual(found.apiAudiences, ['https://issuer']);
  assert.deepEqual(found.keyFiles, ['/k']);
});

const READ: readonly (readonly [argv: readonly string[], read: (s: Settings) => unknown, wanted: unknown])[] = [
  [['--secure-port', '7443'], (s) => s.port, 7443],
  [['--secure_port=7443'], (s) => s.port, 7443],
  [['-secure-port=7443'], (s) => s.port, 7443],
  [['--secure-port=1', '--secure-port=2'], (s) => s.port, 2],
  [['--anonymous-auth=false'], (s) => s.anonymous, 'none'],
  [['--anonymous-auth'], (s) => s.anonymous, 'all'],
  [['--enable-bootstrap-token-auth=true'], (s) => s.bootstrapTokens, true],
  [['--request-timeout=1m30s'], (s) => s.limits.requestTimeoutMs, 90_000],
  [['--shutdown-delay-duration', '1h'], (s) => s.shutdownDelayMs, 3_600_000],
  [['--authorization-mode=RBAC', '--authorization-mode=Node'], (s) => s.authorizationModes, ['RBAC', 'Node']],
  [['--service-account-issuer=https://b'], (s) => s.issuers, ['https://issuer', 'https://b']],
  [['--api-audiences=a,b'], (s) => s.apiAudiences, ['a', 'b']],
  [['-v=4'], (s) => s.verbosity, 4],
  [['-v', '2'], (s) => s.verbosity, 2],
  [['--v=3'], (s) => s.verbosity, 3],
  [['--service-cluster-ip-range=10.96.0.0/12,fd00::/112'], (s) => s.serviceRanges.map((r) => r.family), ['IPv4', 'IPv6']],
  [
    ['--etcd-servers=https://10.0.0.1:2379,https://[fd00::1]:2379', '--etcd-cafile=/ca', '--etcd-certfile=/c', '--etcd-keyfile=/k'],
    (s) => s.store,
    {
      kind: 'etcd',
      endpoints: ['https://10.0.0.1:2379', 'https://[fd00::1]:2379'],
      ca: '/ca',
      certificate: '/c',
      key: '/k',
    },
  ],
  [['--event-ttl=1h'], (s) => s.eventTtlMs, 3_600_000],
  [['--storage-backend=lmdb', '--data-dir=/d'], (s) => s.store, { kind: 'embedded', dir: '/d', historyMs: 86_400_000 }],
  [['--watch-cache=true', '--etcd-prefix=/registry', '--etcd-healthcheck-timeout=2000ms'], (s) => s.port, 6443],
  [['--tls-min-version=VersionTLS13'], (s) => s.tls.minVersion, 'TLSv1.3'],
];

for (const [argv, read, wanted] of READ) {
  test(`read: ${argv.join(' ')}`, () => assert.deepEqual(read(settings(...argv)), wanted));
}

const REFUSED: readonly (readonly [argv: readonly string[], message: RegExp])[] = [
  [['--etcd-server=x'], /--etcd-server: unknown flag, did you mean --etcd-servers\?/],
  [['--fly'], /--fly: unknown flag; kube-apiserver --help/],
  [['serve'], /"serve": kube-apiserver takes flags alone/],
  [['--secure-port=abc'], /--secure-port: want a whole number, got "abc"/],
  [['--secure-port'], /--secure-port: want a value/],
  [['--secure-port=70000'], /--secure-port: want 0 to 65535, got 70000/],
  [['--watch-cache=maybe'], /--watch-cache: want true or false, got "maybe"/],
  [['--watch-cache=false'], /--watch-cache: only true can be honoured, got "false": all reads come from the watch cache/],
  [['--request-timeout=5'], /--request-timeout: want a duration such as 1m30s, got "5"/],
  [['--request-timeout=-1s'], /--request-timeout: want a duration/],
  [['--oidc-issuer-url=https://x'], /--oidc-issuer-url: cannot be honoured: OpenID Connect logins/],
  [['--authorization-mode=RBAC,ABAC'], /--authorization-mode: cannot use ABAC/],
  [['--authorization-mode=RBAC,RBAC'], /--authorization-mode: want each mode once/],
  [['--tls-cert-file=/x'], /--tls-cert-file and --tls-private-key-file: want both or neither/],
  [['--storage-backend=etcd3'], /--storage-backend: cannot be "etcd3": etcd3 needs --etcd-servers/],
  [['--etcd-servers=10.0.0.1:2379'], /--etcd-servers: 10\.0\.0\.1:2379: want URLs such as/],
  [['--etcd-servers=http://a:1', '--history-retention=1h'], /--history-retention: etcd keeps old versions until they are compacted/],
  [['--etcd-servers=http://a:1', '--data-dir=/d'], /--data-dir: with --etcd-servers nothing is kept here/],
  [['--etcd-cafile=/x'], /--etcd-cafile: mean nothing without --etcd-servers/],
  [['--service-cluster-ip-range=banana'], /"banana" is no CIDR/],
  [['--service-node-port-range=9-1'], /want two ports such as 30000-32767/],
  [['--advertise-address=example.com'], /--advertise-address: "example.com" is no IP address/],
  [['--service-account-max-token-expiration=5m'], /at least 1h/],
];

for (const [argv, message] of REFUSED) {
  test(`refused: ${argv.join(' ')}`, () => {
    assert.throws(
      () => settings(...argv),
      (err: unknown) => {
        assert.match(codeOf(err) ?? '', /^(FLAG|SETTINGS)_INVALID$/);
        assert.match(explain(err), message);
        return true;
      },
    );
  });
}

test('everything that is wrong is said at once', () => {
  assert.throws(
    () => settingsOf(parseFlags(PROGRAM, ['--secure-port=99999']).values),
    /--service-account-issuer: required.*--service-account-signing-key-file: required.*--secure-port: want 0 to 65535/,
  );
});

test('no flag is silent: what is not honoured is refused, or has its one value, with a reason; and help names every flag', () => {
  const help = usage(PROGRAM);
  for (const [name, { type, use }] of Object.entries(PROGRAM.table)) {
    assert.match(help, new RegExp(`--${name}\\b`), name);
    if (use.kind === 'honoured') continue;
    assert.ok(use.why.length > 10, name);
    const other = {
      string: 'something',
      list: 'a,b',
      int: '77',
      duration: '77h',
      bool: use.kind === 'only' && use.values[0] === 'true' ? 'false' : 'true',
    };
    assert.throws(() => parseFlags(PROGRAM, [`--${name}=${other[type]}`]), new RegExp(`--${name}: (cannot|only)`), name);
    if (use.kind === 'only') assert.doesNotThrow(() => parseFlags(PROGRAM, [`--${name}=${use.values[0]}`]), name);
  }
});

test('help and version win over anything wrong', () => {
  assert.equal(parseFlags(PROGRAM, ['--nope', '--help']).help, true);
  assert.equal(parseFlags(PROGRAM, ['-h']).help, true);
  assert.equal(parseFlags(PROGRAM, ['--version']).version, true);
});
