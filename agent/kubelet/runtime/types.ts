/** What the runtime knows, in our units: the domain types that answers of the CRI are parsed into at the edge (runtime/cri.ts). */
import type { ResourceRequirements } from '#api/kinds/core/compute.ts';
import type { ContainerPort } from '#api/kinds/core/container.ts';
import type { LifecycleHandler } from '#api/kinds/core/probes.ts';
import type { ObservedContainer, ObservedSandbox } from '../pods/plan.ts';

export interface RuntimeSandbox extends ObservedSandbox {
  readonly createdAtMs: number;
  /** Made for a static pod, and not for one of an API server. */
  readonly isStatic: boolean;
  readonly ips: readonly string[];
}

export interface RuntimeContainer extends ObservedContainer {
  /** As the API shows it: containerd://<id>. */
  readonly runtimeId: string;
  readonly image: string;
  /** Digest or id of the image that runs. */
  readonly imageRef: string;
  /** The runtime's own reason of an end (OOMKilled, StartError, ...); empty when it gave none. */
  readonly reason: string;
  readonly message: string;
  /** What is to be done before it is told to end, and the ports that may be named there: kept by the runtime, for when the manifest is gone. */
  readonly preStop?: LifecycleHandler;
  readonly ports?: readonly ContainerPort[];
  /** What it was given when it was made. */
  readonly resources?: ResourceRequirements;
}
