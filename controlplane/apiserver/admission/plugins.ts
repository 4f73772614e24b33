/** The admission plugins of this server in the order in which they run, and which of them are on. Source: the order and defaults of Kubernetes 1.36. */
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Authorizer } from '../authz/authorizer.ts';
import type { RbacAuthorizer } from '../authz/rbac.ts';
import type { WatchCache } from '../cache/watchCache.ts';
import type { Registry } from '../registry/registry.ts';
import type { AdmissionPlugin } from './chain.ts';
import { namespaceLifecycle } from './namespaceLifecycle.ts';
import { nodeRestriction } from './nodeRestriction.ts';

export interface PluginParts {
  readonly registry: Registry;
  readonly authorizer: Authorizer;
  readonly rbac: RbacAuthorizer;
  readonly cache: WatchCache;
  readonly clock: Clock;
  readonly randomText: (characters: number) => string;
}

/** In order. A plugin that is not on by default has to be asked for. */
const PLUGINS: readonly (readonly [name: string, state: 'on' | 'off', make: (parts: PluginParts) => AdmissionPlugin])[] = [
  ['NamespaceLifecycle', 'on', namespaceLifecycle],
  // Differs: upstream has it off until asked for, and every installer asks for it. It concerns nobody but nodes.
  ['NodeRestriction', 'on', nodeRestriction],
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
  return PLUGINS.filter(isOn).map(([, , make]) => make(parts));
}
