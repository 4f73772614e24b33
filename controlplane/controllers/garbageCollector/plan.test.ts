import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { KubeObject, OwnerReference } from '#api/kinds/meta/objectMeta.ts';
import { FOREGROUND, Graph, hasFinalizer, isDeletingDependents, isMarked, ORPHAN, ownersOf } from './graph.ts';
import { planObject, type Action, type ObjectView, type OwnerState } from './plan.ts';

const ref = (uid: string, blockOwnerDeletion = true): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'X',
  name: uid,
  uid,
  blockOwnerDeletion,
});
const object = (uid: string, over: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  metadata: { name: uid, uid, resourceVersion: '1', ...over },
});
const going = (uid: string, finalizer: string): KubeObject => object(uid, { deletionTimestamp: 'x', finalizers: [finalizer, 'other'] });
const owners = (...states: readonly (readonly [uid: string, state: OwnerState])[]) =>
  states.map(([uid, state]) => ({ reference: ref(uid), state }));
const told = (actions: readonly Action[]): readonly string[] =>
  actions.map((a) => {
    switch (a.kind) {
      case 'keepOwners':
        return `keep ${a.owners.map((o) => `${o.uid}${o.blockOwnerDeletion === false ? '(free)' : ''}`).join()}`;
      case 'delete':
        return `delete ${a.policy}`;
      case 'release':
        return `release ${a.dependent.metadata.uid} from ${a.owner}`;
      case 'dropFinalizer':
        return `drop ${a.finalizer}`;
      case 'ring':
        return `ring ${a.uid}`;
    }
  });

const ROWS: readonly (readonly [name: string, view: Partial<ObjectView>, wanted: readonly string[]])[] = [
  ['what is gone is done with', { live: undefined }, []],
  ['without owners nothing happens', {}, []],
  ['an owner that stays keeps it', { owners: owners(['a', 'solid']) }, []],
  ['the last owner is gone', { owners: owners(['a', 'dangling'], ['b', 'dangling']) }, ['delete Background']],
  ['one of two is gone', { owners: owners(['a', 'dangling'], ['b', 'solid']) }, ['keep b']],
  ['one of two ends after its dependents, the other stays', { owners: owners(['a', 'waiting'], ['b', 'solid']) }, ['keep b']],
  ['the owner waits for it', { owners: owners(['a', 'waiting']) }, ['delete Background']],
  ['the owner waits for it, and it has dependents', { owners: owners(['a', 'waiting']), dependents: [object('d')] }, ['delete Foreground']],
  ['one that cannot be asked about: nothing is decided', { owners: owners(['a', 'unclear'], ['b', 'dangling']) }, []],
  ['it ends already', { live: object('o', { deletionTimestamp: 'x' }), owners: owners(['a', 'dangling']) }, []],
  [
    'in a circle it lets go first',
    {
      live: object('o', { ownerReferences: [ref('a')] }),
      owners: owners(['a', 'waiting']),
      dependents: [{ metadata: { ...going('a', FOREGROUND).metadata, ownerReferences: [ref('o')] } }],
    },
    ['keep a(free)', 'delete Foreground'],
  ],
  [
    'orphans: each dependent is let go before its owner goes',
    {
      live: going('o', ORPHAN),
      dependents: [object('d', { ownerReferences: [ref('o')] }), object('e', { ownerReferences: [ref('o', false)] })],
    },
    ['release d from o', 'release e from o', 'drop orphan'],
  ],
  ['in the foreground nothing is left', { live: going('o', FOREGROUND), dependents: [] }, ['drop foregroundDeletion']],
  [
    'in the foreground one is left, and one that does not matter',
    {
      live: going('o', FOREGROUND),
      dependents: [object('d', { ownerReferences: [ref('o')] }), object('e', { ownerReferences: [ref('o', false)] })],
    },
    ['ring d'],
  ],
  [
    'in the foreground the one that is left waits for its own',
    { live: going('o', FOREGROUND), dependents: [{ metadata: { ...going('d', FOREGROUND).metadata, ownerReferences: [ref('o')] } }] },
    [],
  ],
  [
    'what it was told for its own dependents holds',
    { live: object('o', { finalizers: [ORPHAN] }), owners: owners(['a', 'dangling']) },
    ['delete Orphan'],
  ],
];
for (const [name, view, wanted] of ROWS)
  test(name, () => assert.deepEqual(told(planObject({ live: object('o'), dependents: [], owners: [], ...view })), wanted));

