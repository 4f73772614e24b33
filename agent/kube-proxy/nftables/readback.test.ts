import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProblem } from '../../linux/nft.ts';
import { Dialect, namedProtocol, readElements, readStructure, setsOfListing } from './readback.ts';
import { wordsOf } from './names.ts';
import { ruleForm } from './rules.ts';

const words = wordsOf('IPv4');

function elements(text: string): string[] {
  const found: string[] = [];
  readElements(text, (key, value, counters) =>
    found.push(`${key}|${value}${counters === undefined ? '' : `|${counters.packets}/${counters.bytes}`}`),
  );
  return found;
}

const inSet = (list: string): string => `table ip kube-proxy {\n\tset x {\n\t\ttype ipv4_addr\n\t\telements = { ${list} }\n\t}\n}\n`;

for (const [sentence, text, want] of [
  ['no elements', 'table ip kube-proxy {\n\tset x {\n\t\ttype ipv4_addr\n\t}\n}\n', []],
  ['several on a line', inSet('10.0.0.1, 10.0.0.2,\n\t\t\t     10.0.0.3'), ['10.0.0.1|', '10.0.0.2|', '10.0.0.3|']],
  ['what the kernel remembers', inSet('10.0.0.1 timeout 3h expires 2h59m58s'), ['10.0.0.1|']],
  [
    'verdicts',
    inSet('10.0.0.1 . tcp . 80 : goto pick/tcp/3,\n10.0.0.2 . udp . 53 : drop'),
    ['10.0.0.1 . tcp . 80|goto pick/tcp/3', '10.0.0.2 . udp . 53|drop'],
  ],
  ['counters', inSet('10.0.0.1 . 80 . 0 counter packets 3 bytes 180 : 10.1.0.1 . 8080'), ['10.0.0.1 . 80 . 0|10.1.0.1 . 8080|3/180']],
  ['counters left out', inSet('10.0.0.1 . 80 . 0 counter : 10.1.0.1 . 8080'), ['10.0.0.1 . 80 . 0|10.1.0.1 . 8080']],
  [
    'IPv6, with the IPv4 tail that libc prints',
    inSet('::1.2.3.4 . 80 . 0 counter : fd00::1 . 8080'),
    ['::102:304 . 80 . 0|fd00::1 . 8080'],
  ],
  ['a comment of others', inSet('10.0.0.1 . tcp . 80 comment "a/b:c" : drop'), ['10.0.0.1 . tcp . 80|drop']],
] as const) {
  test(`readElements: ${sentence}`, () => assert.deepEqual(elements(text), want));
}

test('setsOfListing: each set and map of a table by its name, chains are none', () => {
  const listing = [
    'table ip kube-proxy {\n\tcomment "rules for kube-proxy"\n',
    '\tset cluster-ips {\n\t\ttype ipv4_addr\n\t\tcomment "x"\n\t\telements = { 10.96.0.1,\n\t\t\t     10.96.0.2 }\n\t}\n',
    '\tmap empty {\n\t\ttype ipv4_addr : verdict\n\t}\n',
    '\tmap one {\n\t\ttype inet_service : verdict\n\t\telements = { 80 : drop }\n\t}\n',
    '\tchain services {\n\t\tip daddr vmap { 10.0.0.1 : drop }\n\t}',
    '}\n',
  ].join('\n');
  const found = [...setsOfListing(listing)].map(([name, text]) => [name, elements(text)]);
  assert.deepEqual(found, [
    ['cluster-ips', ['10.96.0.1|', '10.96.0.2|']],
    ['empty', []],
    ['one', ['80|drop']],
  ]);
  assert.deepEqual([...setsOfListing('table ip kube-proxy {\n}\n')], []);
});

test('namedProtocol: numbers where /etc/protocols is missing', () => {
  assert.equal(namedProtocol('10.0.0.1 . 6 . 80', 1), '10.0.0.1 . tcp . 80');
  assert.equal(namedProtocol('17 . 30053', 0), 'udp . 30053');
  assert.equal(namedProtocol('10.0.0.1 . tcp . 6', 1), '10.0.0.1 . tcp . 6');
});

test('readStructure: our table only, in our family only', () => {
  const { exists, chains, sets } = readStructure(
    [
      { metainfo: { version: '1.0.6' } },
      { table: { family: 'ip', name: 'kube-proxy', handle: 1 } },
      { chain: { family: 'ip', table: 'kube-proxy', name: 'nat-output', type: 'nat', hook: 'output', prio: -100, policy: 'accept' } },
      { chain: { family: 'ip', table: 'nat', name: 'nat-output' } },
      { chain: { family: 'ip6', table: 'kube-proxy', name: 'other' } },
      { set: { family: 'ip', table: 'kube-proxy', name: 'cluster-ips', type: 'ipv4_addr' } },
      { rule: { family: 'ip', table: 'kube-proxy', chain: 'nat-output', expr: [{ jump: { target: 'services' } }] } },
      { rule: { family: 'ip', table: 'kube-proxy', chain: 'nat-output', expr: [{ counter: { packets: 7, bytes: 420 } }, { drop: null }] } },
    ],
    words,
  );
  assert.equal(exists, true);
  assert.deepEqual(
    [...chains],
    [
      [
        'nat-output',
        {
          hook: { type: 'nat', hook: 'output', priority: -100 },
          forms: ['[{"jump":{"target":"services"}}]', ruleForm([{ kind: 'count' }, { kind: 'drop' }], words)],
          counters: [undefined, { packets: '7', bytes: '420' }],
        },
      ],
    ],
  );
  assert.deepEqual([...sets], [['cluster-ips', { kind: 'set', form: 'ipv4_addr :  0' }]]);
});

test('Dialect: another way to print a rule is learnt from what is printed right after writing it', () => {
  const dialect = new Dialect(words);
  const def = { rules: [[{ kind: 'reject' }]] } as const;
  const printed = { forms: ['[{"reject":null}]'] };
  assert.equal(dialect.sameRules(printed, def), false);
  dialect.learn(printed, def);
  assert.equal(dialect.sameRules(printed, def), true);
  assert.equal(dialect.sameRules({ forms: ['[{"drop":null}]'] }, def), false);
  assert.equal(dialect.sameRules({ forms: [...printed.forms, ...printed.forms] }, def), false);
});

const COMMANDS = 'add table ip t; delete element ip t m { 1.2.3.4 }; add table ip u';
for (const [sentence, text, want] of [
  ['nothing wrong', '{"nftables": []}', undefined],
  [
    'an element in the middle of a transaction',
    `Error: Could not process rule: No such file or directory\n${COMMANDS}\n${' '.repeat(COMMANDS.indexOf('1.2.3.4'))}^^^^^^^`,
    { reason: 'Could not process rule: No such file or directory', rule: 'delete element ip t m 1.2.3.4' },
  ],
  [
    'a line of a file',
    '/dev/stdin:3:18-27: Error: syntax error, unexpected string\nadd chain ip t x bad-thing-x\n                 ^^^^^^^^^^^',
    { reason: 'syntax error, unexpected string', rule: 'add chain ip t x bad-thing-x' },
  ],
  [
    'without a place',
    'Error: Operation not permitted (you must be root)\nnetlink: x',
    { reason: 'Operation not permitted (you must be root)' },
  ],
] as const) {
  test(`parseProblem: ${sentence}`, () => assert.deepEqual(parseProblem(text), want));
}
