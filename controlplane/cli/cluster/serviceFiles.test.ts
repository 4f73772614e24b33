import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { layoutOf } from '#systemd/install/layout.ts';
import { flagsFile, serviceFiles, type ServiceFacts } from './serviceFiles.ts';

const PLACES = { kubernetesDir: '/etc/kubernetes', certDir: '/etc/kubernetes/pki' };
const FACTS: ServiceFacts = {
  advertiseAddress: '192.0.2.1',
  port: 6443,
  serviceCidr: '10.96.0.0/12',
  dnsDomain: 'cluster.local',
  podCidr: undefined,
};

test('serviceFiles: one for each service of a control plane, under the name and with the variable that its unit reads', () => {
  const services = layoutOf('control-plane').units.filter((unit) => unit.endsWith('.service'));
  const files = serviceFiles(FACTS, PLACES);
  assert.deepEqual(
    files.map(({ file }) => file.replace(/env$/, 'service')),
    services,
  );
  for (const { file, text } of files) {
    const program = file.replace(/\.env$/, '');
    const unit = readFileSync(new URL(`../../../systemd/units/${program}.service`, import.meta.url), 'utf8');
    assert.ok(unit.includes(`EnvironmentFile=/etc/kubernetes/${file}\n`), file);
    assert.ok(unit.includes(`ConditionPathExists=/etc/kubernetes/${file}\n`), file);
    const [, variable = ''] = /^([A-Z_]+)="[^"]+"$/m.exec(text) ?? [];
    assert.match(unit, new RegExp(`^ExecStart=.* \\$${variable} \\$[A-Z_]+_EXTRA_ARGS$`, 'm'));
  }
});

test('serviceFiles: nodes get networks only where there is one for pods, and another store is named', () => {
  const text = (facts: Partial<ServiceFacts>): string =>
    serviceFiles({ ...FACTS, ...facts }, PLACES)
      .map((file) => file.text)
      .join('');
  assert.doesNotMatch(text({}), /cluster-cidr|etcd-servers/);
  assert.match(text({ podCidr: '10.244.0.0/16' }), /--allocate-node-cidrs --cluster-cidr=10\.244\.0\.0\/16 /);
  assert.match(
    text({ etcd: ['https://127.0.0.1:2379'] }),
    /--etcd-servers=https:\/\/127\.0\.0\.1:2379 .*--etcd-cafile=\S+\/etcd\/ca\.crt /,
  );
});

test('serviceFiles: cluster DNS answers at the address of the host, for the domain of the cluster, from the servers of the host', () => {
  const dns = (advertiseAddress: string): string | undefined =>
    serviceFiles({ ...FACTS, advertiseAddress, dnsDomain: 'here.test' }, PLACES).find(({ file }) => file === 'kube-dns.env')?.text;
  assert.match(dns('192.0.2.1') ?? '', /--listen=192\.0\.2\.1:53 --domain=here\.test --resolv-conf=\/etc\/resolv\.conf /);
  assert.match(dns('2001:db8::1') ?? '', /--listen=\[2001:db8::1\]:53 .*--metrics-bind-address=\[2001:db8::1\]:9153 /);
});

test('flagsFile: what systemd would read otherwise is refused', () => {
  for (const flag of ['--a="b"', '--a=b c', '--a=$b', '--a=\\b']) assert.throws(() => flagsFile('x', [flag]), RangeError);
});