/** A server in a map, with the deletion of the real one, and the collector's graph beside it. */
class Simulated {
  readonly objects = new Map<string, KubeObject>();
  readonly graph = new Graph();
  readonly queue = new Set<string>();
  readonly gone: string[] = [];

  set(next: KubeObject): void {
    const { uid = '', deletionTimestamp, finalizers = [] } = next.metadata;
    if (deletionTimestamp !== undefined && finalizers.length === 0) return this.#remove(uid);
    this.objects.set(uid, next);
    for (const rung of this.graph.set({ ...next, type: { apiVersion: 'v1', kind: 'X', plural: 'xs', namespaced: true } }))
      this.queue.add(rung);
  }

  #remove(uid: string): void {
    this.objects.delete(uid);
    this.gone.push(uid);
    for (const rung of this.graph.remove(uid)) this.queue.add(rung);
  }

  delete(uid: string, policy: 'Background' | 'Foreground' | 'Orphan'): void {
    const found = this.objects.get(uid);
    if (found === undefined) return;
    const others = (found.metadata.finalizers ?? []).filter((f) => f !== ORPHAN && f !== FOREGROUND);
    const finalizers = policy === 'Background' ? others : [...others, policy === 'Orphan' ? ORPHAN : FOREGROUND];
    this.set({ metadata: { ...found.metadata, deletionTimestamp: 'x', finalizers } });
  }

  turn(uid: string): void {
    this.queue.delete(uid);
    if (this.graph.get(uid) === undefined) return;
    const live = this.objects.get(uid);
    const states = live === undefined ? [] : ownersOf(live).map((reference) => ({ reference, state: this.#stateOf(reference.uid) }));
    for (const action of planObject({ live, dependents: this.graph.dependents(uid), owners: states })) this.#act(action);
  }

  #stateOf(uid: string): OwnerState {
    const owner = this.objects.get(uid);
    return owner === undefined ? 'dangling' : isDeletingDependents(owner) ? 'waiting' : 'solid';
  }

  #act(action: Action): void {
    if (action.kind === 'ring') return void this.queue.add(action.uid);
    const now = this.objects.get((action.kind === 'release' ? action.dependent : action.live).metadata.uid ?? '');
    if (now === undefined) return;
    const { uid = '', finalizers = [] } = now.metadata;
    if (action.kind === 'keepOwners') this.set({ metadata: { ...now.metadata, ownerReferences: [...action.owners] } });
    else if (action.kind === 'dropFinalizer')
      this.set({ metadata: { ...now.metadata, finalizers: finalizers.filter((f) => f !== action.finalizer) } });
    else if (action.kind === 'release')
      this.set({ metadata: { ...now.metadata, ownerReferences: ownersOf(now).filter((o) => o.uid !== action.owner) } });
    else this.delete(uid, action.policy);
  }
}

/** Whether one depends on another, by whatever many steps. */
function isBelow(owners: ReadonlyMap<string, readonly string[]>, uid: string, above: string, seen = new Set<string>()): boolean {
  if (seen.has(uid)) return false;
  seen.add(uid);
  return (owners.get(uid) ?? []).some((owner) => owner === above || isBelow(owners, owner, above, seen));
}

