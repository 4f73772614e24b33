/** Which controllers there are, by the names of --controllers, and what each is made with. A line each. */
import type { Controller, ControllerDeps } from './controller.ts';
import { syncsOf, type Parts } from './parts.ts';
import { bootstrapSignerController } from './bootstrapSigner/reconcile.ts';
import { clusterRoleAggregationController } from './clusterRoleAggregation/reconcile.ts';
import { csrApprovingController } from './csrApproving/reconcile.ts';
import { csrCleaningController } from './csrCleaning/reconcile.ts';
import { csrSigningController } from './csrSigning/reconcile.ts';
import { cronJobController } from './cronJob/reconcile.ts';
import { daemonSetController } from './daemonSet/reconcile.ts';
import { deploymentController } from './deployment/reconcile.ts';
import { endpointSliceMirroringController } from './endpointSliceMirroring/reconcile.ts';
import { disruptionController } from './disruption/reconcile.ts';
import { resourceQuotaController } from './resourceQuota/reconcile.ts';
import { tokenCleanerController } from './tokenCleaner/reconcile.ts';
import { endpointsController } from './endpoints/reconcile.ts';
import { endpointSliceController } from './endpointSlice/reconcile.ts';
import { MOST_ENDPOINTS } from './endpointSlice/plan.ts';
import { ephemeralVolumeController } from './ephemeralVolume/reconcile.ts';
import { garbageCollectorController } from './garbageCollector/reconcile.ts';
import { jobController } from './job/reconcile.ts';
import { namespaceController } from './namespace/reconcile.ts';
import { serviceLbController } from './loadBalancer/reconcile.ts';
import { persistentVolumeController } from './persistentVolumes/reconcile.ts';
import { claimProtectionController, volumeProtectionController } from './volumeProtection/reconcile.ts';
import { nodeIpamController } from './nodeIpam/reconcile.ts';
import { NODE_LIFECYCLE, nodeLifecycleController } from './nodeLifecycle/reconcile.ts';
import { taintEvictionController } from './taintEviction/reconcile.ts';
import { THRESHOLD } from './podGc/plan.ts';
import { podGcController } from './podGc/reconcile.ts';
import { replicaSetController, replicationController } from './replicaSet/reconcile.ts';
import { rootCaController } from './rootCa/reconcile.ts';
import { serviceAccountController } from './serviceAccount/reconcile.ts';
import { serviceAccountTokenController } from './serviceAccountToken/reconcile.ts';
import { statefulSetController } from './statefulSet/reconcile.ts';
import { ttlAfterFinishedController } from './ttlAfterFinished/reconcile.ts';

export interface Registered {
  readonly name: string;
  /** What it was called before; the flag takes both. */
  readonly alias?: string;
  /** Runs only when it is named. */
  readonly isOff?: true;
  /** undefined: what it needs was not given. */
  readonly make: (deps: ControllerDeps, parts: Parts) => Controller | undefined;
}

/** One whose number of keys at once a flag says. */
const paced = (
  name: string,
  alias: string,
  flag: Parameters<typeof syncsOf>[1],
  make: (deps: ControllerDeps, pace: { readonly concurrency: number }) => Controller,
): Registered => ({ name, alias, make: (deps, parts) => make(deps, { concurrency: syncsOf(parts, flag) }) });

