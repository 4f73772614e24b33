import assert from 'node:assert/strict';
import { test } from 'node:test';
import { subPathOf } from './plan.ts';

const VARIABLES = new Map([
  ['NAME', 'web-0'],
  ['UP', '../etc'],
  ['ROOT', '/etc'],
  ['EMPTY', ''],
]);
const of = (mount: object): string | undefined => {
  try {
    return subPathOf({ name: 'v', mountPath: '/v', ...mount }, VARIABLES);
  } catch (err) {
    return `refused: ${(err as Error).message}`;
  }
};

for (const [name, mount, want] of [
  ['neither: the whole volume', {}, undefined],
  ['an empty one: the whole volume', { subPath: '' }, undefined],
  ['a path as it is written', { subPath: 'a/$(NAME)' }, 'a/$(NAME)'],
  ['an expression with a variable', { subPathExpr: 'logs/$(NAME)' }, 'logs/web-0'],
  ['a doubled dollar is one', { subPathExpr: '$$(NAME)' }, '$(NAME)'],
  ['a variable that is empty: the whole volume', { subPathExpr: '$(EMPTY)' }, undefined],
  ['a variable that is not there', { subPathExpr: '$(NAME)/$(NO)' }, 'refused: missing value for "NO"'],
  ['a variable that leads upwards', { subPathExpr: 'a/$(UP)' }, "refused: unable to provision SubPath `a/../etc`: must not contain '..'"],
  ['a variable that leads away', { subPathExpr: '$(ROOT)' }, 'refused: error SubPath `/etc` must not be an absolute path'],
] as const) {
  test(`subPathOf: ${name}`, () => assert.equal(of(mount), want));
}
