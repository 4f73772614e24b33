/**
 * Profiles out of a configuration: which plugins, in which order, with which arguments and weights. Pure.
 *
 * As upstream: the default plugins stand in multiPoint; "disabled" takes out, "enabled" adds at the end, and single extension points win over
 * multiPoint. A plugin's two halves of one thing (preFilter and filter, preScore and score) go together.
 * Throws: AppError CONFIG_INVALID.
 */
import type { Profile, Weighted } from '../core/decide.ts';
import type { Plugin } from '../core/plugin.ts';
import type { PreemptOptions } from '../core/preempt.ts';
import { NO_STORAGE, type PluginHandle } from '../core/storage.ts';
import { BUILT_IN, DEFAULT_SCHEDULER, DEFAULT_WEIGHTS, type PluginFactory } from '../plugins/profile.ts';
import { refuse } from './load.ts';
import type { KubeSchedulerConfiguration, Point, ProfileConfig } from './schedulerConfiguration.ts';

export interface BuiltProfile extends Profile {
  /** undefined: nobody is pushed out. */
  readonly preemption: Pick<PreemptOptions, 'minCandidateNodesAbsolute' | 'minCandidateNodesPercentage'> | undefined;
}

export interface Ingredients {
  readonly factories?: ReadonlyMap<string, PluginFactory>;
  readonly handle?: PluginHandle;
}

const PREEMPTION = 'DefaultPreemption';
const FIT = 'NodeResourcesFit';
/** Part of the scheduler itself; they can neither be moved nor replaced. */
const FIXED = ['PrioritySort', 'DefaultBinder'];
/** Names of upstream that may be taken out of a profile, because they are not in it. */
const ABSENT = [
  'DynamicResources',
  'DeferredPodScheduling',
  'GangScheduling',
  'NodeDeclaredFeatures',
  'PodGroupPodsCount',
  'TopologyPlacementGenerator',
];

export function profilesOf(
  config: KubeSchedulerConfiguration,
  { factories = BUILT_IN, handle = NO_STORAGE }: Ingredients = {},
): readonly BuiltProfile[] {
  const problems: string[] = [];
  const profiles = (config.profiles ?? [{}]).map((profile) => build({ profile, config, factories, handle }, problems));
  if (problems.length > 0) throw refuse(problems);
  return profiles;
}

interface Given extends Required<Ingredients> {
  readonly profile: ProfileConfig;
  readonly config: KubeSchedulerConfiguration;
}

function build({ profile, config, factories, handle }: Given, problems: string[]): BuiltProfile {
  const { schedulerName = DEFAULT_SCHEDULER, pluginConfig = [] } = profile;
  const say = (text: string): void => void problems.push(`profile ${schedulerName}: ${text}`);
  const choice = new Choice(profile, factories, say);
  const args = new Map(pluginConfig.map(({ name, args }) => [name, args ?? {}]));
  for (const name of args.keys()) if (!factories.has(name) && name !== PREEMPTION) say(`pluginConfig: there is no plugin ${name}`);
  const made = new Map<string, Plugin>();
  for (const name of choice.used) {
    try {
      const plugin = factories.get(name)?.(name === FIT ? withIgnored(args.get(name), config) : (args.get(name) ?? {}), handle);
      if (plugin !== undefined) made.set(name, plugin);
    } catch (err) {
      say(`plugin ${name}: ${err instanceof Error ? err.message : String(err)}`);
    }
  }
  const at = (point: Point): readonly Plugin[] => choice.at(point).flatMap((name) => made.get(name) ?? []);
  const filters = at('filter').filter((p) => p.filter !== undefined);
  const scores: Weighted[] = at('score')
    .filter((p) => p.score !== undefined)
    .map((plugin) => ({ plugin, weight: choice.weightOf(plugin.name) }));
  const percentage = profile.percentageOfNodesToScore ?? config.percentageOfNodesToScore;
  return {
    schedulerName,
    filters,
    scores,
    plugins: [...made.values()],
    ...(percentage === undefined || percentage === 0 ? {} : { percentageOfNodesToScore: percentage }),
    preemption: choice.at('postFilter').includes(PREEMPTION) ? (args.get(PREEMPTION) ?? {}) : undefined,
  };
}

