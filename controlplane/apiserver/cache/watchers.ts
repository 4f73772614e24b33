/**
 * The watches of one resource that are up to date. Watches that want the same are one group: what happened is looked at, and put into
 * bytes, once for all of them. A watch that falls behind leaves its group and catches up by itself (watch.ts).
 */
import type { Chunk, JsonBytes } from '../call.ts';
import { joinFrames, tell, type CacheEvent, type EventType } from './events.ts';
import { filterText, wantedValue, type Filter } from './filter.ts';
import type { CachedObject } from './object.ts';

/** The form in which a watch wants its objects. */
export interface View {
  /** Views with the same name make the same bytes. */
  readonly name: string;
  pieces(object: CachedObject): JsonBytes;
  /** An object that says nothing but its resourceVersion. */
  bookmark(revision: number, annotations?: Readonly<Record<string, string>>): Uint8Array;
}

export interface LiveWatch {
  /** Takes bytes that bring it up to this revision. */
  deliver(chunk: Chunk, revision: number, events: number): void;
}

interface Group {
  readonly filter: Filter;
  readonly view: View;
  readonly members: Set<LiveWatch>;
}

/** Fields by which clients watch single objects or the objects of one node: there may be thousands of such groups. */
const TRIGGERS = ['metadata.name', 'spec.nodeName'];

export class Watchers {
  readonly #groups = new Map<string, Group>();
  /** Groups that only a change of an object with this value can concern. */
  readonly #triggered = new Map<string, Set<Group>>();
  readonly #general = new Set<Group>();

  get size(): number {
    let size = 0;
    for (const { members } of this.#groups.values()) size += members.size;
    return size;
  }

  /** Returns how to leave. */
  join(watch: LiveWatch, filter: Filter, view: View): () => void {
    const key = `${view.name}\n${filterText(filter)}`;
    let group = this.#groups.get(key);
    if (group === undefined) {
      group = { filter, view, members: new Set() };
      this.#groups.set(key, group);
      this.#place(group, 'add');
    }
    const joined = group;
    joined.members.add(watch);
    return () => {
      if (!joined.members.delete(watch) || joined.members.size > 0) return;
      this.#groups.delete(key);
      this.#place(joined, 'delete');
    };
  }

  dispatch(events: readonly CacheEvent[], revision: number): void {
    for (const group of this.#concerned(events)) {
      const told: (readonly [EventType, JsonBytes])[] = [];
      for (const event of events) {
        const found = tell(event, group.filter);
        if (found !== undefined) told.push([found.type, group.view.pieces(found.object)]);
      }
      if (told.length === 0) continue;
      const chunk = joinFrames(told);
      for (const member of group.members) member.deliver(chunk, revision, told.length);
    }
  }

  #place(group: Group, how: 'add' | 'delete'): void {
    const trigger = triggerOf(group.filter);
    if (trigger === undefined) return void this.#general[how](group);
    const groups = this.#triggered.get(trigger) ?? new Set();
    groups[how](group);
    if (groups.size === 0) this.#triggered.delete(trigger);
    else this.#triggered.set(trigger, groups);
  }

  #concerned(events: readonly CacheEvent[]): Iterable<Group> {
    if (this.#triggered.size === 0) return this.#general;
    const groups = new Set(this.#general);
    for (const { before, after } of events) {
      for (const object of [before, after]) {
        if (object === undefined) continue;
        for (const field of TRIGGERS) {
          for (const group of this.#triggered.get(`${field}=${object.field(field)}`) ?? []) groups.add(group);
        }
      }
    }
    return groups;
  }
}

function triggerOf(filter: Filter): string | undefined {
  for (const field of TRIGGERS) {
    const value = wantedValue(filter, field);
    if (value !== undefined) return `${field}=${value}`;
  }
  return undefined;
}
