/** Writes ControllerRevisions for their owner. */
import type { ControllerRevision } from '#api/kinds/apps/v1.ts';
import { isAlreadyExists, isConflict, isNamespaceTerminating } from '#client/errors.ts';
import type { ResourceClient } from '#client/rest.ts';
import type { Cache, Expectations } from './expectations.ts';
import { isControlledBy } from './owners.ts';
import { unlessGone } from './parts.ts';
import type { RevisionAction } from './revisions.ts';
import { canonical, type Owned } from './template.ts';

export interface RevisionControlOptions {
  readonly client: ResourceClient<ControllerRevision>;
  readonly cache: Cache;
  readonly expectations: Expectations;
}

export class RevisionControl {
  readonly #options: RevisionControlOptions;

  constructor(options: RevisionControlOptions) {
    this.#options = options;
  }

  /** True: the name is taken by something else, and the next one has to be tried. */
  async act(key: string, { object }: Owned, action: RevisionAction, signal: AbortSignal): Promise<boolean> {
    const { client, cache, expectations } = this.#options;
    const { namespace = '' } = object.metadata;
    switch (action.kind) {
      case 'createRevision':
        try {
          expectations.written(key, cache, await client.create(action.revision, { signal }));
          return false;
        } catch (err) {
          if (isNamespaceTerminating(err)) return false;
          if (!isAlreadyExists(err)) throw err;
          const there = await client.get({ namespace, name: action.revision.metadata.name ?? '' }, { signal });
          const isOurs = isControlledBy(there, object) && canonical(there.data) === canonical(action.revision.data);
          if (isOurs) expectations.written(key, cache, there);
          return !isOurs;
        }
      case 'renumberRevision':
        expectations.written(key, cache, await client.update(action.revision, { signal }));
        return false;
      case 'deleteRevision': {
        const { name, uid } = action;
        await client.delete({ namespace, name }, { preconditions: { uid }, signal }).catch((err: unknown) => {
          if (!isConflict(err)) unlessGone(err);
        });
        expectations.deleted(key, cache, { metadata: { namespace, name, uid } });
        return false;
      }
    }
  }
}
