/** The scale subresource: the number of pods of a workload, in the same form for all of them. */
import { parseAs } from '#api/parse.ts';
import { scaleKind } from '#api/definitions/workloads.ts';
import type { Scale } from '#api/kinds/autoscaling/v1.ts';
import type { LabelSelector } from '#api/kinds/meta/selectors.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { formatSelector, fromLabelSelector, fromMap } from '#api/labels.ts';
import { at } from '#api/fieldPath.ts';
import { Problems } from '#api/problem.ts';
import { decodeSeen } from '../../cache/bytes.ts';
import type { Answer, ApiCall, Handler } from '../../call.ts';
import { clauseOf } from '../../negotiate.ts';
import type { ResourceRequest, Verb } from '../../requestInfo.ts';
import { invalid, notFound, unsupportedMediaType } from '../../status.ts';
import { readBodyValue } from '../decode.ts';
import type { RegistryDeps } from '../deps.ts';
import { writeOptionsOf } from '../handlers.ts';
import { PATCH_TYPES } from '../patching.ts';
import { keyOf, settle } from '../reads.ts';
import type { KubeDraft, Resource } from '../types.ts';
import { seenObject } from '../views.ts';
import type { Writer } from '../writes.ts';

interface Scaled {
  readonly spec?: { readonly replicas?: number; readonly selector?: unknown };
  readonly status?: { readonly replicas?: number };
}

const SCALE = { group: 'autoscaling', kind: 'Scale' };

export function scaleHandlers(deps: RegistryDeps, writer: Writer, resource: Resource): Readonly<Partial<Record<Verb, Handler>>> {
  const write = async (call: ApiCall, makeScale: (now: Scale) => unknown): Promise<Answer> => {
    const info = call.info as ResourceRequest;
    const change = (old: KubeObject): KubeDraft => {
      const scale = checked(makeScale(scaleOf(old)), info.name);
      const draft = structuredClone(old) as unknown as KubeDraft & { spec: { replicas?: number } };
      draft.spec.replicas = scale.spec.replicas ?? 0;
      // The version the client saw counts for the workload as well.
      if (scale.metadata.resourceVersion === undefined) delete draft.metadata.resourceVersion;
      else draft.metadata.resourceVersion = scale.metadata.resourceVersion;
      return draft;
    };
    const { seen } = await writer.update(resource, info, { ...writeOptionsOf(call), change });
    return { kind: 'value', code: 200, value: scaleOf(decodeSeen(seen)) };
  };
  return {
    get: async (call) => {
      await settle(deps, { kind: 'newest' });
      const info = call.info as ResourceRequest;
      const object = resource.cache.get(keyOf(resource, info));
      if (object === undefined) throw notFound(resource.about, info.name);
      return { kind: 'value', code: 200, value: scaleOf(seenObject(resource, object)) };
    },
    update: async (call) => {
      const { value } = await readBodyValue(call, 'Scale');
      return write(call, () => value);
    },
    patch: async (call) => {
      const type = PATCH_TYPES.find((known) => known === clauseOf((call.headers['content-type'] as string | undefined) ?? '').type);
      if (type === undefined) throw unsupportedMediaType(PATCH_TYPES);
      const { value: patch } = await readBodyValue(call, 'Scale', type === 'application/apply-patch+yaml' ? 'yaml' : 'json');
      const { manager } = writeOptionsOf(call);
      const as: Resource = { ...resource, definition: scaleKind, group: 'autoscaling', version: 'v1' };
      return write(call, (now) =>
        deps.patcher.apply({
          resource: as,
          type,
          patch,
          current: now,
          manager,
          force: call.query.get('force') === 'true',
          subresource: 'scale',
          nowMs: deps.clock.nowMs(),
        }),
      );
    },
  };
}

function checked(value: unknown, name: string): Scale {
  const parsed = parseAs<Scale>(
    scaleKind as never,
    { ...(value as object), apiVersion: 'autoscaling/v1', kind: 'Scale' },
    { unknownFields: 'drop', check: 'structure' },
  );
  if (parsed.kind === 'problems') throw invalid(SCALE, name, parsed.problems);
  const replicas = parsed.object.spec.replicas ?? 0;
  const problems = new Problems();
  if (replicas < 0) problems.invalid(at('spec', 'replicas'), replicas, 'must be greater than or equal to 0');
  if (problems.count > 0) throw invalid(SCALE, name, problems.found);
  return parsed.object;
}

export function scaleOf(object: KubeObject): Scale {
  const { spec, status } = object as unknown as Scaled;
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const metadata = { name, namespace, uid, resourceVersion, creationTimestamp } as Scale['metadata'];
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata,
    spec: { replicas: spec?.replicas ?? 0 },
    status: { replicas: status?.replicas ?? 0, selector: selectorText(spec?.selector) },
  };
}

/** ReplicationControllers have a plain map, the others a LabelSelector. */
function selectorText(selector: unknown): string {
  if (typeof selector !== 'object' || selector === null) return '';
  const isLabelSelector = 'matchLabels' in selector || 'matchExpressions' in selector;
  return formatSelector(
    isLabelSelector ? fromLabelSelector(selector as LabelSelector) : fromMap(selector as Readonly<Record<string, string>>),
  );
}