test('in any web of owners, circles too: what has an owner left stays, what has none goes, and owners in the foreground go last', () => {
  const counted = { foreground: 0, orphan: 0, circle: 0, kept: 0 };
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  const webs = fc.array(
    fc.tuple(
      fc.constantFrom(...names),
      fc.uniqueArray(fc.tuple(fc.constantFrom(...names, 'absent'), fc.boolean()), { selector: ([n]) => n, maxLength: 3 }),
    ),
    { maxLength: 9 },
  );
  const steps = fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom('Background', 'Foreground', 'Orphan')), {
    minLength: 1,
    maxLength: 4,
  });
  fc.assert(
    fc.property(webs, steps, fc.array(fc.nat(50), { minLength: 30, maxLength: 30 }), (web, deletions, order) => {
      const world = new Simulated();
      const wanted = new Map(web.map(([uid, of]) => [uid, of.filter(([owner]) => owner !== uid)]));
      for (const uid of names)
        world.set(object(uid, { ownerReferences: (wanted.get(uid) ?? []).map(([owner, blocks]) => ref(owner, blocks)) }));
      let turns = 0;
      const settle = (): void => {
        while (world.queue.size > 0) {
          const all = [...world.queue];
          world.turn(all[(order[turns % order.length] ?? 0) % all.length] ?? '');
          assert.ok((turns += 1) < 2_000, 'it comes to rest');
        }
      };
      settle();
      for (const [uid, policy] of deletions) {
        if (!world.objects.has(uid)) continue;
        const dependents = [...world.objects.values()].filter((o) => ownersOf(o).some((owner) => owner.uid === uid));
        const blocking = dependents.filter(
          (o) => ownersOf(o).length === 1 && ownersOf(o)[0]?.blockOwnerDeletion === true && o.metadata.uid !== uid,
        );
        const owners = new Map([...world.objects].map(([name, o]) => [name, ownersOf(o).map((owner) => owner.uid)]));
        const before = world.gone.length;
        world.delete(uid, policy);
        settle();
        const gone = world.gone.slice(before);
        assert.ok(gone.includes(uid), `${uid} goes`);
        if (policy === 'Orphan') {
          counted.orphan += 1;
          for (const { metadata } of dependents) assert.ok(world.objects.has(metadata.uid ?? ''), 'who is left alone stays');
        }
        if (policy === 'Foreground' && blocking.length > 0) {
          counted.foreground += 1;
          for (const { metadata } of blocking) {
            const at = gone.indexOf(metadata.uid ?? '');
            assert.ok(at >= 0, 'a dependent goes too');
            // In a circle nobody can be last.
            if (isBelow(owners, uid, metadata.uid ?? '')) counted.circle += 1;
            else assert.ok(at < gone.indexOf(uid), `${metadata.uid} goes before ${uid}`);
          }
        }
        for (const o of world.objects.values()) {
          assert.ok(!isMarked(o), 'nothing hangs');
          assert.ok(!hasFinalizer(o, FOREGROUND) && !hasFinalizer(o, ORPHAN));
          const of = ownersOf(o);
          if (of.length > 0) {
            counted.kept += 1;
            assert.ok(
              of.some((owner) => world.objects.has(owner.uid)),
              'what has no owner left has gone',
            );
          }
        }
      }
      // A new collector finds nothing to do.
      const again = new Graph();
      for (const o of world.objects.values()) again.set({ ...o, type: { apiVersion: 'v1', kind: 'X', plural: 'xs', namespaced: true } });
      for (const uid of again.pending()) {
        const live = world.objects.get(uid)!;
        const states = ownersOf(live).map((reference) => ({
          reference,
          state: world.objects.has(reference.uid) ? ('solid' as const) : ('dangling' as const),
        }));
        assert.deepEqual(planObject({ live, dependents: again.dependents(uid), owners: states }), []);
      }
    }),
    { numRuns: 400 },
  );
  assert.ok(counted.foreground > 20 && counted.orphan > 20 && counted.kept > 20 && counted.circle > 0, JSON.stringify(counted));
});

test('in the foreground a chain ends from below', () => {
  const world = new Simulated();
  world.set(object('deployment'));
  world.set(object('replicaset', { ownerReferences: [ref('deployment')] }));
  world.set(object('pod', { ownerReferences: [ref('replicaset')], finalizers: ['kubelet'] }));
  world.delete('deployment', 'Foreground');
  while (world.queue.size > 0) world.turn([...world.queue][0] ?? '');
  assert.deepEqual(world.gone, []);
  const pod = world.objects.get('pod')!;
  assert.ok(isMarked(pod));
  world.set({ metadata: { ...pod.metadata, finalizers: [] } });
  while (world.queue.size > 0) world.turn([...world.queue][0] ?? '');
  assert.deepEqual(world.gone, ['pod', 'replicaset', 'deployment']);
});
