/**
 * Goes through the keys of a Map or Set that grows at its end and is emptied at its beginning. Asking such a Map for its first key each time
 * costs as much as was deleted before it; one iterator that stays goes past each key once, and sees what is added behind it.
 * Only for those whose keys are all asked for sooner or later: an iterator that stands still keeps each table that the Map outgrew, so that
 * one that is added to and deleted from all the time would take ever more memory.
 */
export class Oldest<K> {
  readonly #begin: () => IterableIterator<K>;
  #at: IterableIterator<K>;

  /** begin: () => map.keys() */
  constructor(begin: () => IterableIterator<K>) {
    this.#begin = begin;
    this.#at = begin();
  }

  /** The oldest key that was not handed out before; the caller deletes it. undefined: there is none. */
  next(): K | undefined {
    const next = this.#at.next();
    if (next.done !== true) return next.value;
    // An iterator that has come to the end stays there.
    this.#at = this.#begin();
    const first = this.#at.next();
    return first.done === true ? undefined : first.value;
  }
}
