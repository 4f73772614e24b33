import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deploymentKind } from '#api/definitions/workloads.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { parseAs } from '#api/parse.ts';
import { Problems } from '#api/problem.ts';
import type { KubeDraft, Resource } from '../registry/types.ts';
import type { PatchType } from '../registry/patching.ts';
import { ApiError } from '../status.ts';
import { checkFieldManager, checkPatchOptions } from './options.ts';
import { makePatching } from './plugin.ts';

const resource = { definition: deploymentKind } as unknown as Resource;
const NOW = Date.parse('2026-01-01T00:00:00Z');
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'a', image: 'i' }] } },
  },
};

function parse(document: unknown): KubeDraft {
  const parsed = parseAs(deploymentKind, document, { check: 'structure' });
  assert.ok(parsed.kind === 'object', JSON.stringify(parsed));
  return parsed.object as unknown as KubeDraft;
}

/** What the registry does: patch, parse, record. */
function patchOnce(type: PatchType, patch: unknown, old: KubeObject | undefined, manager: string): KubeObject {
  const { patcher, ownership } = makePatching();
  const common = { resource, manager, subresource: '', nowMs: NOW };
  const draft = parse(patcher.apply({ ...common, type, patch, current: old, force: false }));
  ownership.record(draft, { ...common, old, operation: type === 'application/apply-patch+yaml' ? 'Apply' : 'Update' });
  return draft;
}

const managers = (object: KubeObject): readonly string[] => (object.metadata.managedFields ?? []).map((e) => `${e.manager}/${e.operation}`);

test('plugin: an apply that creates is recorded as one', () => {
  assert.deepEqual(managers(patchOnce('application/apply-patch+yaml', deployment, undefined, 'alice')), ['alice/Apply']);
});

test('plugin: an apply of an object that is there is recorded as one, and a patch as an update', () => {
  const made = patchOnce('application/apply-patch+yaml', deployment, undefined, 'alice');
  const applied = patchOnce('application/apply-patch+yaml', { ...deployment, spec: { ...deployment.spec, replicas: 3 } }, made, 'alice');
  assert.deepEqual(managers(applied), ['alice/Apply']);
  for (const [type, patch] of [
    ['application/merge-patch+json', { spec: { replicas: 4 } }],
    ['application/strategic-merge-patch+json', { spec: { replicas: 4 } }],
    ['application/json-patch+json', [{ op: 'replace', path: '/spec/replicas', value: 4 }]],
  ] as const) {
    const patched = patchOnce(type, patch, applied, 'bob');
    assert.deepEqual(managers(patched), ['alice/Apply', 'bob/Update'], type);
    assert.deepEqual(patched.metadata.managedFields?.[1]?.fieldsV1, { 'f:spec': { 'f:replicas': {} } });
  }
});

test('plugin: a create is recorded, and an update that changes nothing is as it was', () => {
  const { ownership } = makePatching();
  const draft = parse(deployment);
  ownership.record(draft, { resource, old: undefined, manager: 'kubectl-create', subresource: '', operation: 'Update', nowMs: NOW });
  const live = draft as unknown as KubeObject;
  assert.deepEqual(managers(live), ['kubectl-create/Update']);
  const again = parse(structuredClone(live));
  ownership.record(again, { resource, old: live, manager: 'kubectl-create', subresource: '', operation: 'Update', nowMs: NOW + 5_000 });
  assert.deepEqual(again, draft);
});

test('plugin: a strategic patch of a kind without a schema of fields, and cbor, are refused', () => {
  const { patcher } = makePatching();
  const custom = { definition: { ...deploymentKind, schema: { type: 'object' } } } as unknown as Resource;
  const input = { patch: {}, current: undefined, manager: 'x', force: false, subresource: '', nowMs: NOW };
  const message = (type: PatchType, of: Resource): string => {
    try {
      patcher.apply({ ...input, resource: of, type });
    } catch (err) {
      if (err instanceof ApiError) return `${err.status.code} ${err.message}`;
    }
    return 'taken';
  };
  assert.equal(
    message('application/strategic-merge-patch+json', custom),
    '415 the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
  );
  assert.match(message('application/apply-patch+cbor', resource), /^415 /);
});

test('plugin: a patch nested without end is refused', () => {
  let deep: unknown = 1;
  for (let i = 0; i < 50_000; i++) deep = [deep];
  for (const type of [
    'application/merge-patch+json',
    'application/strategic-merge-patch+json',
    'application/json-patch+json',
    'application/apply-patch+yaml',
  ] as const) {
    assert.throws(() => patchOnce(type, { spec: deep }, undefined, 'x'), /nested more than 100 levels deep/);
  }
});

test('options: an apply needs a manager, a patch takes no force, and managers are short and printable', () => {
  const refused = (run: () => void): string => {
    try {
      run();
    } catch (err) {
      return err instanceof ApiError ? err.message : String(err);
    }
    return 'taken';
  };
  assert.match(
    refused(() => checkPatchOptions({ kind: 'apply', fieldManager: '', force: undefined })),
    /^PatchOptions\.meta\.k8s\.io "" is invalid: fieldManager: Required value: is required for apply patch$/,
  );
  assert.match(
    refused(() => checkPatchOptions({ kind: 'patch', fieldManager: 'x', force: 'true' })),
    /force: Forbidden: may not be specified for non-apply patch$/,
  );
  assert.equal(
    refused(() => checkPatchOptions({ kind: 'apply', fieldManager: 'x', force: 'true' })),
    'taken',
  );
  const problems = new Problems();
  checkFieldManager(`${'x'.repeat(128)}\n`, problems);
  assert.deepEqual(
    problems.found.map((p) => p.message),
    [
      'Too long: may not be more than 128 bytes',
      `Invalid value: ${JSON.stringify(`${'x'.repeat(128)}\n`)}: invalid character U+000A (at position 128)`,
    ],
  );
});
