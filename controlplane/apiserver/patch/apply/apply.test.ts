import assert from 'node:assert/strict';
import { test } from 'node:test';
import { serviceKind } from '#api/definitions/service.ts';
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import { ApiError } from '../../status.ts';
import { Bench } from '../test/bench.ts';
import { LAST_APPLIED } from './lastApplied.ts';
import { keepTimes, managerName } from './update.ts';

const deployment = (spec: object, metadata: object = {}): object => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', ...metadata },
  spec,
});
const template = (...containers: readonly object[]): object => ({ metadata: { labels: { app: 'web' } }, spec: { containers } });
const base = (more: object = {}): object =>
  deployment({ selector: { matchLabels: { app: 'web' } }, template: template({ name: 'a', image: 'i:1' }), ...more });
const specOf = (object: KubeObject | undefined): Record<string, unknown> => (object as unknown as { spec: Record<string, unknown> }).spec;
const conflictOf = (run: () => unknown): ApiError => {
  let found: unknown;
  try {
    run();
  } catch (err) {
    found = err;
  }
  assert.ok(found instanceof ApiError && found.code === 'Conflict', `want a conflict, got ${String(found)}`);
  return found;
};

test('apply: creates an object, and owns what it names and no default', () => {
  const bench = new Bench();
  const made = bench.apply('alice', base({ replicas: 2 }));
  assert.equal(specOf(made)['replicas'], 2);
  assert.deepEqual(bench.owned('alice'), [
    '.spec.replicas',
    '.spec.selector',
    '.spec.template.metadata.labels.app',
    '.spec.template.spec.containers[name="a"]',
    '.spec.template.spec.containers[name="a"].image',
    '.spec.template.spec.containers[name="a"].name',
  ]);
  assert.deepEqual(made.metadata.managedFields?.[0], {
    manager: 'alice',
    operation: 'Apply',
    apiVersion: 'apps/v1',
    time: '2026-01-01T00:00:01Z',
    fieldsType: 'FieldsV1',
    fieldsV1: made.metadata.managedFields?.[0]?.fieldsV1,
  });
});

test('apply: the same again changes nothing, not even the time', () => {
  const bench = new Bench();
  const first = bench.apply('alice', base({ replicas: 2 }));
  assert.deepEqual(bench.apply('alice', base({ replicas: 2 })), first);
});

test('apply: a field that is left out goes, and falls back to its default', () => {
  const bench = new Bench();
  bench.apply('alice', base({ replicas: 2, paused: true }));
  const next = bench.apply('alice', base());
  assert.equal(specOf(next)['replicas'], 1);
  assert.equal(specOf(next)['paused'], undefined);
});

test('apply: a field that is left out stays where somebody else owns it, too', () => {
  const bench = new Bench();
  bench.apply('alice', base({ replicas: 2 }));
  bench.apply('bob', deployment({ replicas: 2 }));
  assert.deepEqual(bench.owned('bob'), ['.spec.replicas']);
  const next = bench.apply('alice', base());
  assert.equal(specOf(next)['replicas'], 2);
  assert.equal(bench.owned('alice').includes('.spec.replicas'), false);
});

test('apply: another value for what somebody else owns is a conflict, with the names of both', () => {
  const bench = new Bench();
  bench.apply('alice', base({ replicas: 2 }));
  const err = conflictOf(() => bench.apply('bob', deployment({ replicas: 3 })));
  assert.equal(err.message, 'Apply failed with 1 conflict: conflict with "alice": .spec.replicas');
  assert.deepEqual(err.status.details?.causes, [
    { reason: 'FieldManagerConflict', message: 'conflict with "alice"', field: '.spec.replicas' },
  ]);
  assert.equal(err.status.code, 409);
});

test('apply: several conflicts are told by manager', () => {
  const bench = new Bench();
  bench.apply('alice', base({ replicas: 2 }));
  bench.update('carol', { ...(bench.live as object), spec: { ...specOf(bench.live), paused: true, minReadySeconds: 3 } });
  const err = conflictOf(() => bench.apply('bob', deployment({ replicas: 3, paused: false, minReadySeconds: 4 })));
  assert.equal(
    err.message,
    'Apply failed with 3 conflicts: conflicts with "alice":\n- .spec.replicas\nconflicts with "carol" using apps/v1:\n- .spec.minReadySeconds\n- .spec.paused',
  );
});

