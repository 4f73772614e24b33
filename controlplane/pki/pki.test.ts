/** A PKI on a real disk, looked at with openssl, which nobody here wrote. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { execa } from 'execa';
import { parseCidr } from '#api/ip.ts';
import { codeOf } from '#base/errors.ts';
import { parseKubeconfig } from '#client/kubeconfig.ts';
import { PkiWriter } from './act.ts';
import { expiryTables, residual } from './expiry.ts';
import { AUTHORITIES, KUBECONFIG_FILES, LEAVES, type ClusterFacts } from './layout.ts';
import { seenFiles, type PkiPlaces } from './observe.ts';
import { planPki, type PkiStep } from './plan.ts';
import { RENEWABLE, expiries, renew } from './renew.ts';

/** A little ahead: certificates that openssl makes begin at the moment they are made. */
const NOW_MS = Date.now() + 1_800_000;
const DAY_MS = 86_400_000;
const FACTS: ClusterFacts = {
  nodeName: 'cp-1',
  advertiseAddress: '192.0.2.7',
  port: 6_443,
  endpoint: 'api.example:443',
  extraNames: ['extra.example'],
  serviceRanges: ['10.96.0.0/12', 'fd00:10::/112'].map((text) => parseCidr(text)!),
  podRanges: ['10.244.0.0/16'],
  dnsDomain: 'cluster.local',
};

interface Disk extends PkiPlaces {
  readonly at: (name: string) => string;
  readonly plan: (facts?: ClusterFacts, nowMs?: number) => Promise<ReturnType<typeof planPki>>;
  readonly make: () => Promise<readonly PkiStep[]>;
}

function disk(t: TestContext): Disk {
  const kubernetesDir = mkdtempSync(join(tmpdir(), 'kijabi-pki-'));
  t.after(() => rmSync(kubernetesDir, { recursive: true, force: true }));
  const places = { kubernetesDir, certDir: join(kubernetesDir, 'pki') };
  const plan: Disk['plan'] = async (facts = FACTS, nowMs = NOW_MS) => planPki(facts, await seenFiles(places), nowMs);
  const make = async (): Promise<readonly PkiStep[]> => {
    const { steps, problems } = await plan();
    assert.deepEqual(problems, []);
    const writer = new PkiWriter(places, NOW_MS);
    for (const step of steps) await writer.take(step);
    return steps.filter(({ kind }) => kind !== 'keep');
  };
  return { ...places, at: (name) => join(places.certDir, name), plan, make };
}

const openssl = async (...args: string[]): Promise<string> => (await execa('openssl', args)).stdout;
const pairs = [...Object.keys(AUTHORITIES), ...Object.keys(LEAVES)];

test('a PKI out of nothing: openssl follows every certificate to its authority and finds the right names, and a second run keeps it all', async (t) => {
  const d = disk(t);
  await d.make();
  for (const [name, { authority, usages }] of Object.entries(LEAVES)) {
    for (const usage of usages) {
      const said = await openssl(
        'verify',
        '-x509_strict',
        '-purpose',
        `ssl${usage}`,
        '-CAfile',
        d.at(`${authority}.crt`),
        d.at(`${name}.crt`),
      );
      assert.match(said, /: OK$/, `${name} as ${usage}`);
    }
    const [inCertificate, inKey] = [
      await openssl('x509', '-in', d.at(`${name}.crt`), '-noout', '-pubkey'),
      await openssl('pkey', '-in', d.at(`${name}.key`), '-pubout'),
    ];
    assert.equal(inCertificate, inKey, name);
  }
  const server = await openssl('x509', '-in', d.at('apiserver.crt'), '-noout', '-ext', 'subjectAltName');
  for (const name of [
    'DNS:kubernetes.default.svc.cluster.local',
    'IP Address:10.96.0.1',
    'IP Address:FD00:10:0:0:0:0:0:1',
    'DNS:api.example',
  ])
    assert.ok(server.includes(name), `${name} in ${server}`);
  assert.equal(await openssl('pkey', '-in', d.at('sa.key'), '-pubout'), readFileSync(d.at('sa.pub'), 'utf8').trim());
  const files = readdirSync(d.kubernetesDir, { recursive: true, encoding: 'utf8' }).map((name) => join(d.kubernetesDir, name));
  for (const file of files) if (statSync(file).isFile()) assert.equal(statSync(file).mode & 0o777, 0o600, file);
  assert.equal(files.length, pairs.length * 2 + 2 + KUBECONFIG_FILES.length + 2, 'and nothing else lies there');

  const before = files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file, 'utf8'));
  assert.deepEqual(await d.make(), []);
  assert.deepEqual(
    files.filter((file) => statSync(file).isFile()).map((file) => readFileSync(file, 'utf8')),
    before,
  );
});

