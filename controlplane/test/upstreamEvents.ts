/**
 * The events of controllers and scheduler as upstream has them: who tells, about what, how grave, why, in which words. Tests that make a real
 * cluster of controllers work end by holding everything that was told against this table.
 * Source: the events of kube-controller-manager and kube-scheduler, Kubernetes 1.36.
 */
import assert from 'node:assert/strict';
import type { Event } from '#api/kinds/core/event.ts';

export type Row = readonly [from: string, kinds: string, type: 'Normal' | 'Warning', reason: string, message: RegExp];

const POD_KEEPERS = [
  ['replicaset-controller', 'ReplicaSet'],
  ['replication-controller', 'ReplicationController'],
  ['daemonset-controller', 'DaemonSet'],
  ['job-controller', 'Job'],
] as const;

const ROWS: readonly Row[] = [
  ['deployment-controller', 'Deployment', 'Normal', 'ScalingReplicaSet', /^Scaled (up|down) replica set \S+ from \d+ to \d+$/],
  ['deployment-controller', 'Deployment', 'Warning', 'ReplicaSetCreateError', /^Failed to create new replica set "\S+": \S/],
  ...POD_KEEPERS.flatMap(([from, kind]): Row[] => [
    [from, kind, 'Normal', 'SuccessfulCreate', /^Created pod: [-.a-z0-9]+$/],
    [from, kind, 'Warning', 'FailedCreate', /^Error creating: \S/],
    [from, kind, 'Normal', 'SuccessfulDelete', /^Deleted pod: [-.a-z0-9]+$/],
    [from, kind, 'Warning', 'FailedDelete', /^Error deleting: \S/],
  ]),
  [
    'daemonset-controller',
    'DaemonSet',
    'Warning',
    'FailedDaemonPod',
    /^Found failed daemon pod \S+\/\S+ on node \S+, will try to kill it$/,
  ],
  [
    'daemonset-controller',
    'DaemonSet',
    'Normal',
    'SucceededDaemonPod',
    /^Found succeeded daemon pod \S+\/\S+ on node \S+, will try to delete it$/,
  ],
  ['statefulset-controller', 'StatefulSet', 'Normal', 'SuccessfulCreate', /^create Pod \S+ in StatefulSet \S+ successful$/],
  ['statefulset-controller', 'StatefulSet', 'Normal', 'SuccessfulCreate', /^create Claim \S+ Pod \S+ in StatefulSet \S+ success$/],
  ['statefulset-controller', 'StatefulSet', 'Normal', 'SuccessfulDelete', /^delete Pod \S+ in StatefulSet \S+ successful$/],
  ['statefulset-controller', 'StatefulSet', 'Normal', 'SuccessfulUpdate', /^update Pod \S+ in StatefulSet \S+ successful$/],
  ['statefulset-controller', 'StatefulSet', 'Warning', 'FailedCreate', /^create Pod \S+ in StatefulSet \S+ failed error: \S/],
  ['statefulset-controller', 'StatefulSet', 'Warning', 'FailedCreate', /^create Claim \S+ for Pod \S+ in StatefulSet \S+ failed error: \S/],
  ['statefulset-controller', 'StatefulSet', 'Warning', 'RecreatingFailedPod', /^StatefulSet \S+\/\S+ is recreating failed Pod \S+$/],
  ['statefulset-controller', 'StatefulSet', 'Normal', 'RecreatingTerminatedPod', /^StatefulSet \S+\/\S+ is recreating terminated Pod \S+$/],
  ['job-controller', 'Job', 'Normal', 'Suspended', /^Job suspended$/],
  ['job-controller', 'Job', 'Normal', 'Resumed', /^Job resumed$/],
  ['job-controller', 'Job', 'Normal', 'Completed', /^Job completed$/],
  ['job-controller', 'Job', 'Warning', 'BackoffLimitExceeded', /^Job has reached the specified backoff limit$/],
  ['job-controller', 'Job', 'Warning', 'DeadlineExceeded', /^Job was active longer than specified deadline$/],
  [
    'job-controller',
    'Job',
    'Warning',
    'PodFailurePolicy',
    /^Container \S+ for pod \S+\/\S+ failed with exit code \d+ matching FailJob rule at index \d+$/,
  ],
  ['cronjob-controller', 'CronJob', 'Normal', 'SuccessfulCreate', /^Created job \S+-\d+$/],
  ['cronjob-controller', 'CronJob', 'Normal', 'SuccessfulDelete', /^Deleted job \S+$/],
  ['cronjob-controller', 'CronJob', 'Normal', 'SawCompletedJob', /^Saw completed job: \S+, condition: (Complete|Failed)$/],
  ['cronjob-controller', 'CronJob', 'Normal', 'MissingJob', /^Active job went missing: \S+$/],
  [
    'cronjob-controller',
    'CronJob',
    'Normal',
    'JobAlreadyActive',
    /^Not starting job because prior execution is running and concurrency policy is Forbid$/,
  ],
  ['cronjob-controller', 'CronJob', 'Warning', 'UnexpectedJob', /^Saw a job that the controller did not create or forgot: \S+$/],
  [
    'cronjob-controller',
    'CronJob',
    'Warning',
    'MissSchedule',
    /^Missed scheduled time to start a job: \w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000$/,
  ],
  [
    'cronjob-controller',
    'CronJob',
    'Warning',
    'TooManyMissedTimes',
    /^too many missed start times\. Set or decrease \.spec\.startingDeadlineSeconds or check clock skew$/,
  ],
  ['endpoint-controller', 'Endpoints', 'Warning', 'FailedToCreateEndpoint', /^Failed to create endpoint for service \S+\/\S+: \S/],
  ['endpoint-controller', 'Endpoints', 'Warning', 'FailedToUpdateEndpoint', /^Failed to update endpoint \S+\/\S+: \S/],
  [
    'endpoint-slice-controller',
    'Service',
    'Warning',
    'FailedToUpdateEndpointSlices',
    /^Error updating Endpoint Slices for Service \S+\/\S+: \S/,
  ],
  // Differs: says what is not done, and what is.
  ['endpoint-slice-controller', 'Service', 'Warning', 'TopologyAwareHintsDisabled', /trafficDistribution/],
  [
    'endpoint-slice-mirroring-controller',
    'Endpoints',
    'Warning',
    'TooManyAddressesToMirror',
    /^A max of \d+ addresses can be mirrored to EndpointSlices per Endpoints subset\. \d+ addresses were skipped$/,
  ],
  ['node-controller', 'Node', 'Normal', 'RegisteredNode', /^Node \S+ event: Registered Node \S+ in Controller$/],
  ['node-controller', 'Node', 'Normal', 'RemovingNode', /^Node \S+ event: Removing Node \S+ from Controller$/],
  ['node-controller', 'Node', 'Normal', 'NodeNotReady', /^Node \S+ status is now: NodeNotReady$/],
  ['node-controller', 'Pod', 'Warning', 'NodeNotReady', /^Node is not ready$/],
  ['cidrAllocator', 'Node', 'Normal', 'CIDRNotAvailable', /^Node \S+ status is now: CIDRNotAvailable$/],
  ['taint-eviction-controller', 'Pod', 'Normal', 'TaintManagerEviction', /^(Marking for deletion|Cancelling deletion of) Pod \S+\/\S+$/],
  [
    'persistentvolume-controller',
    'PersistentVolumeClaim',
    'Normal',
    'FailedBinding',
    /^no persistent volumes available for this claim and no storage class is set$/,
  ],
  [
    'persistentvolume-controller',
    'PersistentVolumeClaim',
    'Warning',
    'FailedBinding',
    /^volume "\S+" already bound to a different claim\.$/,
  ],
  ['persistentvolume-controller', 'PersistentVolumeClaim', 'Warning', 'VolumeMismatch', /^Cannot bind to requested volume "\S+": \S/],
  [
    'persistentvolume-controller',
    'PersistentVolumeClaim',
    'Normal',
    'WaitForFirstConsumer',
    /^waiting for first consumer to be created before binding$/,
  ],
  ['persistentvolume-controller', 'PersistentVolumeClaim', 'Normal', 'WaitForPodScheduled', /^waiting for pods? \S+ to be scheduled$/],
  [
    'persistentvolume-controller',
    'PersistentVolumeClaim',
    'Normal',
    'ExternalProvisioning',
    /^Waiting for a volume to be created either by the external provisioner '\S+' or manually by the system administrator\. If volume creation is delayed, please verify that the provisioner is running and correctly registered\.$/,
  ],
  ['persistentvolume-controller', 'PersistentVolumeClaim', 'Warning', 'ProvisioningFailed', /\S/],
  [
    'persistentvolume-controller',
    'PersistentVolumeClaim',
    'Normal',
    'ProvisioningSucceeded',
    /^Successfully provisioned volume pvc-\S+ using \S+$/,
  ],
  ['persistentvolume-controller', 'PersistentVolumeClaim', 'Warning', 'ClaimLost', /^Bound claim has lost .*Data on the volume is lost!$/],
  ['persistentvolume-controller', 'PersistentVolume', 'Warning', 'VolumeFailedDelete', /\S/],
  ['ephemeral_volume', 'Pod', 'Warning', 'FailedBinding', /^ephemeral volume \S+: \S/],
  ['controllermanager', 'PodDisruptionBudget', 'Normal', 'NoPods', /^No matching pods found$/],
  ['controllermanager', 'PodDisruptionBudget', 'Warning', 'UnmanagedPods', /^Pods selected by this PodDisruptionBudget \(selector: /],
  ['controllermanager', 'Pod', 'Warning', 'NotDeleted', /^Pod was expected by PDB \S+\/\S+ to be deleted but it wasn't$/],
  ['service-controller', 'Service', 'Normal', 'EnsuringLoadBalancer', /^Ensuring load balancer$/],
  ['service-controller', 'Service', 'Normal', 'EnsuredLoadBalancer', /^Ensured load balancer$/],
  ['service-controller', 'Service', 'Normal', 'DeletingLoadBalancer', /^Deleting load balancer$/],
  ['service-controller', 'Service', 'Normal', 'DeletedLoadBalancer', /^Deleted load balancer$/],
  [
    'service-controller',
    'Service',
    'Warning',
    'SyncLoadBalancerFailed',
    /^Error syncing load balancer: failed to ensure load balancer: \S/,
  ],
  ['garbage-collector-controller', '*', 'Warning', 'OwnerRefInvalidNamespace', /^ownerRef \[.*\] does not exist in namespace "\S*"$/],
  ['default-scheduler', 'Pod', 'Normal', 'Scheduled', /^Successfully assigned \S+\/\S+ to \S+$/],
  ['default-scheduler', 'Pod', 'Warning', 'FailedScheduling', /^(no nodes available to schedule pods$|0\/\d+ nodes are available)/],
  ['default-scheduler', 'Pod', 'Normal', 'Preempted', /^Preempted by pod [-0-9a-f]{36} on node \S+$/],
];

/** What client-go's correlator writes before the tenth of a kind. */
const COMBINED = /^\(combined from similar events\): /;

/** Everything that was told is in the table. Returns which rows were, as "from Kind Reason". */
export function checkEvents(events: readonly Event[]): ReadonlySet<string> {
  const seen = new Set<string>();
  for (const { source, reportingComponent, involvedObject, type, reason = '', message = '' } of events) {
    const from = source?.component ?? reportingComponent ?? '';
    const { kind = '' } = involvedObject;
    const words = message.replace(COMBINED, '');
    const known = ROWS.some(
      ([component, kinds, gravity, why, form]) =>
        component === from && (kinds === '*' || kinds === kind) && gravity === type && why === reason && form.test(words),
    );
    assert.ok(known, `upstream has no such event: ${from} ${kind} ${type} ${reason} ${message}`);
    seen.add(`${from} ${kind} ${reason}`);
  }
  return seen;
}

/** The same, of a server, and that all of these were among it. */
export function mustTell(events: readonly Event[], wanted: readonly string[]): void {
  const seen = checkEvents(events);
  assert.deepEqual(
    wanted.filter((one) => !seen.has(one)),
    [],
    `told were: ${[...seen].toSorted().join(', ')}`,
  );
}
