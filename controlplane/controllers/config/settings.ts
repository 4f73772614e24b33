/**
 * What the flags ask for. Pure. Units: milliseconds.
 * Throws: AppError SETTINGS_INVALID with everything that is wrong.
 */
import { closest } from '#api/suggest.ts';
import { parseCidr, type Cidr } from '#api/ip.ts';
import { AppError, explain } from '#base/errors.ts';
import type { FlagValues } from '../../component/flags.ts';
import { Problems, sharedSettings, type SharedSettings } from '../../component/settings.ts';
import { parseRange } from '../loadBalancer/pool.ts';
import { BlockRange } from '../nodeIpam/ranges.ts';
import type { NodeLifecycleOptions } from '../nodeLifecycle/reconcile.ts';
import { SYNCS, type Parts } from '../parts.ts';
import { CONTROLLERS, type Registered } from '../registry.ts';

export interface Settings extends SharedSettings {
  readonly isOn: (controller: Registered) => boolean;
  readonly writeAs: 'accounts' | 'self';
  readonly rootCa: string | undefined;
  readonly tokenKey: string | undefined;
  /** The figures that go on to the controllers as they are. */
  readonly figures: Parts;
  readonly signing: { readonly certificate: string; readonly key: string; readonly validMs: number } | undefined;
}

export function settingsOf(values: FlagValues): Settings {
  const problems = new Problems();
  const settings: Settings = {
    ...sharedSettings(values, problems),
    isOn: collects(
      values,
      problems.tried<(controller: Registered) => boolean>(
        () => true,
        () => choiceOf(values.list('controllers')),
      ),
    ),
    writeAs: values.isOn('use-service-account-credentials') ? 'accounts' : 'self',
    rootCa: values.file('root-ca-file'),
    tokenKey: values.file('service-account-private-key-file'),
    figures: figuresOf(values, problems),
    signing: signingOf(values, problems),
  };
  problems.throwIfAny();
  return settings;
}

function collects(values: FlagValues, isOn: (controller: Registered) => boolean): (controller: Registered) => boolean {
  return values.isOn('enable-garbage-collector')
    ? isOn
    : (controller) => controller.name !== 'garbage-collector-controller' && isOn(controller);
}

function figuresOf(values: FlagValues, problems: Problems): Parts {
  return {
    syncs: Object.fromEntries(Object.keys(SYNCS).map((name) => [name, problems.between(values, name, [1, 10_000])])),
    loadBalancerPool: values
      .list('load-balancer-pool')
      .map((text) =>
        problems.check(
          parseRange(text) !== undefined,
          `--load-balancer-pool: ${JSON.stringify(text)} is no block and no range of addresses`,
          text,
        ),
      ),
    nodeLifecycle: lifecycleOf(values, problems),
    nodeRanges: problems.tried(undefined, () => rangesOf(values)),
    terminatedPodThreshold: problems.between(values, 'terminated-pod-gc-threshold', [0, 1e9]),
    maxEndpointsPerSlice: problems.between(values, 'max-endpoints-per-slice', [1, 1_000]),
  };
}

function lifecycleOf(values: FlagValues, problems: Problems): NodeLifecycleOptions {
  const number = (name: string, most: number): number => {
    const value = Number(values.text(name));
    return problems.check(value >= 0 && value <= most, `--${name}: want a number from 0 to ${most}`, value);
  };
  return {
    graceMs: problems.positiveMs(values, 'node-monitor-grace-period'),
    startupGraceMs: problems.positiveMs(values, 'node-startup-grace-period'),
    evictionRate: number('node-eviction-rate', 1_000),
    secondaryRate: number('secondary-node-eviction-rate', 1_000),
    unhealthyShare: number('unhealthy-zone-threshold', 1),
    largeSize: problems.between(values, 'large-cluster-size-threshold', [0, 1e6]),
  };
}

const NODE_BITS = { IPv4: 24, IPv6: 64 } as const;

