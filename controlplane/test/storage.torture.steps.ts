/** What the writers of the torture test do, for the process that writes and for the one that checks. */
import type { Store } from '../apiserver/storage/store.ts';

/** The state of a writer's two keys after so many steps. Keys that are written together must never be seen apart. */
export interface WriterState {
  readonly left: string | undefined;
  readonly right: string | undefined;
}

/** Step n of 4: create both, update both, update both with something large, delete both. */
export function stateAfter(writer: number, steps: number): WriterState {
  if (steps % 4 === 0) return { left: undefined, right: undefined };
  const size = steps % 4 === 3 ? 20_000 : 300 + ((writer * 7 + steps * 13) % 3_000);
  const text = `${writer}/${steps} `.repeat(size).slice(0, size);
  return { left: `left ${text}`, right: `right ${text}` };
}

export function keysOf(writer: number): readonly [left: string, right: string] {
  return [`/registry/left/${writer}`, `/registry/right/${writer}`];
}

/** How many steps the store holds, told by a counter that is written in the same transactions. */
export async function stepsDone(store: Store, writer: number): Promise<number> {
  const entry = await store.get(`/registry/steps/${writer}`);
  return entry === undefined ? 0 : Number(Buffer.from(entry.value).toString());
}

/** Writes step after step; done is told each one that was acknowledged. */
export async function runWriter(
  store: Store,
  writer: number,
  from: number,
  done: (step: number, revision: number) => void,
): Promise<never> {
  const keys = keysOf(writer);
  const counter = `/registry/steps/${writer}`;
  let revision = (await store.get(keys[0]))?.modRevision ?? 0;
  let counted = (await store.get(counter))?.modRevision ?? 0;
  for (let step = from + 1; ; step++) {
    const state = stateAfter(writer, step);
    const values = [state.left, state.right];
    const count = Buffer.from(String(step));
    const ifRevision = revision;
    revision = await store.transact([
      ...keys.map((key, i) => {
        const value = values[i];
        if (value === undefined) return { kind: 'delete', key, ifRevision } as const;
        return ifRevision === 0
          ? ({ kind: 'create', key, value: Buffer.from(value) } as const)
          : ({ kind: 'update', key, value: Buffer.from(value), ifRevision } as const);
      }),
      counted === 0 ? { kind: 'create', key: counter, value: count } : { kind: 'update', key: counter, value: count, ifRevision: counted },
    ]);
    counted = revision;
    done(step, revision);
    if (state.left === undefined) revision = 0;
  }
}
