/**
 * Credentials of registries, from docker's configuration files and from secrets, and which of them are for an image. Pure.
 *
 * A key is a host with or without port, path and scheme; parts of the host may be globs (*.example.com). The most exact comes first.
 * Source: "Images", "Pull an Image from a Private Registry" in the Kubernetes docs. What asks for a program (credsStore, credHelpers) has
 * no credentials for us, as upstream.
 */
import type { Secret } from '#api/kinds/core/config.ts';
import { parseImageName } from './name.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** Where they are from; undefined: the node, so that every pod has them. */
  readonly secret?: { readonly uid: string; readonly namespace: string; readonly name: string };
}

/** Registry -> credentials, in the order they are tried. */
export type Keyring = readonly (readonly [key: string, credentials: Credentials])[];

/** Of ~/.docker/config.json ({"auths": …}) or of the older ~/.dockercfg. Throws: SyntaxError, TypeError; without the content in it. */
export function parseDockerConfig(text: string, form: 'config.json' | 'dockercfg'): Keyring {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SyntaxError('it is no JSON'); // the parser's own words would quote what may be a password
  }
  if (!isObject(value)) throw new TypeError('want an object');
  const entries = form === 'dockercfg' ? value : (value['auths'] ?? {});
  if (!isObject(entries)) throw new TypeError('auths: want an object');
  return Object.entries(entries)
    .flatMap(([key, entry]): [string, Credentials][] => {
      const found = isObject(entry) ? credentialsOf(entry) : undefined;
      return found === undefined ? [] : [[key, found]];
    })
    .toSorted(([a], [b]) => (a < b ? 1 : -1));
}

function credentialsOf({ username, password, auth }: Readonly<Record<string, unknown>>): Credentials | undefined {
  if (typeof auth === 'string' && auth !== '') {
    const [user = '', ...rest] = Buffer.from(auth, 'base64').toString('utf8').split(':');
    if (rest.length > 0) return { username: user, password: rest.join(':').replace(/\0+$/, '') };
  }
  return typeof username === 'string' && username !== '' ? { username, password: typeof password === 'string' ? password : '' } : undefined;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Throws as parseDockerConfig; a secret of another type has none. */
export function secretKeyring({ type, data, metadata }: Pick<Secret, 'type' | 'data' | 'metadata'>): Keyring {
  const [field, form] =
    type === 'kubernetes.io/dockerconfigjson'
      ? (['.dockerconfigjson', 'config.json'] as const)
      : type === 'kubernetes.io/dockercfg'
        ? (['.dockercfg', 'dockercfg'] as const)
        : ([undefined, undefined] as const);
  const content = field === undefined ? undefined : data?.[field];
  if (content === undefined || form === undefined) return [];
  const { uid = '', namespace = '', name = '' } = metadata;
  const secret = { uid, namespace, name };
  return parseDockerConfig(Buffer.from(content, 'base64').toString('utf8'), form).map(([key, found]) => [key, { ...found, secret }]);
}

/** Each once, in the order they are tried; what a secret and the node have is the node's. */
export function credentialsFor(image: string, keyring: Keyring): Credentials[] {
  const name = parseImageName(image);
  if (typeof name === 'string') return [];
  const hosts = name.host === 'docker.io' ? ['index.docker.io', 'docker.io', 'registry-1.docker.io'] : [name.host];
  const found = keyring.filter(([key]) => hosts.some((host) => isFor(key, host, name.repository))).map(([, credentials]) => credentials);
  return [...new Map(found.map((c) => [JSON.stringify([c.username, c.password]), c])).values()];
}

function isFor(key: string, host: string, repository: string): boolean {
  const bare = key.replace(/^https?:\/\//, '');
  const slash = bare.indexOf('/');
  const keyHost = slash < 0 ? bare : bare.slice(0, slash);
  const path =
    slash < 0
      ? ''
      : bare
          .slice(slash)
          .replace(/^\/v[12]\/?$/, '')
          .replace(/\/$/, '');
  if (path !== '' && `/${repository}` !== path && !`/${repository}`.startsWith(`${path}/`)) return false;
  const [name, port] = splitPort(keyHost);
  const [wanted, wantedPort] = splitPort(host);
  return port === wantedPort && matches(name, wanted);
}

const splitPort = (host: string): readonly [string, string | undefined] => {
  const found = /^(.*?)(?::(\d+))?$/.exec(host);
  return [found?.[1] ?? host, found?.[2]];
};

/** A glob stands for one part of the name, never for a dot. */
function matches(pattern: string, host: string): boolean {
  const [parts, wanted] = [pattern.toLowerCase().split('.'), host.toLowerCase().split('.')];
  return parts.length === wanted.length && parts.every((part, i) => glob(part).test(wanted[i] ?? ''));
}

function glob(part: string): RegExp {
  return new RegExp(`^${part.replace(/[\\^$+?.()|{}[\]]/g, '\\$&').replaceAll('*', '[^.]*')}$`);
}