test('kubeconfig files say who, where and whom to trust', async (t) => {
  const d = disk(t);
  await d.make();
  const rows: [file: string, server: string, subject: string][] = [
    ['admin.conf', 'https://api.example:443', 'O = system:masters, CN = kubernetes-admin'],
    ['kubelet.conf', 'https://api.example:443', 'O = system:nodes, CN = system:node:cp-1'],
    ['kube-proxy.conf', 'https://api.example:443', 'CN = system:kube-proxy'],
    ['kube-dns.conf', 'https://api.example:443', 'CN = system:serviceaccount:kube-system:kube-dns'],
    ['scheduler.conf', 'https://192.0.2.7:6443', 'CN = system:kube-scheduler'],
    ['controller-manager.conf', 'https://192.0.2.7:6443', 'CN = system:kube-controller-manager'],
  ];
  assert.deepEqual(rows.map(([file]) => file).sort(), [...KUBECONFIG_FILES].sort());
  for (const [file, server, subject] of rows) {
    const config = parseKubeconfig(readFileSync(join(d.kubernetesDir, file)), { file });
    assert.equal(config.server, server);
    assert.deepEqual(config.ca, { kind: 'text', text: readFileSync(d.at('ca.crt'), 'utf8') });
    const own = join(d.kubernetesDir, 'own.pem');
    writeFileSync(own, config.certificate?.kind === 'text' ? config.certificate.text : '');
    assert.equal(
      await openssl('x509', '-in', own, '-noout', '-subject', '-nameopt', 'sep_comma_plus_space'),
      `subject=${subject}`.replaceAll(' = ', '='),
    );
    assert.match(await openssl('verify', '-purpose', 'sslclient', '-CAfile', d.at('ca.crt'), own), /: OK$/);
  }
});

test('a run that was killed after any of its files is finished by the next one, which keeps what was made', async (t) => {
  const d = disk(t);
  await d.make();
  for (const name of pairs) {
    const key = readFileSync(d.at(`${name}.key`), 'utf8');
    const others = Object.keys(LEAVES).filter((leaf) => LEAVES[leaf]?.authority === name);
    for (const gone of [name, ...others]) rmSync(d.at(`${gone}.crt`)); // an authority comes before what it signs
    if (name === 'ca') for (const file of KUBECONFIG_FILES) rmSync(join(d.kubernetesDir, file));
    await d.make();
    assert.equal(readFileSync(d.at(`${name}.key`), 'utf8'), key, `the key of ${name}`);
    assert.deepEqual(await d.make(), [], name);
  }
  rmSync(d.at('sa.pub'));
  assert.deepEqual(await d.make(), [{ kind: 'publishSigningKey' }]);
});

