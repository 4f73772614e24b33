/** A server with one object, which keeps what it is told as the real one does: with defaults and the record of owners. For tests. */
import assert from 'node:assert/strict';
import { applyDefaults, fillRequired } from '#api/defaults.ts';
import { deploymentKind } from '#api/definitions/workloads.ts';
import type { KubeObject, ManagedFieldsEntry } from '#api/kinds/meta/objectMeta.ts';
import { parseAs } from '#api/parse.ts';
import { normalize } from '#api/prune.ts';
import type { KindDefinition } from '#api/scheme.ts';
import { applyConfig } from '../apply/apply.ts';
import { pathsOf, pathText, type FieldSet } from '../apply/fieldSet.ts';
import { resetFieldsOf } from '../apply/resetFields.ts';
import { trackUpdate } from '../apply/update.ts';

const START = Date.parse('2026-01-01T00:00:00Z');

const texts = (entry: ManagedFieldsEntry): readonly string[] =>
  pathsOf(entry.fieldsV1 as FieldSet)
    .map(pathText)
    .toSorted();
function kept(definition: KindDefinition, document: unknown): KubeObject {
  const parsed = parseAs(definition, document, { check: 'structure' });
  if (parsed.kind === 'object') return parsed.object;
  // Who takes half of something away leaves something that is refused; who owns what is the same.
  assert.ok(
    parsed.problems.every((p) => p.kind === 'required'),
    JSON.stringify(parsed),
  );
  const draft = normalize(definition.schema, document, 'drop');
  fillRequired(definition.schema, draft);
  applyDefaults(definition.schema, draft);
  return draft;
}

export class Bench {
  live: KubeObject | undefined;
  nowMs = START;
  readonly definition: KindDefinition;
  constructor(definition: KindDefinition = deploymentKind) {
    this.definition = definition;
  }

  #parse(document: unknown): KubeObject {
    return kept(this.definition, document);
  }

  apply(manager: string, config: object, more: { readonly force?: true; readonly subresource?: string } = {}): KubeObject {
    this.nowMs += 1_000;
    const { subresource = '' } = more;
    const document = applyConfig({
      definition: this.definition,
      live: this.live,
      config,
      manager,
      onConflict: more.force === true ? 'force' : 'refuse',
      subresource,
      resetFields: resetFieldsOf(this.definition, subresource),
      nowMs: this.nowMs,
    });
    return (this.live = this.#parse(document));
  }

  update(manager: string, document: object, subresource = ''): KubeObject {
    this.nowMs += 1_000;
    const object = this.#parse(document);
    const resetFields = resetFieldsOf(this.definition, subresource);
    const managedFields = trackUpdate({
      definition: this.definition,
      live: this.live,
      object,
      manager,
      subresource,
      resetFields,
      nowMs: this.nowMs,
    });
    const { managedFields: _, ...metadata } = object.metadata;
    return (this.live = { ...object, metadata: { ...metadata, ...(managedFields === undefined ? {} : { managedFields }) } });
  }

  /** What each manager owns, as texts. */
  owned(name: string): readonly string[] {
    return (this.live?.metadata.managedFields ?? []).filter((e) => e.manager === name).flatMap((e) => texts(e));
  }

  get managers(): readonly string[] {
    return (this.live?.metadata.managedFields ?? []).map(
      (e) => `${e.manager}/${e.operation}${e.subresource === undefined ? '' : `/${e.subresource}`}`,
    );
  }
}
