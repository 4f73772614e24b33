/**
 * Names of the labels and annotations that carry our state in the runtime. Pure.
 *
 * They are upstream's, so that crictl, log shippers and a kubelet that takes over read what they expect;
 * those under kijabi.io are ours and hold what upstream loses when its kubelet restarts.
 * Source: pkg/kubelet/types/labels.go and pkg/kubelet/kuberuntime/labels.go of Kubernetes 1.36 (names only).
 */
export const POD_NAME = 'io.kubernetes.pod.name';
export const POD_NAMESPACE = 'io.kubernetes.pod.namespace';
export const POD_UID = 'io.kubernetes.pod.uid';
export const CONTAINER_NAME = 'io.kubernetes.container.name';

export const CONTAINER_HASH = 'io.kubernetes.container.hash';
export const CONTAINER_RESTART_COUNT = 'io.kubernetes.container.restartCount';
export const CONTAINER_TERMINATION_PATH = 'io.kubernetes.container.terminationMessagePath';
export const CONTAINER_TERMINATION_POLICY = 'io.kubernetes.container.terminationMessagePolicy';
export const CONTAINER_PORTS = 'io.kubernetes.container.ports';
export const CONTAINER_PRE_STOP = 'io.kubernetes.container.preStopHandler';
export const POD_GRACE_PERIOD = 'io.kubernetes.pod.terminationGracePeriod';

/** The delay in milliseconds that is kept after this container's end. */
export const CRASH_BACKOFF_MS = 'kijabi.io/crash-backoff-ms';

/** When the pod ends: 0 with the first, sidecars one after the other after those they serve. */
export const STOP_ORDER = 'kijabi.io/stop-order';

/** What it was given, as in its spec then: a resize may change that later. */
export const CONTAINER_RESOURCES = 'kijabi.io/resources';

/** On pods, as upstream: where a pod came from, what it is, when it was first seen, that it is a static one. */
export const CONFIG_SOURCE = 'kubernetes.io/config.source';
export const CONFIG_HASH = 'kubernetes.io/config.hash';
export const CONFIG_SEEN = 'kubernetes.io/config.seen';
/** On mirror pods: the hash of the static pod that they show. */
export const CONFIG_MIRROR = 'kubernetes.io/config.mirror';
