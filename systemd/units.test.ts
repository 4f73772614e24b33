/** What systemd itself says of the units. */
import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execa } from 'execa';
import { PROGRAM } from './install/layout.ts';

const ROOT = new URL('../', import.meta.url).pathname.replace(/\/$/, '');
const UNITS = readdirSync(join(ROOT, 'systemd/units'));
/** Agreed: 0 is shut, 10 is open; below 4 systemd calls a service OK or better. The kubelet mounts and enters namespaces: it has none. */
const EXPOSURE: Readonly<Record<string, number>> = {
  'kube-scheduler.service': 2.5,
  'kube-controller-manager.service': 2.5,
  'kube-dns.service': 2.5,
  'etcd.service': 2,
  'kube-apiserver.service': 2.5,
  'kube-proxy.service': 3,
  'kijabi-network.service': 3,
  'kijabi-pod-network.service': 2.5,
};

const missing = await execa('systemd-analyze', ['--version'], { reject: false }).then(({ exitCode }) => exitCode !== 0);
const skip = missing ? 'needs systemd-analyze (Debian package systemd)' : false;

let dir: string;
before(() => {
  dir = mkdtempSync(join(tmpdir(), 'kijabi-units-'));
  cpSync(join(ROOT, 'systemd/units'), dir, { recursive: true });
  // It wants the programs where the units say they are.
  for (const unit of UNITS) writeFileSync(join(dir, unit), readFileSync(join(dir, unit), 'utf8').replaceAll(PROGRAM, ROOT));
});
after(() => rmSync(dir, { recursive: true }));

for (const unit of UNITS) {
  test(`${unit}: systemd-analyze verify has nothing to say`, { skip }, async () => {
    const { all, exitCode } = await execa('systemd-analyze', ['verify', '--man=no', join(dir, unit)], { all: true, reject: false });
    assert.deepEqual({ exitCode, all }, { exitCode: 0, all: '' });
  });
}

for (const [unit, most] of Object.entries(EXPOSURE)) {
  test(`${unit}: its exposure is at most ${most}`, { skip }, async () => {
    const { stdout } = await execa('systemd-analyze', ['security', '--offline=true', '--no-pager', join(dir, unit)]);
    const level = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(stdout)?.[1]);
    assert.ok(level <= most, `${level}`);
  });
}

test('every service but the kubelet has an agreed exposure', () => {
  const services = UNITS.filter((unit) => unit.endsWith('.service') && unit !== 'kubelet.service');
  assert.deepEqual(services.toSorted(), Object.keys(EXPOSURE).toSorted());
});

test('every daemon is watched, told when it is ready, started again, and never given up', () => {
  for (const unit of [
    'kubelet',
    'kube-proxy',
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kube-dns',
    'kijabi-network',
    'etcd',
  ]) {
    const text = readFileSync(join(ROOT, `systemd/units/${unit}.service`), 'utf8');
    for (const line of [
      'Type=notify',
      'Restart=always',
      'StartLimitIntervalSec=0',
      'WantedBy=kubernetes.target',
      'PartOf=kubernetes.target',
    ])
      assert.ok(text.split('\n').includes(line), `${unit} has no ${line}`);
    // etcd feeds no watchdog.
    if (unit !== 'etcd') assert.match(text, /^WatchdogSec=\d+$/m);
  }
});
