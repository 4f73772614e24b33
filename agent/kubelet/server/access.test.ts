import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { asked, parseTarget } from './access.ts';

const ROWS: readonly (readonly [method: string, path: string, verb: string, ...subresources: string[]])[] = [
  ['GET', '/pods', 'get', 'pods', 'proxy'],
  ['GET', '/pods/', 'get', 'pods', 'proxy'],
  ['GET', '/runningpods/', 'get', 'pods', 'proxy'],
  ['GET', '/healthz', 'get', 'healthz', 'proxy'],
  ['GET', '/healthz/syncloop', 'get', 'healthz', 'proxy'],
  ['GET', '/configz', 'get', 'configz', 'proxy'],
  ['GET', '/stats/summary', 'get', 'stats'],
  ['POST', '/stats/summary', 'create', 'stats'],
  ['GET', '/metrics', 'get', 'metrics'],
  ['HEAD', '/metrics', 'get', 'metrics'],
  ['GET', '/metrics/cadvisor', 'get', 'metrics'],
  ['GET', '/logs/', 'get', 'log'],
  ['GET', '/containerLogs/a/b/c', 'get', 'proxy'],
  ['POST', '/exec/a/b/c', 'create', 'proxy'],
  ['GET', '/exec/a/b/c', 'create', 'proxy'],
  ['HEAD', '/exec/a/b/c', 'create', 'proxy'],
  ['BREW', '/exec/a/b/c', 'create', 'proxy'],
  ['GET', '/attach/a/b/c', 'create', 'proxy'],
  ['GET', '/portForward/a/b', 'create', 'proxy'],
  ['GET', '/run/a/b/c', 'create', 'proxy'],
  ['GET', '/execute', 'get', 'proxy'],
  ['GET', '/%65xec/a/b/c', 'create', 'proxy'],
  ['GET', '/exec?x=/pods', 'create', 'proxy'],
  ['GET', '/toString', 'get', 'proxy'],
  ['PUT', '/run/a/b/c', 'create', 'proxy'],
  ['PUT', '/pods', 'update', 'pods', 'proxy'],
  ['DELETE', '/logs/x', 'delete', 'log'],
];
for (const [method, path, verb, ...subresources] of ROWS)
  test(`${method} ${path} asks for ${verb} on nodes/${subresources.join(' or nodes/')}`, () =>
    assert.deepEqual(asked(method, parseTarget(path)?.segments[0] ?? 'none'), { verb, subresources }));

test('a method that is none asks for nothing', () => assert.equal(asked('BREW', 'pods'), undefined));

for (const url of [
  '//exec/a/b/c',
  '/pods/../exec/a/b/c',
  '/./exec',
  '/%2e%2e/exec',
  '/%2fexec',
  '/logs/%00',
  '/%',
  'exec',
  '',
  'http://x/exec',
])
  test(`${url} is no path`, () => assert.equal(parseTarget(url), undefined));

test('a path is read into the segments that were meant, whatever they hold', () => {
  const segment = fc.string({ minLength: 1 }).filter((s) => s !== '.' && s !== '..' && !/[/\0]/.test(s));
  fc.assert(
    fc.property(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean(), (segments, slash) => {
      const url = `/${segments.map(encodeURIComponent).join('/')}${slash ? '/' : ''}?a=1`;
      assert.deepEqual(parseTarget(url)?.segments, slash ? [...segments, ''] : segments);
      assert.equal(parseTarget(url)?.query.get('a'), '1');
    }),
    { numRuns: 300 },
  );
});
