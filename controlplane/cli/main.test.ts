import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { COMMANDS, nearest } from './commands.ts';
import type { Io } from './io.ts';
import { runCli } from './main.ts';
import { parseStart } from './startOptions.ts';

interface Said {
  readonly io: Io;
  readonly out: () => string;
  readonly err: () => string;
}

function listen(over: Partial<Io> = {}): Said {
  const said = { out: '', err: '' };
  const io: Io = {
    out: (text) => void (said.out += text),
    err: (text) => void (said.err += text),
    env: {},
    clock: new ManualClock(),
    signal: new AbortController().signal,
    hurry: new AbortController().signal,
    columns: { out: undefined, err: undefined },
    ...over,
  };
  return { io, out: () => said.out, err: () => said.err };
}

const rows: [why: string, argv: string[], code: number, out: RegExp, err: RegExp][] = [
  ['nothing: the list, as a mistake', [], 2, /^$/, /Usage: kijabi COMMAND/],
  ['help', ['--help'], 0, /start .*\n.*down/, /^$/],
  ['version', ['--version'], 0, /^kijabi \d+\.\d+\.\d+\n$/, /^$/],
  ['a slip of the finger', ['strat'], 2, /^$/, /unknown command "strat": did you mean start\?/],
  ['half a word', ['desc'], 2, /^$/, /did you mean describe\?/],
  ['something else altogether', ['fly'], 2, /^$/, /kijabi --help lists them/],
  [
    'an unknown flag',
    ['start', '--manifest', '/x'],
    2,
    /^$/,
    /^kijabi start: Unknown option '--manifest'; kijabi start --help lists the flags\n$/,
  ],
  ['a word too much', ['env', 'extra'], 2, /^$/, /extra/],
  ['flags that exclude each other', ['start', '--once', '--detach'], 2, /^$/, /--once and --detach exclude each other/],
  [
    'a manifest directory that is not there',
    ['start', '--manifests', '/no/such/place'],
    1,
    /^$/,
    /\/no\/such\/place is not there.*MANIFESTS_MISSING/,
  ],
  [
    'a service directory that is not there',
    ['start', '--services', '/no/such/place'],
    1,
    /^$/,
    /--services: .* is not there.*SERVICES_MISSING/,
  ],
  ['explain what?', ['explain'], 2, /^$/, /say what to explain: service, packet or drift/],
  ['explain something else', ['explain', 'weather', 'x'], 2, /^$/, /"x" is a word too much/],
  ['explain a service without a name', ['explain', 'service'], 2, /^$/, /want one NAME/],
  ['explain a packet from nowhere', ['explain', 'packet', '--to', '10.0.0.1:80'], 2, /^$/, /want --from IP and --to IP:PORT/],
  ['explain in another form', ['explain', 'drift', '-o', 'yaml'], 2, /^$/, /want json or text, got "yaml"/],
  [
    'explain without a proxy',
    ['explain', 'service', 'web', '--socket', '/no/such/socket'],
    1,
    /^$/,
    /No kube-proxy answers on \/no\/such\/socket .*is this its --socket\?.*PROXY_UNREACHABLE/,
  ],
  ['a manifest directory that is a file', ['start', '--manifests', '/dev/null'], 1, /^$/, /no directory/],
  [
    'env without a node: nothing on stdout',
    ['env', '--name', 'no-such-node'],
    1,
    /^$/,
    /No node no-such-node runs here: start it with kijabi start --name no-such-node/,
  ],
];
for (const [why, argv, code, out, err] of rows) {
  test(`kijabi: ${why}`, async () => {
    const said = listen();
    assert.equal(await runCli(argv, said.io), code);
    assert.match(said.out(), out);
    assert.match(said.err(), err);
  });
}

test('kijabi: every command explains itself on stdout', async () => {
  for (const { name } of COMMANDS) {
    const said = listen();
    assert.equal(await runCli([name, '--help'], said.io), 0, name);
    assert.match(said.out(), /Usage:/, name);
    assert.equal(said.err(), '', name);
  }
});

test('nearest: a swap, a letter too few, too many, a beginning; not just anything', () => {
  const names = ['start', 'down', 'describe'];
  const found = ['sart', 'strat', 'startt', 'dwon', 'de', 'xyz', ''].map((typed) => nearest(typed, names));
  assert.deepEqual(found, ['start', 'start', 'start', 'down', 'describe', undefined, undefined]);
});

test('parseStart: what is left out', () => {
  assert.deepEqual(parseStart([], 'Worker-1'), {
    help: false,
    mode: 'foreground',
    json: false,
    nodes: 1,
    name: 'kijabi',
    nodeName: 'worker-1',
    manifestsDir: undefined,
    servicesDir: undefined,
    port: undefined,
    podSubnet: undefined,
    registries: 'try',
    withinMs: 120_000,
    reportFd: undefined,
  });
});

const refused: [why: string, argv: string[], text: RegExp, hostname?: string][] = [
  ['a port that is none', ['--port', '0'], /--port: want a whole number from 1 to 65535, got "0"/],
  ['a port with words', ['--port', '80a'], /got "80a"/],
  ['no time at all', ['--timeout', '0'], /--timeout/],
  ['a name for no node', ['--name', 'A_b'], /lower-case letters/],
  ['a node name with blanks', ['--node-name', 'my node'], /--node-name: cannot use "my node"/],
  ['a host name that is none', [], /host's name "my_host".*--node-name/, 'my_host'],
];
for (const [why, argv, text, hostname = 'vm'] of refused) {
  test(`parseStart: ${why}`, () => assert.throws(() => parseStart(argv, hostname), text));
}
