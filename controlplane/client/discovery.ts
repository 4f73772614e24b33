/**
 * What kinds a server has. A group whose server does not answer is named and the others are told all the same: what is missing is not "not
 * there".
 * Throws: what the client throws when the list of groups itself cannot be read; API_ANSWER_INVALID.
 */
import { explain } from '#base/errors.ts';
import type { ResourceType } from './query.ts';
import type { Call, Client } from './rest.ts';

export interface Discovered extends ResourceType {
  readonly group: string;
  readonly version: string;
  readonly verbs: readonly string[];
  /** The version of the group that clients should use. */
  readonly isPreferred: boolean;
}

export interface Discovery {
  readonly types: readonly Discovered[];
  /** Group versions that could not be read, and why. */
  readonly failed: ReadonlyMap<string, string>;
}

interface Loose {
  readonly groups?: readonly {
    readonly name?: string;
    readonly versions?: readonly { readonly groupVersion?: string; readonly version?: string }[];
    readonly preferredVersion?: { readonly version?: string };
  }[];
  readonly resources?: readonly {
    readonly name?: string;
    readonly kind?: string;
    readonly namespaced?: boolean;
    readonly verbs?: readonly string[];
  }[];
}

/** Subresources are left out. */
export async function discover(client: Client, call: Call): Promise<Discovery> {
  const { groups = [] } = (await client.json('GET', '/apis', call)) as Loose;
  const wanted = [
    { group: '', version: 'v1', path: '/api/v1', isPreferred: true },
    ...groups.flatMap(({ name = '', versions = [], preferredVersion }) =>
      versions.map(({ version = '' }) => ({
        group: name,
        version,
        path: `/apis/${name}/${version}`,
        isPreferred: version === preferredVersion?.version,
      })),
    ),
  ];
  const failed = new Map<string, string>();
  const found = await Promise.all(
    wanted.map(async ({ group, version, path, isPreferred }) => {
      const apiVersion = group === '' ? version : `${group}/${version}`;
      try {
        const { resources = [] } = (await client.json('GET', path, call)) as Loose;
        return resources.flatMap(({ name = '', kind = '', namespaced = false, verbs = [] }): Discovered[] =>
          name.includes('/') ? [] : [{ apiVersion, kind, plural: name, namespaced, group, version, verbs, isPreferred }],
        );
      } catch (err) {
        call.signal.throwIfAborted();
        failed.set(apiVersion, explain(err));
        return [];
      }
    }),
  );
  return { types: found.flat(), failed };
}

/** Each kind once: in the preferred version, or the first that has it. verbs: all of them are needed. */
export function preferred({ types }: Discovery, verbs: readonly string[]): readonly Discovered[] {
  const chosen = new Map<string, Discovered>();
  for (const type of types) {
    if (!verbs.every((verb) => type.verbs.includes(verb))) continue;
    const key = `${type.group}/${type.plural}`;
    if (!chosen.has(key) || type.isPreferred) chosen.set(key, type);
  }
  return [...chosen.values()];
}