test('apply: force takes the field over, and the other one no longer owns it', () => {
  const bench = new Bench();
  bench.apply('alice', base({ replicas: 2 }));
  const next = bench.apply('bob', deployment({ replicas: 3 }), { force: true });
  assert.equal(specOf(next)['replicas'], 3);
  assert.deepEqual(bench.owned('bob'), ['.spec.replicas']);
  assert.equal(bench.owned('alice').includes('.spec.replicas'), false);
});

test('apply: the same value makes both owners', () => {
  const bench = new Bench();
  bench.apply('alice', base({ replicas: 2 }));
  bench.apply('bob', deployment({ replicas: 2 }));
  assert.ok(bench.owned('alice').includes('.spec.replicas') && bench.owned('bob').includes('.spec.replicas'));
});

test('apply: each adds a container of its own, and takes only that one away', () => {
  const bench = new Bench();
  bench.apply('alice', base());
  bench.apply('bob', deployment({ template: { spec: { containers: [{ name: 'side', image: 's:1' }] } } }));
  const names = (): unknown =>
    (specOf(bench.live)['template'] as { spec: { containers: readonly { name: string }[] } }).spec.containers.map((x) => x.name);
  assert.deepEqual(names(), ['a', 'side']);
  const { spec: _, ...nothing } = deployment({}) as { spec: object };
  bench.apply('bob', nothing);
  assert.deepEqual(names(), ['a']);
  assert.deepEqual(bench.managers, ['alice/Apply'], 'who owns nothing is no manager');
});

test('apply: an element somebody else has put something into stays without what goes', () => {
  const bench = new Bench();
  bench.apply('alice', base());
  bench.apply('bob', deployment({ template: { spec: { containers: [{ name: 'a', tty: true }] } } }));
  bench.apply('alice', deployment({ selector: { matchLabels: { app: 'web' } }, template: { metadata: { labels: { app: 'web' } } } }));
  const { containers } = (specOf(bench.live)['template'] as { spec: { containers: readonly Record<string, unknown>[] } }).spec;
  assert.equal(containers[0]?.['name'], 'a');
  assert.equal(containers[0]?.['tty'], true);
  assert.equal(containers[0]?.['image'], undefined);
});

test('apply: an atomic map or list has one owner', () => {
  const bench = new Bench();
  bench.apply('alice', base());
  const err = conflictOf(() => bench.apply('bob', deployment({ selector: { matchLabels: { app: 'web', more: 'x' } } })));
  assert.match(err.message, /\.spec\.selector$/);
});

test('apply: ports are told apart by number and protocol, which has a default', () => {
  const bench = new Bench(serviceKind);
  const service = (...ports: readonly object[]): object => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 's' },
    spec: { ports },
  });
  bench.apply('alice', service({ name: 'dns', port: 53 }));
  bench.apply('bob', service({ name: 'dns-udp', port: 53, protocol: 'UDP' }));
  assert.equal((specOf(bench.live)['ports'] as unknown[]).length, 2);
  bench.apply('alice', service({ name: 'dns', port: 53, protocol: 'TCP' }));
  assert.equal((specOf(bench.live)['ports'] as unknown[]).length, 2);
  assert.ok(bench.owned('alice').includes('.spec.ports[port=53,protocol="TCP"].protocol'));
});

test('apply: quantities that are equal are no conflict', () => {
  const bench = new Bench();
  const limits = (memory: string): object =>
    deployment({ template: { spec: { containers: [{ name: 'a', resources: { limits: { memory } } }] } } });
  bench.apply('alice', base());
  bench.apply('bob', limits('1Gi'));
  bench.apply('carol', limits('1024Mi'));
  assert.ok(bench.owned('carol').some((text) => text.endsWith('.limits.memory')));
});

test('apply: null empties a field and owns it', () => {
  const bench = new Bench();
  bench.apply('alice', base());
  bench.update('scaler', { ...(bench.live as object), spec: { ...specOf(bench.live), paused: true } });
  conflictOf(() => bench.apply('alice', base({ paused: null })));
  const next = bench.apply('alice', base({ paused: null }), { force: true });
  assert.equal(specOf(next)['paused'], undefined);
});

