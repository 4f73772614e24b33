/** The admission plugins of this server in the order in which they run, and which of them are on. Source: the order and defaults of Kubernetes 1.36. */
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { RbacAuthorizer } from '../authz/rbac.ts';
import type { WatchCache } from '../cache/watchCache.ts';
import type { Registry } from '../registry/registry.ts';
import type { AdmissionPlugin } from './chain.ts';
import * as certificates from './certificates.ts';
import { limitRanger } from './limitRanger.ts';
import { namespaceLifecycle } from './namespaceLifecycle.ts';
import { nodeRestriction } from './nodeRestriction.ts';
import { podSecurity } from './podSecurity.ts';
import * as pods from './pods.ts';
import { rbacEscalation } from './rbacEscalation.ts';
import { resourceQuota } from './resourceQuota.ts';
import { serviceAccount } from './serviceAccount.ts';
import * as storage from './storageAndNodes.ts';

export interface PluginParts {
  readonly registry: Registry;
  readonly authorizer: Authorizer;
  readonly rbac: RbacAuthorizer;
  /** Resolves when the caches hold everything that was acknowledged before. */
  readonly cache: Pick<WatchCache, 'fresh'>;
  readonly clock: Clock;
  readonly randomText: (characters: number) => string;
}

/** In order. A plugin that is not on by default has to be asked for. */
const PLUGINS: readonly (readonly [name: string, state: 'on' | 'off', make: (parts: PluginParts) => AdmissionPlugin])[] = [
  ['NamespaceLifecycle', 'on', namespaceLifecycle],
  ['LimitRanger', 'on', limitRanger],
  ['ServiceAccount', 'on', serviceAccount],
  // Differs: upstream has it off until asked for, and every installer asks for it. It concerns nobody but nodes.
  ['NodeRestriction', 'on', nodeRestriction],
  ['TaintNodesByCondition', 'on', storage.taintNodesByCondition],
  ['AlwaysPullImages', 'off', pods.alwaysPullImages],
  ['Priority', 'on', pods.priority],
  ['DefaultTolerationSeconds', 'on', pods.defaultTolerationSeconds],
  ['DefaultStorageClass', 'on', storage.defaultStorageClass],
  ['StorageObjectInUseProtection', 'on', storage.storageObjectInUseProtection],
  ['PersistentVolumeClaimResize', 'on', storage.persistentVolumeClaimResize],
  ['RuntimeClass', 'on', pods.runtimeClass],
  ['DefaultIngressClass', 'on', storage.defaultIngressClass],
  ['PodSecurity', 'on', podSecurity],
  ['CertificateApproval', 'on', certificates.certificateApproval],
  ['CertificateSigning', 'on', certificates.certificateSigning],
  ['CertificateSubjectRestriction', 'on', certificates.certificateSubjectRestriction],
  // Last: what it counts must be what is stored.
  ['ResourceQuota', 'on', resourceQuota],
];

export function admissionPlugins(
  parts: PluginParts & { readonly enable: readonly string[]; readonly disable: readonly string[] },
): readonly AdmissionPlugin[] {
  const names = PLUGINS.map(([name]) => name);
  for (const [flag, asked] of [
    ['--enable-admission-plugins', parts.enable],
    ['--disable-admission-plugins', parts.disable],
  ] as const) {
    const unknown = asked.filter((name) => !names.includes(name));
    if (unknown.length > 0) {
      throw new AppError('ADMISSION_PLUGIN', `Cannot use ${flag}: ${unknown.join(', ')} is unknown; this server has ${names.join(', ')}`);
    }
  }
  const isOn = ([name, state]: readonly [string, 'on' | 'off', ...unknown[]]): boolean =>
    (state === 'on' || parts.enable.includes(name)) && !parts.disable.includes(name);
  return [rbacEscalation(parts), ...PLUGINS.filter(isOn).map(([, , make]) => make(parts))];
}