export const CONTROLLERS: readonly Registered[] = [
  { name: 'serviceaccount-controller', alias: 'serviceaccount', make: (deps) => serviceAccountController(deps) },
  {
    name: 'serviceaccount-token-controller',
    alias: 'serviceaccount-token',
    make: (deps, parts) =>
      parts.tokenKey === undefined
        ? undefined
        : serviceAccountTokenController(deps, {
            key: parts.tokenKey,
            rootCa: parts.rootCa,
            concurrency: syncsOf(parts, 'concurrent-serviceaccount-token-syncs'),
          }),
  },
  {
    name: 'root-ca-certificate-publisher-controller',
    alias: 'root-ca-cert-publisher',
    make: (deps, { rootCa }) => (rootCa === undefined ? undefined : rootCaController(deps, rootCa)),
  },
  paced('endpoints-controller', 'endpoint', 'concurrent-endpoint-syncs', endpointsController),
  {
    name: 'endpointslice-controller',
    alias: 'endpointslice',
    make: (deps, parts) =>
      endpointSliceController(deps, {
        concurrency: syncsOf(parts, 'concurrent-service-endpoint-syncs'),
        most: parts.maxEndpointsPerSlice ?? MOST_ENDPOINTS,
      }),
  },
  {
    name: 'endpointslice-mirroring-controller',
    alias: 'endpointslicemirroring',
    make: (deps) => endpointSliceMirroringController(deps),
  },
  paced('garbage-collector-controller', 'garbagecollector', 'concurrent-gc-syncs', garbageCollectorController),
  paced('namespace-controller', 'namespace', 'concurrent-namespace-syncs', namespaceController),
  {
    name: 'pod-garbage-collector-controller',
    alias: 'podgc',
    make: (deps, { terminatedPodThreshold }) => podGcController(deps, { threshold: terminatedPodThreshold ?? THRESHOLD }),
  },
  { name: 'persistentvolume-binder-controller', alias: 'persistentvolume-binder', make: (deps) => persistentVolumeController(deps) },
  paced('ephemeral-volume-controller', 'ephemeral-volume', 'concurrent-ephemeralvolume-syncs', ephemeralVolumeController),
  { name: 'persistentvolumeclaim-protection-controller', alias: 'pvc-protection', make: (deps) => claimProtectionController(deps) },
  { name: 'persistentvolume-protection-controller', alias: 'pv-protection', make: (deps) => volumeProtectionController(deps) },
  {
    name: 'service-lb-controller',
    alias: 'service',
    make: (deps, { loadBalancerPool = [] }) => (loadBalancerPool.length === 0 ? undefined : serviceLbController(deps, loadBalancerPool)),
  },
  { name: 'disruption-controller', alias: 'disruption', make: (deps) => disruptionController(deps) },
  paced('resourcequota-controller', 'resourcequota', 'concurrent-resource-quota-syncs', resourceQuotaController),
  { name: 'clusterrole-aggregation-controller', alias: 'clusterrole-aggregation', make: (deps) => clusterRoleAggregationController(deps) },
  { name: 'token-cleaner-controller', alias: 'tokencleaner', isOff: true, make: (deps) => tokenCleanerController(deps) },
  { name: 'bootstrap-signer-controller', alias: 'bootstrapsigner', isOff: true, make: (deps) => bootstrapSignerController(deps) },
  {
    name: 'node-lifecycle-controller',
    alias: 'nodelifecycle',
    make: (deps, { nodeLifecycle }) => nodeLifecycleController(deps, nodeLifecycle ?? NODE_LIFECYCLE),
  },
  { name: 'taint-eviction-controller', make: (deps) => taintEvictionController(deps) },
  {
    name: 'node-ipam-controller',
    alias: 'nodeipam',
    make: (deps, { nodeRanges }) => (nodeRanges === undefined ? undefined : nodeIpamController(deps, nodeRanges)),
  },
  { name: 'certificatesigningrequest-approving-controller', alias: 'csrapproving', make: (deps) => csrApprovingController(deps) },
  { name: 'certificatesigningrequest-cleaner-controller', alias: 'csrcleaner', make: (deps) => csrCleaningController(deps) },
  {
    name: 'certificatesigningrequest-signing-controller',
    alias: 'csrsigning',
    make: (deps, { signing }) => (signing === undefined ? undefined : csrSigningController(deps, signing)),
  },
  paced('deployment-controller', 'deployment', 'concurrent-deployment-syncs', deploymentController),
  paced('replicaset-controller', 'replicaset', 'concurrent-replicaset-syncs', replicaSetController),
  paced('replicationcontroller-controller', 'replicationcontroller', 'concurrent-rc-syncs', replicationController),
  paced('job-controller', 'job', 'concurrent-job-syncs', jobController),
  paced('ttl-after-finished-controller', 'ttl-after-finished', 'concurrent-ttl-after-finished-syncs', ttlAfterFinishedController),
  paced('daemonset-controller', 'daemonset', 'concurrent-daemonset-syncs', daemonSetController),
  paced('statefulset-controller', 'statefulset', 'concurrent-statefulset-syncs', statefulSetController),
  paced('cronjob-controller', 'cronjob', 'concurrent-cron-job-syncs', cronJobController),
];
