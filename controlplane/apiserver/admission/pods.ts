/** Plugins that set what pods do not say: priority, tolerations, runtime class, image pull policy. Source: their plugins in Kubernetes 1.36. */
import type { Pod } from '#api/kinds/core/pod.ts';
import type { RuntimeClass } from '#api/kinds/node/v1.ts';
import type { PriorityClass } from '#api/kinds/scheduling/v1.ts';
import type { Draft } from '#api/schema.ts';
import { EVERYTHING } from '../cache/filter.ts';
import { deepEqual } from '../registry/deepEqual.ts';
import type { AdmissionPlugin, AdmissionRequest } from './chain.ts';
import type { PluginParts } from './plugins.ts';
import { refuse } from './refuse.ts';

export const isPodCreate = ({ operation, resource, subresource }: AdmissionRequest): boolean =>
  operation === 'CREATE' && subresource === '' && resource.definition.kind === 'Pod' && resource.group === '';
const isPodWrite = (request: AdmissionRequest): boolean =>
  (request.operation === 'UPDATE' && request.subresource === '' && request.resource.definition.kind === 'Pod') || isPodCreate(request);

export const podOf = ({ object }: AdmissionRequest): Draft<Pod> => object as unknown as Draft<Pod>;

export function priority({ registry }: PluginParts): AdmissionPlugin {
  const classes = registry.get('scheduling.k8s.io/v1', 'priorityclasses').cache;
  const find = (name: string): PriorityClass | undefined => classes.get(name)?.known;
  const preset = (): PriorityClass | undefined => {
    const all = classes.list(EVERYTHING).map((object) => object.known as PriorityClass);
    // Of several defaults the least important counts, so that a mistake makes nothing important.
    return all.filter(({ globalDefault }) => globalDefault === true).toSorted((a, b) => (a.value ?? 0) - (b.value ?? 0))[0];
  };
  const isClass = ({ resource, operation }: AdmissionRequest): boolean =>
    resource.definition.kind === 'PriorityClass' && (operation === 'CREATE' || operation === 'UPDATE');
  return {
    name: 'Priority',
    handles: (request) => isPodWrite(request) || isClass(request),
    validate(request) {
      if (!isClass(request) || (request.object as PriorityClass | undefined)?.globalDefault !== true) return;
      const other = preset()?.metadata.name;
      if (other !== undefined && other !== request.name)
        throw refuse(request, `PriorityClass ${other} is already marked as default. Only one default can exist`);
    },
    mutate(request) {
      if (isClass(request)) return;
      const { spec } = podOf(request);
      if (request.operation === 'UPDATE') return keepPriority(spec, (request.old as unknown as Pod).spec);
      const name = spec.priorityClassName ?? '';
      const found = name === '' ? preset() : find(name);
      if (name !== '' && found === undefined) throw refuse(request, `no PriorityClass with name ${name} was found`);
      const value = found?.value ?? 0;
      if (spec.priority !== undefined && spec.priority !== value) {
        throw refuse(
          request,
          `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
        );
      }
      if (name === '' && found !== undefined) spec.priorityClassName = found.metadata.name ?? '';
      spec.priority = value;
      const policy = found?.preemptionPolicy ?? 'PreemptLowerPriority';
      if (spec.preemptionPolicy !== undefined && spec.preemptionPolicy !== policy) {
        throw refuse(
          request,
          `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
        );
      }
      spec.preemptionPolicy = policy;
    },
  };
}

/** What was set when the pod was made stays, also for clients that send the pod back without it. */
function keepPriority(spec: Draft<Pod>['spec'], old: Pod['spec']): void {
  if (spec.priority === undefined && old.priority !== undefined) spec.priority = old.priority;
  if (spec.preemptionPolicy === undefined && old.preemptionPolicy !== undefined) spec.preemptionPolicy = old.preemptionPolicy;
}

/** Source: the defaults of --default-not-ready-toleration-seconds and --default-unreachable-toleration-seconds. */
const TOLERATED_SECONDS = 300;
const NODE_TROUBLES = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

export function defaultTolerationSeconds(): AdmissionPlugin {
  return {
    name: 'DefaultTolerationSeconds',
    handles: isPodWrite,
    mutate(request) {
      const { spec } = podOf(request);
      for (const key of NODE_TROUBLES) {
        const isTold = (spec.tolerations ?? []).some(
          (t) => ((t.key ?? '') === key || (t.key ?? '') === '') && ((t.effect ?? '') === 'NoExecute' || (t.effect ?? '') === ''),
        );
        if (isTold) continue;
        (spec.tolerations ??= []).push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: TOLERATED_SECONDS });
      }
    },
  };
}

export function alwaysPullImages(): AdmissionPlugin {
  return {
    name: 'AlwaysPullImages',
    handles: isPodWrite,
    mutate(request) {
      const { spec } = podOf(request);
      for (const list of [spec.containers, spec.initContainers, spec.ephemeralContainers]) {
        for (const container of list ?? []) container.imagePullPolicy = 'Always';
      }
      for (const { image } of spec.volumes ?? []) if (image !== undefined) image.pullPolicy = 'Always';
    },
  };
}

export function runtimeClass({ registry }: PluginParts): AdmissionPlugin {
  const classes = registry.get('node.k8s.io/v1', 'runtimeclasses').cache;
  return {
    name: 'RuntimeClass',
    handles: (request) => isPodCreate(request),
    mutate(request) {
      const { spec } = podOf(request);
      const name = spec.runtimeClassName ?? '';
      if (name === '') {
        if (spec.overhead !== undefined && Object.keys(spec.overhead).length > 0) {
          throw refuse(request, 'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead');
        }
        return;
      }
      const found = classes.get(name)?.decode() as RuntimeClass | undefined;
      if (found === undefined) throw refuse(request, `pod rejected: RuntimeClass ${JSON.stringify(name)} not found`);
      setOverhead(request, spec, found);
      setScheduling(request, spec, found);
    },
  };
}

function setOverhead(request: AdmissionRequest, spec: Draft<Pod>['spec'], { overhead }: RuntimeClass): void {
  const fixed = overhead?.podFixed;
  if (spec.overhead !== undefined && Object.keys(spec.overhead).length > 0 && !deepEqual(spec.overhead, fixed)) {
    throw refuse(request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead");
  }
  if (fixed !== undefined) spec.overhead = { ...fixed };
}

function setScheduling(request: AdmissionRequest, spec: Draft<Pod>['spec'], { scheduling }: RuntimeClass): void {
  for (const [key, value] of Object.entries(scheduling?.nodeSelector ?? {})) {
    const own = spec.nodeSelector?.[key];
    if (own !== undefined && own !== value) {
      throw refuse(
        request,
        `pod rejected: conflict: runtimeClass.scheduling.nodeSelector[${key}] = ${value}; pod.spec.nodeSelector[${key}] = ${own}`,
      );
    }
    (spec.nodeSelector ??= {})[key] = value;
  }
  for (const toleration of scheduling?.tolerations ?? []) {
    if (!(spec.tolerations ?? []).some((t) => deepEqual(t, toleration))) (spec.tolerations ??= []).push({ ...toleration });
  }
}
