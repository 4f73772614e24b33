import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { SystemClock } from '#base/clock.ts';
import { makeLogger } from '#base/log.ts';
import { parseFlags } from '../../component/flags.ts';
import { PROGRAM, settingsOf, type Settings } from './settings.ts';
import { readConfig, readResolvConf } from './upstreams.ts';
import { readUpstreams, watchUpstreams, type Watched } from './watch.ts';

function settings(...argv: string[]): Settings {
  return settingsOf(parseFlags(PROGRAM, argv).values);
}

test('flags: defaults, and values in both forms', () => {
  const { listen, domain, ttlSeconds, pods, lameDuckMs, health, kubeconfig } = settings();
  assert.deepEqual(
    [listen, domain, ttlSeconds, pods, lameDuckMs],
    [[{ address: '0.0.0.0', port: 53 }], 'cluster.local', 5, 'insecure', 5_000],
  );
  assert.deepEqual([health, kubeconfig], [{ address: '0.0.0.0', port: 8_080 }, undefined]);
  const given = settings('--listen=10.0.0.1:53,[FD00::1]:5353', '--domain', 'Example.Test.', '--metrics-bind-address', '', '-v', '4');
  assert.deepEqual(given.listen, [
    { address: '10.0.0.1', port: 53 },
    { address: 'fd00::1', port: 5_353 },
  ]);
  assert.deepEqual([given.domain, given.metrics, given.verbosity], ['example.test', undefined, 4]);
});

const WRONG: readonly (readonly [argv: readonly string[], want: RegExp])[] = [
  [['--lissen', 'x'], /--lissen: unknown flag, did you mean --listen\?/],
  [['--ttl', '9999'], /--ttl: want 0 to 3600, got 9999/],
  [
    ['--pods', 'all', '--tcp-idle-timeout', '0s'],
    /--pods: want disabled, insecure or verified, got "all"; --tcp-idle-timeout: want more than 0/,
  ],
  [['--listen', 'localhost:53'], /--listen: want addresses with ports/],
  [['--listen', '1.2.3.4'], /--listen: want addresses with ports/],
  [['--domain', 'local'], /--domain: want a domain/],
  [['--dns-service', 'kube-dns'], /--dns-service: want NAMESPACE\/NAME/],
  [['--health-bind-address', ':8080'], /--health-bind-address: want an address with a port/],
];
for (const [argv, want] of WRONG) test(`flags that are wrong: ${argv.join(' ')}`, () => assert.throws(() => settings(...argv), want));

test('README: the table of flags is that of the program', () => {
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const rows = [...readme.matchAll(/^\| `--([a-z-]+)`\s*\| (.*?)\s*\|/gm)].map(([, name = '', initial = '']) => [
    name,
    initial.replaceAll('`', ''),
  ]);
  assert.deepEqual(
    rows,
    Object.entries(PROGRAM.table).map(([name, { initial }]) => [name, initial]),
  );
});

const read = (text: string) => readConfig('dns.yaml', Buffer.from(text), 'cluster.local');

test('the file: stub domains and upstream servers, with and without ports', () => {
  const { stubDomains, upstreamNameservers } = read(
    'stubDomains:\n  Acme.local.: [1.2.3.4, "1.2.3.5:5353"]\nupstreamNameservers: ["2001:db8::1", "[2001:db8::2]:54"]\n',
  );
  assert.deepEqual(
    [...stubDomains],
    [
      [
        'acme.local',
        [
          { address: '1.2.3.4', port: 53 },
          { address: '1.2.3.5', port: 5_353 },
        ],
      ],
    ],
  );
  assert.deepEqual(upstreamNameservers, [
    { address: '2001:db8::1', port: 53 },
    { address: '2001:db8::2', port: 54 },
  ]);
  assert.deepEqual([read('').stubDomains.size, read('').upstreamNameservers], [0, undefined]);
  assert.equal(read('{"stubDomains": {"a.b": ["1.1.1.1"]}}').stubDomains.size, 1);
});

const BAD: readonly (readonly [text: string, want: RegExp])[] = [
  ['stubDomain: {}', /dns.yaml: 1 problem: stubDomain: unknown field, did you mean stubDomains\?/],
  ['stubDomains: {acme.local: 1.2.3.4}', /stubDomains.acme.local: want a list/],
  ['stubDomains: {acme.local: [ns.example.com]}', /stubDomains.acme.local\[0\]: want an address/],
  ['stubDomains: {a.cluster.local: [1.2.3.4]}', /is part of the cluster's domain/],
  ['stubDomains: {"a..b": [1.2.3.4]}', /is no domain/],
  ['upstreamNameservers: []', /upstreamNameservers: want a list/],
  ['upstreamNameservers: ["1.1.1.1:0"]', /upstreamNameservers\[0\]: want an address/],
  ['- a', /want an object/],
  ['a: [', /dns.yaml: \d+ problem/],
];
for (const [text, want] of BAD) test(`the file is wrong: ${text}`, () => assert.throws(() => read(text), want));

test('resolv.conf: name servers, and nothing else of it', () => {
  const text =
    '# nameserver 9.9.9.9\nsearch a b\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1 # no\nnameserver nonsense\nnameserver fe80::1%eth0\noptions ndots:2\n';
  assert.deepEqual(readResolvConf(text), [
    { address: '192.0.2.1', port: 53 },
    { address: '2001:db8::1', port: 53 },
  ]);
});

test('files are read again: a change counts, nonsense does not, and is told', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'kijabi-dns-'));
  t.after(() => rm(dir, { recursive: true }));
  const file = join(dir, 'dns.yaml');
  await writeFile(file, 'upstreamNameservers: [192.0.2.1]\n');
  const clock = new SystemClock();
  const lines: string[] = [];
  const stop = new AbortController();
  t.after(() => stop.abort());
  // Never half of it: an emptied file is a configuration too.
  const replace = async (text: string): Promise<void> => {
    await writeFile(`${file}.new`, text);
    await rename(`${file}.new`, file);
  };
  const own = { ...settings('--config', file), reloadMs: 5 };
  const changes: Watched[] = [];
  const told = { failed: Promise.withResolvers<void>(), changed: Promise.withResolvers<void>() };
  const watching = watchUpstreams(
    {
      settings: own,
      now: await readUpstreams(own),
      clock,
      log: makeLogger({ write: (line) => lines.push(line), clock }),
      onChange: (now) => (changes.push(now), told.changed.resolve()),
      onFailure: () => told.failed.resolve(),
    },
    stop.signal,
  );
  await replace('upstreamNameservers: nonsense\n');
  await told.failed.promise;
  assert.equal(changes.length, 0);
  await replace('upstreamNameservers: [192.0.2.2]\n');
  await told.changed.promise;
  assert.deepEqual(changes[0]?.upstreams, [{ address: '192.0.2.2', port: 53 }]);
  stop.abort();
  await watching;
  assert.match(lines.join('\n'), /<4>Cannot use the changed configuration, going on with the old one/);
});
