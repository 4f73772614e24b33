/**
 * The service proxy on a kernel with IPVS, in a virtual machine: the kernel tests of the ipvs mode, and the same real traffic through all
 * modes. A stage of its own (npm run test:vm): emulated, a step takes twenty times as long as on the host.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startMachine, whyNoMachine } from './machine.ts';
import type { Vm } from './vm.ts';

void describe('the service proxy in a virtual machine', { skip: (await whyNoMachine()) ?? false }, () => {
  let vm: Vm;
  before(async () => {
    vm = await startMachine();
    await vm.run('modprobe -a ip_vs ip_vs_rr dummy br_netfilter');
  });
  after(async () => {
    await vm?.close();
  });

  void test('ipvs, iptables and nftables in the kernel of the machine', async () => {
    const leftOut = ['traffic, ipvs externalTrafficPolicy Local keeps the client', 'traffic, iptables .legacy.'];
    const command = [
      'cd /tree &&',
      'KIJABI_TEST_PATIENCE=20 NODE_COMPILE_CACHE=/var/cache/node NODE_OPTIONS=--disable-warning=ExperimentalWarning',
      'node_modules/.bin/node --test --test-reporter=spec --test-concurrency=2',
      ...leftOut.map((pattern) => `--test-skip-pattern='${pattern}'`),
      'agent/test/vm/ipvs.traffic.ts agent/test/proxy.ipvs.test.ts agent/test/proxy.traffic.test.ts',
    ].join(' ');
    const lines: string[] = [];
    await vm.run(`${command} 2>&1; true`, {
      onLine: (line) => {
        lines.push(line);
        process.stderr.write(`${line}\n`);
      },
    });
    const out = lines.join('\n');
    const count = (what: string): number => Number(new RegExp(`^ℹ ${what} (\\d+)$`, 'm').exec(out)?.[1] ?? Number.NaN);
    assert.equal(count('fail') + count('cancelled'), 0, out);
    // The one that is skipped there is for kernels without IPVS.
    assert.match(out, /✔ traffic, ipvs /);
    assert.match(out, /✔ traffic, iptables \(nft\) /);
    assert.match(out, /✔ traffic, nftables /);
  });
});