const wrong: [what: string, spoil: (d: Disk) => unknown, problem: RegExp][] = [
  ['a certificate without its key', (d) => rmSync(d.at('apiserver.key')), /^apiserver\.crt is there without its key: move both away/],
  [
    'the key of another',
    (d) => writeFileSync(d.at('etcd/peer.key'), readFileSync(d.at('etcd/server.key'))),
    /^etcd\/peer\.crt is there with the key of another/,
  ],
  [
    'the key of another authority',
    (d) => writeFileSync(d.at('ca.key'), readFileSync(d.at('sa.key'))),
    /^ca\.key is not the key of ca\.crt/,
  ],
  [
    'an authority whose key is kept elsewhere, and a certificate that is missing',
    (d) => [rmSync(d.at('front-proxy-ca.key')), rmSync(d.at('front-proxy-client.crt'))],
    /^front-proxy-client\.crt is missing and front-proxy-ca\.key, which would sign it, is not here/,
  ],
  [
    'a certificate of another authority',
    (d) => renameSync(d.at('front-proxy-ca.crt'), d.at('etcd/ca.crt')),
    /^etcd\/ca\.key is not the key of etcd\/ca\.crt/,
  ],
  ['a public key without the private one', (d) => rmSync(d.at('sa.key')), /^sa\.pub is there without sa\.key/],
];
for (const [what, spoil, problem] of wrong) {
  test(`named and left alone: ${what}`, async (t) => {
    const d = disk(t);
    await d.make();
    spoil(d);
    const { problems } = await d.plan();
    assert.ok(
      problems.some((text) => problem.test(text)),
      problems.join('\n'),
    );
  });
}

test('other names, another server, an end in the past and a clock that is behind are named with what to do', async (t) => {
  const d = disk(t);
  await d.make();
  const rows: [facts: ClusterFacts, nowMs: number, problems: RegExp[]][] = [
    [{ ...FACTS, extraNames: ['new.example'] }, NOW_MS, [/^apiserver\.crt lacks new\.example: kijabi certs renew apiserver$/]],
    [
      { ...FACTS, endpoint: undefined },
      NOW_MS,
      Array.from({ length: 4 }, () => /^\S+\.conf is for https:\/\/api\.example:443, not for https:\/\/192\.0\.2\.7:6443: move it away/),
    ],
    [
      FACTS,
      NOW_MS + 366 * DAY_MS,
      [
        ...Object.keys(LEAVES).map((name) => new RegExp(`^${name}\\.crt expired on \\S+: kijabi certs renew ${name.replace('/', '-')}$`)),
        ...KUBECONFIG_FILES.map((file) => new RegExp(`^the certificate in ${file} expired on .*: kijabi certs renew ${file}$`)),
      ],
    ],
  ];
  for (const [facts, nowMs, want] of rows) {
    const { problems } = await d.plan(facts, nowMs);
    assert.equal(problems.length, want.length, problems.join('\n'));
    for (const pattern of want)
      assert.ok(
        problems.some((text) => pattern.test(text)),
        `${pattern} in\n${problems.join('\n')}`,
      );
  }
  const early = await d.plan(FACTS, NOW_MS - 10 * DAY_MS);
  assert.match(early.problems[0] ?? '', /^ca\.crt is valid only from \S+ \(is the clock right\?\)/);
});

test('a file that is no certificate, or that cannot be read, is never taken for missing', async (t) => {
  const d = disk(t);
  await d.make();
  writeFileSync(d.at('apiserver.crt'), 'not a certificate');
  await assert.rejects(d.plan(), (err: Error) => codeOf(err) === 'PKI_UNREADABLE' && err.message.includes('apiserver.crt'));
  rmSync(d.at('apiserver.crt'));
  mkdirSync(d.at('apiserver.crt'));
  await assert.rejects(d.plan(), (err: Error) => codeOf(err) === 'PKI_UNREADABLE');
});