/** Resources that an extender looks after alone. Source: as upstream, they take the place of those in the arguments. */
function withIgnored(
  args: Readonly<Record<string, unknown>> = {},
  { extenders = [] }: KubeSchedulerConfiguration,
): Readonly<Record<string, unknown>> {
  const names = extenders.flatMap(({ managedResources = [] }) =>
    managedResources.filter((r) => r.ignoredByScheduler === true).map((r) => r.name),
  );
  return names.length === 0 ? args : { ...args, ignoredResources: names };
}

class Choice {
  readonly #sets: NonNullable<ProfileConfig['plugins']>;
  readonly #everywhere: readonly string[];

  constructor(profile: ProfileConfig, factories: ReadonlyMap<string, PluginFactory>, say: (text: string) => void) {
    const sets = profile.plugins ?? {};
    this.#sets = sets;
    const known = [...factories.keys(), PREEMPTION];
    for (const [point, set] of Object.entries(sets) as [Point, NonNullable<(typeof sets)[Point]>][]) {
      for (const { name } of set.enabled ?? []) {
        if (FIXED.includes(name) || known.includes(name)) continue;
        say(`plugins.${point}.enabled: there is no plugin ${name}${ABSENT.includes(name) ? ' here' : ''}; there are ${known.join(', ')}`);
      }
      for (const { name } of set.disabled ?? []) {
        const fixed = FIXED.includes(name) && !(set.enabled ?? []).some((e) => e.name === name);
        if (fixed) say(`plugins.${point}.disabled: ${name} is part of the scheduler`);
        else if (name !== '*' && !known.includes(name) && !ABSENT.includes(name) && !FIXED.includes(name))
          say(`plugins.${point}.disabled: there is no plugin ${name}`);
      }
    }
    for (const point of ['permit', 'postBind'] as const)
      if ((sets[point]?.enabled ?? []).length > 0) say(`plugins.${point}: plugins have no such part here`);
    for (const [first, second] of [
      ['preFilter', 'filter'],
      ['preScore', 'score'],
    ] as const)
      for (const { name } of sets[first]?.disabled ?? [])
        if (sets[second]?.disabled?.some((d) => d.name === name || d.name === '*') !== true)
          say(`plugins.${first}.disabled: ${name} is still in ${second}: the two go together, take it out of both`);
    // Plugins of the user's own are in a profile that names them.
    this.#everywhere = chosen([...BUILT_IN.keys(), PREEMPTION], sets.multiPoint);
  }

  at(point: Point): readonly string[] {
    return chosen(this.#everywhere, this.#sets[point]);
  }

  get used(): readonly string[] {
    const points: readonly Point[] = ['preEnqueue', 'filter', 'score', 'reserve', 'preBind'];
    return [...new Set([...this.#everywhere, ...points.flatMap((point) => this.at(point))])].filter((name) =>
      points.some((point) => this.at(point).includes(name)),
    );
  }

  weightOf(name: string): number {
    const said = [this.#sets.score, this.#sets.multiPoint].flatMap((set) => set?.enabled?.find((e) => e.name === name)?.weight ?? []);
    return said.find((weight) => weight > 0) ?? DEFAULT_WEIGHTS[name] ?? 1;
  }
}

/** What was there without what is taken out; then what is added, in its order. */
function chosen(there: readonly string[], set: NonNullable<ProfileConfig['plugins']>[Point]): readonly string[] {
  const gone = new Set((set?.disabled ?? []).map(({ name }) => name));
  const added = (set?.enabled ?? []).map(({ name }) => name).filter((name) => !FIXED.includes(name));
  const left = gone.has('*') ? [] : there.filter((name) => !gone.has(name) && !added.includes(name));
  return [...left, ...added];
}
