import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  asPrefix,
  cIdentifier,
  configMapKey,
  dns1035Label,
  dns1123Label,
  dns1123Subdomain,
  envName,
  httpHeaderName,
  labelValue,
  pathSegmentName,
  percentText,
  portName,
  portNumber,
  qualifiedName,
  wildcardDns1123Subdomain,
  type NameCheck,
} from './names.ts';

const GOOD: [check: NameCheck, names: string[]][] = [
  [dns1123Label, ['a', 'a-b', '1a', 'a'.repeat(63)]],
  [dns1123Subdomain, ['a', 'a.b', '1.2', 'x'.repeat(253)]],
  [dns1035Label, ['a', 'a-1', 'a'.repeat(63)]],
  [wildcardDns1123Subdomain, ['*.a.b']],
  [qualifiedName, ['a', 'A_b.c-d', 'example.com/Name', 'a/b', `${'x'.repeat(253)}/${'y'.repeat(63)}`]],
  [labelValue, ['', 'a', 'A.b_c-1', 'x'.repeat(63)]],
  [portName, ['http', 'a1', 'x'.repeat(15), '1a']],
  [envName, ['A', 'a b', '1', 'MY.env-name', '%']],
  [cIdentifier, ['_', 'a1']],
  [configMapKey, ['a', '.a', 'A_b-c.d', '-']],
  [httpHeaderName, ['X-Y']],
  [percentText, ['1%', '100%']],
  [pathSegmentName, ['system:node', 'a b', '...']],
];
const BAD: [check: NameCheck, names: string[]][] = [
  [dns1123Label, ['', 'A', '-a', 'a-', 'a_b', 'a.b', 'a\n', 'a'.repeat(64)]],
  [dns1123Subdomain, ['', 'A', 'a..b', '.a', 'a.', 'a_b', 'x'.repeat(254)]],
  [dns1035Label, ['', '1a', 'a-', 'A', 'a.b', 'a'.repeat(64)]],
  [wildcardDns1123Subdomain, ['a.b', '*', '*.', '*.*.a', 'a.*']],
  [qualifiedName, ['', '-a', 'a-', 'a b', '/a', 'a/', 'a/b/c', 'A.b/c', '__proto__', 'a\n', 'y'.repeat(64)]],
  [labelValue, ['-', 'a b', 'a/b', '_a', 'x'.repeat(64)]],
  [portName, ['', 'HTTP', '80', 'a--b', '-a', 'a-', 'a_b', 'x'.repeat(16)]],
  [envName, ['', 'a=b', 'ä', 'a\tb', '\u0000']],
  [cIdentifier, ['', '1a', 'a-b']],
  [configMapKey, ['', '.', '..', '..a', 'a/b', 'a b', 'x'.repeat(254)]],
  [httpHeaderName, ['', 'a_b', 'a b']],
  [percentText, ['', '1', '%', '-1%', '1.5%']],
  [pathSegmentName, ['.', '..', 'a/b', 'a%b']],
];

test('names: what is allowed', () => {
  for (const [check, names] of GOOD) for (const name of names) assert.deepEqual(check(name), [], `${check.name} ${JSON.stringify(name)}`);
});

test('names: what is refused', () => {
  for (const [check, names] of BAD) for (const name of names) assert.notDeepEqual(check(name), [], `${check.name} ${JSON.stringify(name)}`);
});

test('names: the texts are the ones people search for', () => {
  assert.deepEqual(dns1123Label('My_Name'), [
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  ]);
  assert.deepEqual(dns1123Label('a.b'), ['must not contain dots']);
  assert.deepEqual(dns1123Label(`${'a'.repeat(63)}.b`), ['must be no more than 63 characters', 'must not contain dots']);
  assert.deepEqual(qualifiedName('example.com/'), [
    'name part must be non-empty',
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  ]);
  assert.deepEqual(portName('80'), ['must contain at least one letter (a-z)']);
  assert.deepEqual(portNumber(0), ['must be between 1 and 65535, inclusive']);
});

test('asPrefix: generateName may end in a dash', () => {
  assert.deepEqual(asPrefix(dns1123Label)('web-'), []);
  assert.notDeepEqual(asPrefix(dns1123Label)('-'), []);
  assert.notDeepEqual(asPrefix(dns1123Label)('Web-'), []);
});