test('renewing: the same names and key, a year more; what is missing, foreign or unknown is refused', async (t) => {
  const d = disk(t);
  await d.make();
  const later = NOW_MS + 360 * DAY_MS;
  const writer = new PkiWriter(d, later);
  const key = readFileSync(d.at('apiserver.key'), 'utf8');
  const names = await openssl('x509', '-in', d.at('apiserver.crt'), '-noout', '-subject', '-ext', 'subjectAltName,extendedKeyUsage');
  for (const name of RENEWABLE) await renew(name, d, writer);
  assert.equal(readFileSync(d.at('apiserver.key'), 'utf8'), key);
  assert.equal(await openssl('x509', '-in', d.at('apiserver.crt'), '-noout', '-subject', '-ext', 'subjectAltName,extendedKeyUsage'), names);
  const found = await expiries(d);
  assert.deepEqual(
    found.filter(({ authority }) => authority !== undefined).map(({ name }) => name),
    RENEWABLE,
  );
  for (const { name, authority, notAfter } of found) {
    if (authority !== undefined) assert.equal(residual(notAfter, later), '364d', name); // certificates count in whole seconds
  }
  assert.deepEqual((await d.plan(FACTS, later)).problems, []);

  await assert.rejects(renew('no-such', d, writer), { code: 'PKI_UNKNOWN' });
  rmSync(d.at('front-proxy-client.crt'));
  await assert.rejects(renew('front-proxy-client', d, writer), { code: 'PKI_MISSING' });
  rmSync(d.at('ca.key'));
  await assert.rejects(renew('apiserver', d, writer), { code: 'PKI_EXTERNAL' });
  assert.deepEqual(
    (await expiries(d)).filter(({ external }) => external).map(({ name }) => name),
    [...KUBECONFIG_FILES, 'apiserver', 'apiserver-kubelet-client', 'ca'],
  );
});

test('an RSA authority of another tool signs too, and one that openssl made is kept', async (t) => {
  const d = disk(t);
  mkdirSync(d.certDir);
  const args = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '900', '-subj', '/CN=theirs'];
  await openssl(...args, '-keyout', d.at('ca.key'), '-out', d.at('ca.crt'));
  chmodSync(d.at('ca.key'), 0o600);
  const theirs = readFileSync(d.at('ca.crt'), 'utf8');
  await d.make();
  assert.equal(readFileSync(d.at('ca.crt'), 'utf8'), theirs);
  assert.match(await openssl('verify', '-CAfile', d.at('ca.crt'), d.at('apiserver.crt')), /: OK$/);
  assert.deepEqual(await d.make(), []);
});

test('what check-expiration prints', () => {
  const nowMs = Date.UTC(2026, 10, 25, 20, 22);
  const text = expiryTables(
    [
      { name: 'admin.conf', authority: 'ca', notAfter: new Date(nowMs + 364 * DAY_MS), external: false },
      { name: 'etcd-server', authority: 'etcd/ca', notAfter: new Date(nowMs - 1), external: true },
      { name: 'ca', authority: undefined, notAfter: new Date(nowMs + 3_650 * DAY_MS), external: false },
    ],
    nowMs,
  );
  assert.equal(
    text,
    `CERTIFICATE   EXPIRES                  RESIDUAL TIME   CERTIFICATE AUTHORITY   EXTERNALLY MANAGED
admin.conf    Nov 24, 2027 20:22 UTC   364d            ca                      no
etcd-server   Nov 25, 2026 20:21 UTC   <invalid>       etcd-ca                 yes

CERTIFICATE AUTHORITY   EXPIRES                  RESIDUAL TIME   EXTERNALLY MANAGED
ca                      Nov 22, 2036 20:22 UTC   10y             no
`,
  );
  for (const [leftMs, want] of [
    [0, '<invalid>'],
    [59 * 60_000, '59m'],
    [26 * 3_600_000, '26h'],
    [47 * 3_600_000, '47h'],
    [48 * 3_600_000, '2d'],
    [700 * DAY_MS, '700d'],
    [730 * DAY_MS, '2y'],
  ] as const)
    assert.equal(residual(new Date(leftMs), 0), want);
});