test('update: whoever creates owns all it sent and the defaults that came with it, but not what the server keeps', () => {
  const bench = new Bench();
  bench.update('kubectl-create', base());
  const own = bench.owned('kubectl-create');
  assert.ok(own.includes('.spec.replicas') && own.includes('.spec.template.spec.containers[name="a"].image'));
  assert.deepEqual(
    own.filter((text) => ['.apiVersion', '.kind', '.metadata', '.metadata.name', '.metadata.namespace'].includes(text)),
    [],
  );
  assert.deepEqual(
    own.filter((text) => text.startsWith('.status')),
    [],
    'the status is not written here',
  );
});

test('update: takes over what it changes, leaves the rest to its owners, and what it removes belongs to nobody', () => {
  const bench = new Bench();
  bench.apply('alice', base({ replicas: 2, paused: true }));
  const { paused: _, ...spec } = specOf(bench.live);
  bench.update('bob', { ...(bench.live as object), spec: { ...spec, replicas: 5 } });
  assert.deepEqual(bench.owned('bob'), ['.spec.replicas']);
  assert.deepEqual(
    bench.owned('alice').filter((text) => ['.spec.replicas', '.spec.paused'].includes(text)),
    [],
  );
  assert.match(
    conflictOf(() => bench.apply('alice', base({ replicas: 2 }))).message,
    /conflict with "bob" using apps\/v1: \.spec\.replicas/,
  );
});

test('update: what a manager owned before stays its own', () => {
  const bench = new Bench();
  bench.apply('alice', base());
  bench.update('bob', { ...bench.live, spec: { ...specOf(bench.live), replicas: 5 } });
  bench.update('bob', { ...bench.live, spec: { ...specOf(bench.live), paused: true } });
  assert.deepEqual(bench.owned('bob'), ['.spec.paused', '.spec.replicas']);
});

test('update: a status has its own entry, and a write of the spec never owns it', () => {
  const bench = new Bench();
  bench.apply('alice', base());
  bench.update('controller', { ...(bench.live as object), status: { replicas: 3 } }, 'status');
  assert.deepEqual(bench.managers, ['alice/Apply', 'controller/Update/status']);
  assert.ok(bench.owned('controller').includes('.status.replicas'));
  bench.update('bob', { ...(bench.live as object), status: { replicas: 4 } });
  assert.equal(bench.managers.includes('bob/Update'), false);
  assert.match(
    conflictOf(() => bench.apply('x', { ...deployment({}), status: { replicas: 9 } }, { subresource: 'status' })).message,
    /with subresource "status" using apps\/v1/,
  );
});

test('update: nothing changed leaves the record as it is', () => {
  const bench = new Bench();
  bench.apply('alice', base());
  const before = bench.live?.metadata.managedFields;
  bench.update('bob', bench.live as object);
  assert.deepEqual(bench.live?.metadata.managedFields, before);
});

test('update: a client may take its entries away, and then nobody owns anything until the next apply', () => {
  const bench = new Bench();
  bench.apply('alice', base());
  bench.update('bob', { ...(bench.live as object), metadata: { ...bench.live?.metadata, managedFields: [{}] } });
  assert.deepEqual(bench.managers, []);
  bench.update('bob', { ...(bench.live as object), spec: { ...specOf(bench.live), replicas: 7 } });
  assert.deepEqual(bench.managers, []);
  conflictOf(() => bench.apply('alice', base({ replicas: 2 })));
  bench.apply('alice', base());
  assert.deepEqual(bench.managers, ['alice/Apply', 'before-first-apply/Update']);
});

test('update: a client that loses or breaks the record does not', () => {
  for (const managedFields of [undefined, [{ manager: 'x', operation: 'Apply', fieldsType: 'FieldsV1', fieldsV1: { spec: {} } }]]) {
    const bench = new Bench();
    bench.apply('alice', base());
    bench.update('bob', { ...(bench.live as object), metadata: { ...bench.live?.metadata, managedFields } });
    assert.deepEqual(bench.managers, ['alice/Apply']);
  }
});

