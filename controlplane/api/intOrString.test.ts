import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentOf, resolvePort, scaledValue } from './intOrString.ts';

test('scaledValue: a number is itself, a percentage is of the total, in the direction asked for', () => {
  assert.equal(scaledValue(3, 10, 'up'), 3);
  assert.equal(scaledValue('25%', 10, 'up'), 3);
  assert.equal(scaledValue('25%', 10, 'down'), 2);
  assert.equal(scaledValue('0%', 10, 'up'), 0);
  assert.equal(scaledValue('x', 10, 'up'), undefined);
  assert.deepEqual(['1%', '100%', '1', '%', '-1%', 5].map(percentOf), [1, 100, undefined, undefined, undefined, undefined]);
});

test('resolvePort: by number, by name, by a number written as a text', () => {
  const ports = [{ name: 'http', containerPort: 8080 }, { containerPort: 9 }];
  assert.equal(resolvePort(80, ports), 80);
  assert.equal(resolvePort('http', ports), 8080);
  assert.equal(resolvePort('81', ports), 81);
  assert.equal(resolvePort('https', ports), undefined);
});
