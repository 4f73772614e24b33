/**
 * KubeSchedulerConfiguration v1: every field it has. Pure. What is not honoured is refused by name in load.ts.
 * Source: k8s.io/kube-scheduler config/v1 (names, types), Kubernetes 1.36.
 */
import {
  anyObject,
  boolean,
  bytes,
  duration,
  int32,
  int64,
  list,
  number,
  object,
  oneOf,
  required,
  string,
  type Static,
} from '#api/schema.ts';
import { NodeAffinity, TopologySpreadConstraint } from '#api/kinds/core/scheduling.ts';

export const API_VERSION = 'kubescheduler.config.k8s.io/v1';
export const KIND = 'KubeSchedulerConfiguration';
const id = (name: string): string => `io.k8s.kubescheduler.config.v1.${name}`;

const pluginSet = object(id('PluginSet'), {
  enabled: list(object(id('Plugin'), { name: required(string()), weight: int32(undefined, { minimum: 0 }) })),
  disabled: list(object(id('Plugin'), { name: required(string()), weight: int32() })),
});

/** Extension points, in the order in which a pod meets them. */
export const POINTS = [
  'preEnqueue',
  'queueSort',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'reserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
  'multiPoint',
] as const;
export type Point = (typeof POINTS)[number];

const plugins = object(id('Plugins'), Object.fromEntries(POINTS.map((point) => [point, pluginSet])) as Record<Point, typeof pluginSet>);

const profile = object(id('KubeSchedulerProfile'), {
  schedulerName: string(),
  percentageOfNodesToScore: int32(undefined, { minimum: 0, maximum: 100 }),
  plugins,
  pluginConfig: list(object(id('PluginConfig'), { name: required(string()), args: anyObject() })),
});

const extender = object(id('Extender'), {
  urlPrefix: required(string()),
  filterVerb: string(),
  preemptVerb: string(),
  prioritizeVerb: string(),
  weight: int64(),
  bindVerb: string(),
  enableHTTPS: boolean(),
  tlsConfig: object(id('ExtenderTLSConfig'), {
    insecure: boolean(),
    serverName: string(),
    certFile: string(),
    keyFile: string(),
    caFile: string(),
    certData: bytes(),
    keyData: bytes(),
    caData: bytes(),
  }),
  httpTimeout: duration(),
  nodeCacheCapable: boolean(),
  managedResources: list(object(id('ExtenderManagedResource'), { name: required(string()), ignoredByScheduler: boolean() })),
  ignorable: boolean(),
});

export const kubeSchedulerConfiguration = object(id(KIND), {
  apiVersion: string(),
  kind: string(),
  parallelism: int32(undefined, { minimum: 1 }),
  leaderElection: object(id('LeaderElectionConfiguration'), {
    leaderElect: boolean(),
    leaseDuration: duration(),
    renewDeadline: duration(),
    retryPeriod: duration(),
    resourceLock: string(),
    resourceName: string(),
    resourceNamespace: string(),
  }),
  clientConnection: object(id('ClientConnectionConfiguration'), {
    kubeconfig: string(),
    acceptContentTypes: string(),
    contentType: string(),
    qps: number(),
    burst: int32(),
  }),
  enableProfiling: boolean(),
  enableContentionProfiling: boolean(),
  percentageOfNodesToScore: int32(undefined, { minimum: 0, maximum: 100 }),
  podInitialBackoffSeconds: int64(undefined, { minimum: 1 }),
  podMaxBackoffSeconds: int64(undefined, { minimum: 1 }),
  profiles: list(profile),
  extenders: list(extender),
  delayCacheUntilActive: boolean(),
});
export interface KubeSchedulerConfiguration extends Static<typeof kubeSchedulerConfiguration> {}
export interface ProfileConfig extends Static<typeof profile> {}

/** apiVersion and kind may stand in the arguments of a plugin, as upstream writes them. */
const typed = { apiVersion: string(), kind: string() };
const resources = list(object(id('ResourceSpec'), { name: required(string()), weight: int64(undefined, { minimum: 0, maximum: 100 }) }));

/** Arguments by the name of the plugin. */
export const ARGS = {
  NodeResourcesFit: object(id('NodeResourcesFitArgs'), {
    ...typed,
    ignoredResources: list(string()),
    ignoredResourceGroups: list(string()),
    scoringStrategy: object(id('ScoringStrategy'), {
      type: oneOf(['LeastAllocated', 'MostAllocated', 'RequestedToCapacityRatio']),
      resources,
      requestedToCapacityRatio: object(id('RequestedToCapacityRatioParam'), {
        shape: list(
          object(id('UtilizationShapePoint'), {
            utilization: required(int32(undefined, { minimum: 0, maximum: 100 })),
            score: required(int32(undefined, { minimum: 0, maximum: 10 })),
          }),
        ),
      }),
    }),
  }),
  NodeResourcesBalancedAllocation: object(id('NodeResourcesBalancedAllocationArgs'), { ...typed, resources }),
  NodeAffinity: object(id('NodeAffinityArgs'), { ...typed, addedAffinity: NodeAffinity }),
  PodTopologySpread: object(id('PodTopologySpreadArgs'), {
    ...typed,
    defaultConstraints: list(TopologySpreadConstraint),
    defaultingType: oneOf(['System', 'List']),
  }),
  InterPodAffinity: object(id('InterPodAffinityArgs'), {
    ...typed,
    hardPodAffinityWeight: int32(undefined, { minimum: 0, maximum: 100 }),
    ignorePreferredTermsOfExistingPods: boolean(),
  }),
  DefaultPreemption: object(id('DefaultPreemptionArgs'), {
    ...typed,
    minCandidateNodesPercentage: int32(undefined, { minimum: 0, maximum: 100 }),
    minCandidateNodesAbsolute: int32(undefined, { minimum: 0 }),
  }),
  VolumeBinding: object(id('VolumeBindingArgs'), {
    ...typed,
    bindTimeoutSeconds: int64(undefined, { minimum: 0 }),
    shape: list(object(id('UtilizationShapePoint'), { utilization: required(int32()), score: required(int32()) })),
  }),
} as const;