test('update: no more than ten managers by update are kept; the oldest become one', () => {
  const bench = new Bench();
  bench.apply('alice', base());
  for (let i = 0; i < 14; i++) {
    bench.update(`u${String(i).padStart(2, '0')}`, {
      ...(bench.live as object),
      metadata: { ...bench.live?.metadata, annotations: { ...bench.live?.metadata.annotations, [`a${i}`]: 'x' } },
    });
  }
  assert.equal(bench.managers.filter((name) => name.includes('/Update')).length, 10);
  assert.deepEqual(bench.owned('ancient-changes').filter((text) => text.startsWith('.metadata.annotations.')).length, 5);
  assert.ok(bench.managers.includes('u13/Update') && bench.managers.includes('alice/Apply'));
});

test('keepTimes: a write that changes only times is none', () => {
  const bench = new Bench();
  const live = bench.apply('alice', base());
  const later = {
    ...live,
    metadata: {
      ...live.metadata,
      resourceVersion: '7',
      managedFields: live.metadata.managedFields?.map((e) => ({ ...e, time: '2027-01-01T00:00:00Z' })),
    },
  } as KubeObject;
  assert.equal(keepTimes(live, later).metadata.managedFields, live.metadata.managedFields);
  const changed = { ...later, metadata: { ...later.metadata, labels: { a: 'b' } } } as KubeObject;
  assert.equal(keepTimes(live, changed), changed);
});

test('kubectl: takes over without a conflict what client-side apply set and nobody has changed', () => {
  const bench = new Bench();
  const sent = base({ replicas: 2 });
  const annotated = (config: object): object => ({
    ...config,
    metadata: { name: 'web', namespace: 'default', annotations: { [LAST_APPLIED]: `${JSON.stringify(sent)}\n` } },
  });
  bench.update('kubectl-client-side-apply', annotated(sent));
  const next = bench.apply('kubectl', base({ replicas: 3 }));
  assert.equal(specOf(next)['replicas'], 3);
  const kept = JSON.parse(next.metadata.annotations?.[LAST_APPLIED] ?? '') as { spec: { replicas: number }; metadata: object };
  assert.equal(kept.spec.replicas, 3, 'the annotation follows');
  assert.deepEqual(kept.metadata, { name: 'web', namespace: 'default' });
});

test('kubectl: what somebody changed since client-side apply is a conflict, and so is everything for other managers', () => {
  const sent = base({ replicas: 2 });
  const made = (): Bench => {
    const bench = new Bench();
    bench.update('kubectl-client-side-apply', {
      ...sent,
      metadata: { name: 'web', namespace: 'default', annotations: { [LAST_APPLIED]: JSON.stringify(sent) } },
    });
    return bench;
  };
  const scaled = made();
  scaled.update('scaler', { ...(scaled.live as object), spec: { ...specOf(scaled.live), replicas: 9 } });
  assert.match(
    conflictOf(() => scaled.apply('kubectl', base({ replicas: 3, paused: false }))).message,
    /conflict with "scaler" using apps\/v1: \.spec\.replicas/,
  );
  conflictOf(() => made().apply('flux', base({ replicas: 3 })));
});

for (const [sentence, config, message] of [
  ['another kind', { apiVersion: 'v1', kind: 'Pod' }, /^invalid object type: v1, Kind=Pod/],
  ['a list', [], /want one object/],
  ['managedFields', deployment({}, { managedFields: [] }), /^metadata.managedFields must be nil$/],
  [
    'a field nobody knows',
    deployment({ replica: 1 }),
    /^failed to create typed patch object \(default\/web; apps\/v1, Kind=Deployment\): \.spec\.replica: field not declared in schema, did you mean/,
  ],
  ['a value of the wrong type', deployment({ replicas: 'x' }), /\.spec\.replicas: /],
  [
    'an element twice',
    base({ template: template({ name: 'a' }, { name: 'a' }) }),
    /\.spec\.template\.spec\.containers: duplicate entries for key \[name="a"\]/,
  ],
] as const) {
  test(`apply: refuses ${sentence}`, () => {
    assert.throws(
      () => new Bench().apply('alice', config),
      (err) => err instanceof ApiError && err.code === 'BadRequest' && message.test(err.message),
    );
  });
}

test('managerName: the parameter, or the program of the User-Agent', () => {
  assert.equal(managerName('x', 'kubectl/v1.36 (linux)'), 'x');
  assert.equal(managerName('', 'kubectl/v1.36 (linux)'), 'kubectl');
  assert.equal(managerName(undefined, `a\u0000b${'c'.repeat(200)}`), `ab${'c'.repeat(126)}`);
  assert.equal(managerName(undefined, undefined), '');
});
