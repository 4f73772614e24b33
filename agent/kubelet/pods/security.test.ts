import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '#api/kinds/core/container.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { PodSecurityContext, SecurityContext } from '#api/kinds/core/security.ts';
import { appArmorRefusal, checkNonRoot, containerSecurity, sandboxSecurity, type ImageUser, type SecurityPolicy } from './security.ts';

const POLICY: SecurityPolicy = { seccompDefault: false, seccompDir: '/var/lib/kubelet/seccomp', appArmor: false };
const podOf = (pod: PodSecurityContext, container: SecurityContext = {}, spec: object = {}): [Pod, Container] => {
  const c: Container = { name: 'c', securityContext: container };
  return [{ metadata: { name: 'p', uid: 'u' }, spec: { containers: [c], securityContext: pod, ...spec } }, c];
};
const told = (
  pod: PodSecurityContext,
  container: SecurityContext = {},
  policy = POLICY,
  image: ImageUser = {},
): Record<string, unknown> => {
  const all = containerSecurity(...podOf(pod, container), policy, { image }) as Record<string, unknown>;
  return Object.fromEntries(Object.entries(all).filter(([k]) => !['masked_paths', 'readonly_paths', 'namespace_options'].includes(k)));
};
const NOTHING = {
  privileged: false,
  readonly_rootfs: false,
  no_new_privs: false,
  supplemental_groups: [],
  seccomp: { profile_type: 'Unconfined' },
};

const ROWS: readonly (readonly [name: string, got: object, want: object])[] = [
  ['nothing said is nothing asked', told({}), NOTHING],
  [
    "the container's word counts before the pod's",
    told({ runAsUser: 1, runAsGroup: 2 }, { runAsUser: 3 }),
    { ...NOTHING, run_as_user: { value: 3 }, run_as_group: { value: 2 } },
  ],
  [
    "a group alone goes with the image's user",
    told({}, { runAsGroup: 5 }, POLICY, { uid: 7 }),
    { ...NOTHING, run_as_user: { value: 7 }, run_as_group: { value: 5 } },
  ],
  [
    "a group alone goes with the image's user by name",
    told({}, { runAsGroup: 5 }, POLICY, { username: 'www' }),
    { ...NOTHING, run_as_username: 'www', run_as_group: { value: 5 } },
  ],
  [
    'fsGroup and supplemental groups are groups of the process',
    told({ fsGroup: 9, supplementalGroups: [10, 11] }),
    { ...NOTHING, supplemental_groups: [9, 10, 11] },
  ],
  [
    'allowPrivilegeEscalation false, and only that, sets no_new_privs',
    told({}, { allowPrivilegeEscalation: false }),
    { ...NOTHING, no_new_privs: true },
  ],
  [
    'capabilities',
    told({}, { capabilities: { add: ['NET_ADMIN'], drop: ['ALL'] } }),
    { ...NOTHING, capabilities: { add_capabilities: ['NET_ADMIN'], drop_capabilities: ['ALL'] } },
  ],
  [
    'seccompDefault is for those who name no profile',
    told({}, {}, { ...POLICY, seccompDefault: true }),
    { ...NOTHING, seccomp: { profile_type: 'RuntimeDefault' } },
  ],
  [
    'Unconfined stays so with seccompDefault',
    told({ seccompProfile: { type: 'Unconfined' } }, {}, { ...POLICY, seccompDefault: true }),
    NOTHING,
  ],
  [
    "a Localhost profile lies in the kubelet's directory",
    told({ seccompProfile: { type: 'Localhost', localhostProfile: 'a/b.json' } }),
    { ...NOTHING, seccomp: { profile_type: 'Localhost', localhost_ref: '/var/lib/kubelet/seccomp/a/b.json' } },
  ],
  ['no AppArmor profile is sent to a kernel without it', told({ appArmorProfile: { type: 'Unconfined' } }), NOTHING],
  [
    'an AppArmor profile is sent to a kernel that has it',
    told({}, { appArmorProfile: { type: 'Localhost', localhostProfile: 'web' } }, { ...POLICY, appArmor: true }),
    { ...NOTHING, apparmor: { profile_type: 'Localhost', localhost_ref: 'web' } },
  ],
  [
    'SELinux',
    told({ seLinuxOptions: { level: 's0:c1' } }),
    { ...NOTHING, selinux_options: { user: undefined, role: undefined, type: undefined, level: 's0:c1' } },
  ],
];
for (const [name, got, want] of ROWS) test(`containerSecurity: ${name}`, () => assert.deepEqual(got, want));

test('sandboxSecurity: privileged when a container is; the default profile always; a group only with a user', () => {
  const [pod] = podOf({ runAsGroup: 5, seccompProfile: { type: 'Unconfined' } }, { privileged: true });
  const got = sandboxSecurity(pod);
  assert.deepEqual([got.privileged, got.seccomp, got.run_as_group], [true, { profile_type: 'RuntimeDefault' }, undefined]);
});

const WHICH = '(pod: "p_default(u)", container: c)';
for (const [name, context, image, want] of [
  ['not asked for', {}, {}, undefined],
  ['a user of the pod', { runAsNonRoot: true, runAsUser: 5 }, {}, undefined],
  ['root by the pod', { runAsNonRoot: true, runAsUser: 0 }, { uid: 7 }, `container's runAsUser breaks non-root policy ${WHICH}`],
  ['a user of the image', { runAsNonRoot: true }, { uid: 7 }, undefined],
  ['root by the image', { runAsNonRoot: true }, { uid: 0 }, `container has runAsNonRoot and image will run as root ${WHICH}`],
  ['nobody named', { runAsNonRoot: true }, {}, `container has runAsNonRoot and image will run as root ${WHICH}`],
  [
    'a name',
    { runAsNonRoot: true },
    { username: 'www' },
    `container has runAsNonRoot and image has non-numeric user (www), cannot verify user is non-root ${WHICH}`,
  ],
] as const) {
  test(`checkNonRoot: ${name}`, () => {
    const check = (): void => checkNonRoot(...podOf(context), image);
    if (want === undefined) check();
    else assert.throws(check, { message: want });
  });
}

test('appArmorRefusal: only who demands a profile is refused, and only where there is none', () => {
  const message = (type: 'RuntimeDefault' | 'Unconfined', appArmor: boolean): string | undefined =>
    appArmorRefusal(podOf({ appArmorProfile: { type } })[0], { ...POLICY, appArmor })?.message;
  assert.equal(message('RuntimeDefault', false), 'Cannot enforce AppArmor: AppArmor is not enabled on the host');
  assert.deepEqual([message('RuntimeDefault', true), message('Unconfined', false)], [undefined, undefined]);
});
