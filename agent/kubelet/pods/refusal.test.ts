import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeRefusal } from './refusal.ts';

const node = { security: { seccompDefault: false, seccompDir: '/', appArmor: false }, allowedUnsafeSysctls: ['kernel.msg*'] };
const OLD = { supplementalGroupsPolicy: false, recursiveReadOnly: new Set<string>() };
const NEW = { ...OLD, supplementalGroupsPolicy: true };

for (const [name, securityContext, features, want] of [
  ['asks for nothing', undefined, OLD, undefined],
  ['an unsafe sysctl', { sysctls: [{ name: 'net.core.somaxconn', value: '1' }] }, OLD, 'SysctlForbidden'],
  ['one that the configuration allows', { sysctls: [{ name: 'kernel.msgmax', value: '1' }] }, OLD, undefined],
  ['AppArmor on a kernel without it', { appArmorProfile: { type: 'RuntimeDefault' as const } }, OLD, 'AppArmor'],
  [
    'strict groups with a runtime that does not know them',
    { supplementalGroupsPolicy: 'Strict' as const },
    OLD,
    'SupplementalGroupsPolicyNotSupported',
  ],
  ['strict groups with one that does', { supplementalGroupsPolicy: 'Strict' as const }, NEW, undefined],
  ['merged groups', { supplementalGroupsPolicy: 'Merge' as const }, OLD, undefined],
] as const) {
  test(`nodeRefusal: ${name}`, () => {
    const spec = { containers: [{ name: 'c' }], ...(securityContext === undefined ? {} : { securityContext }) };
    assert.equal(nodeRefusal({ metadata: {}, spec }, node, features)?.reason, want);
  });
}
