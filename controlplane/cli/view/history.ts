/** How a history is read from the command line, and printed. Pure. Throws: USAGE, NOT_THERE. */
import type { Scheme } from '#api/scheme.ts';
import { AppError } from '#base/errors.ts';
import type { ObjectHistory, ObjectVersion } from '../../apiserver/history/history.ts';

/** The API path of the object that the words name: a path, or KIND NAME, or KIND/NAME. */
export function pathOf(words: readonly string[], namespace: string, scheme: Scheme): string {
  const [first, ...rest] = words;
  if (first?.startsWith('/') === true && rest.length === 0) return first.replace(/\/$/, '');
  const [kind, name, ...more] = words.length === 1 ? (first ?? '').split('/') : words;
  if (kind === undefined || name === undefined || name === '' || more.length > 0) {
    throw new AppError('USAGE', 'want KIND NAME, such as deployment web, or the path of an object');
  }
  const wanted = kind.toLowerCase();
  const found = scheme.all().find((d) => [d.plural, d.singular, d.kind.toLowerCase(), ...d.shortNames].includes(wanted));
  if (found === undefined) throw new AppError('USAGE', `the API has no kind ${JSON.stringify(kind)}`);
  const { apiVersion, plural, namespaced } = found;
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  return `${root}${namespaced ? `/namespaces/${encodeURIComponent(namespace)}` : ''}/${plural}/${encodeURIComponent(name)}`;
}

/** The newest version that was there at a revision or a time. */
export function versionAt({ versions }: ObjectHistory, at: string): ObjectVersion {
  const isRevision = /^\d+$/.test(at);
  const atMs = isRevision ? Number.NaN : Date.parse(at);
  if (!isRevision && Number.isNaN(atMs)) {
    throw new AppError('USAGE', `--at: want a revision or a time such as 2026-01-31T23:59:59Z, got ${JSON.stringify(at)}`);
  }
  if (!isRevision && versions.some(({ time }) => time === undefined)) {
    throw new AppError('NOT_THERE', 'This store keeps no times of versions: name a revision');
  }
  const found = versions.find(({ resourceVersion, time }) =>
    isRevision ? BigInt(resourceVersion) <= BigInt(at) : Date.parse(time ?? '') <= atMs,
  );
  if (found !== undefined) return found;
  const oldest = versions.at(-1);
  const why = oldest?.event === 'created' ? 'it did not exist yet' : 'what was before is no longer kept';
  throw new AppError('NOT_THERE', `Nothing is known of ${at}: the oldest version is ${oldest?.resourceVersion}, ${why}`);
}

export function formatHistory({ versions }: ObjectHistory, path: string): string {
  const hides = /\/secrets\//.test(path);
  return versions.map((version) => formatVersion(version, hides)).join('\n');
}

function formatVersion({ resourceVersion, time, event, user, authors, changes }: ObjectVersion, hides: boolean): string {
  const who = authors.map(({ manager, subresource }) => (subresource === undefined ? manager : `${manager} (${subresource})`)).join(', ');
  const by = [who, user === undefined ? '' : `user ${user}`].filter((text) => text !== '').join(', ');
  const head = [resourceVersion, time?.replace(/\.\d+Z$/, 'Z'), EVENTS[event], by === '' ? undefined : `by ${by}`];
  const lines = changes.flatMap((change) => {
    const text = (value: unknown): string => (hides && /^\.(data|stringData)\b/.test(change.path) ? '[hidden]' : shown(value));
    return [
      `  ${change.path}`,
      ...('before' in change ? [`    - ${text(change.before)}`] : []),
      ...('after' in change ? [`    + ${text(change.after)}`] : []),
    ];
  });
  return [head.filter((part) => part !== undefined).join('  '), ...lines, ''].join('\n');
}

const EVENTS: Readonly<Record<ObjectVersion['event'], string>> = {
  created: 'created',
  updated: 'updated',
  deleted: 'deleted',
  older: 'the oldest version that is kept',
};

const LONGEST = 200;

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}...` : text;
}