function rangesOf(values: FlagValues): Parts['nodeRanges'] {
  const parse = (flag: string): readonly Cidr[] =>
    values.list(flag).map((text) => {
      const cidr = parseCidr(text);
      if (cidr === undefined) throw new AppError('SETTINGS_INVALID', `--${flag}: ${JSON.stringify(text)} is no CIDR block`);
      return cidr;
    });
  const [networks, services] = [parse('cluster-cidr'), parse('service-cluster-ip-range')];
  if (!values.isOn('allocate-node-cidrs')) return undefined;
  const families = networks.map(({ ip }) => ip.family);
  if (networks.length === 0 || networks.length > 2 || new Set(families).size !== networks.length)
    throw new AppError('SETTINGS_INVALID', '--cluster-cidr: want one block, or one of each family, with --allocate-node-cidrs');
  const single = values.whole('node-cidr-mask-size');
  if (single > 0 && networks.length > 1)
    throw new AppError(
      'SETTINGS_INVALID',
      '--node-cidr-mask-size: with two families want --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6',
    );
  const bits = ({ ip }: Cidr): number => single || values.whole(`node-cidr-mask-size-${ip.family.toLowerCase()}`) || NODE_BITS[ip.family];
  const make = (): readonly BlockRange[] => networks.map((network) => new BlockRange(network, bits(network), services));
  try {
    make();
  } catch (err) {
    throw new AppError('SETTINGS_INVALID', `--cluster-cidr: ${explain(err)}`);
  }
  return make;
}

function signingOf(values: FlagValues, problems: Problems): Settings['signing'] {
  const [certificate, key] = [values.file('cluster-signing-cert-file'), values.file('cluster-signing-key-file')];
  problems.check(
    (certificate === undefined) === (key === undefined),
    '--cluster-signing-cert-file and --cluster-signing-key-file: want both or neither',
    0,
  );
  const validMs = problems.positiveMs(values, 'cluster-signing-duration');
  return certificate === undefined || key === undefined ? undefined : { certificate, key, validMs };
}

/** Of upstream's controllers, what is not here: may be switched off, and is refused when it is asked for by name. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'horizontal-pod-autoscaler-controller': 'horizontal pod autoscaling is not there yet',
  'persistentvolume-attach-detach-controller': 'volumes are not attached to nodes yet',
  'persistentvolume-expander-controller': 'volumes do not grow yet',
  'serviceaccount-token-controller': 'tokens are not put into secrets',
  'legacy-serviceaccount-token-cleaner-controller': 'tokens are not put into secrets',
  'ephemeral-volume-controller': 'claims of ephemeral volumes are not made yet',
  'node-route-controller': 'there is no cloud provider',
  'cloud-node-lifecycle-controller': 'there is no cloud provider',
  'resourceclaim-controller': 'resource claims are not there yet',
  'device-taint-eviction-controller': 'resource claims are not there yet',
  'validatingadmissionpolicy-status-controller': 'policies in CEL are not there yet',
  'storageversion-garbage-collector-controller': 'one API server version stores all objects',
  'storage-version-migrator-controller': 'objects are stored in one version',
  'kube-apiserver-serving-clustertrustbundle-publisher-controller': 'cluster trust bundles are not there yet',
  'podcertificaterequest-cleaner-controller': 'certificates of pods are not there yet',
  'selinux-warning-controller': 'labels of SELinux are not compared',
  'service-cidr-controller': 'the API server keeps the ranges of services',
  'volumeattributesclass-protection-controller': 'classes of volume attributes are not there yet',
};

function choiceOf(listed: readonly string[]): (controller: Registered) => boolean {
  const names = new Set(CONTROLLERS.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias])));
  for (const entry of listed) {
    const name = entry.replace(/^-/, '');
    if (entry === '*' || names.has(name)) continue;
    const why = ELSEWHERE[name];
    if (why !== undefined && entry.startsWith('-')) continue;
    if (why !== undefined) throw new AppError('SETTINGS_INVALID', `--controllers: ${JSON.stringify(name)} cannot run: ${why}`);
    const [meant, edits] = closest([...names], name);
    const hint = meant === undefined || edits > 3 ? '' : `, did you mean ${JSON.stringify(meant)}?`;
    throw new AppError('SETTINGS_INVALID', `--controllers: ${JSON.stringify(name)} is not in the list of known controllers${hint}`);
  }
  // As upstream: what is named counts before the asterisk, and the first mention before later ones.
  return ({ name, alias, isOff }) => {
    const isMeant = (entry: string): boolean => entry === name || (alias !== undefined && entry === alias);
    const found = listed.find((entry) => isMeant(entry.replace(/^-/, '')));
    if (found !== undefined) return !found.startsWith('-');
    return listed.includes('*') && isOff !== true;
  };
}
