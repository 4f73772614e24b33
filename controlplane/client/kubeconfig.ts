/**
 * From a kubeconfig file, or from inside a pod, to a ClientConfig. Of the file only the chosen context with its cluster and user counts;
 * what stands there is honoured or refused by name.
 * Throws: KUBECONFIG_UNREADABLE, KUBECONFIG_INVALID (with every problem), NOT_IN_CLUSTER.
 * Differs: a file may not run programs for credentials (exec, auth-provider) or send the traffic through a proxy (proxy-url); of a
 * certificate given both inline and as a file the inline one counts, as upstream does it.
 */
import { access, readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { readDocuments } from '#api/yamlSource.ts';
import { AppError } from '#base/errors.ts';
import type { ClientConfig, Impersonation, TextSource } from './config.ts';
import { Fields } from './kubeconfigFields.ts';

const NO_PLUGINS = 'credential plugins are not run here; use a token, a tokenFile or a client certificate';
const CLUSTER_FIELDS = [
  'server',
  'certificate-authority',
  'certificate-authority-data',
  'insecure-skip-tls-verify',
  'tls-server-name',
  'disable-compression', // answers are never asked for in a compressed form
  'extensions',
];
const CLUSTER_REFUSED = { 'proxy-url': 'a proxy is not supported; reach the API server directly' };
const USER_FIELDS = [
  'client-certificate',
  'client-certificate-data',
  'client-key',
  'client-key-data',
  'token',
  'tokenFile',
  'username',
  'password',
  'as',
  'as-uid',
  'as-groups',
  'as-user-extra',
  'extensions',
];
const USER_REFUSED = { exec: NO_PLUGINS, 'auth-provider': NO_PLUGINS };

export interface KubeconfigOptions {
  /** Default: the file's current-context. */
  readonly context?: string;
}

export async function loadKubeconfig(path: string, options: KubeconfigOptions = {}): Promise<ClientConfig> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (err) {
    throw new AppError('KUBECONFIG_UNREADABLE', `Cannot read kubeconfig ${path}`, { file: path }, err);
  }
  return parseKubeconfig(bytes, { file: path, ...options });
}

/** file: for messages, and where relative paths in it begin. */
export function parseKubeconfig(
  content: Uint8Array | string,
  { file = 'kubeconfig', context }: KubeconfigOptions & { readonly file?: string } = {},
): ClientConfig {
  const problems: string[] = [];
  const config = readConfig(documentOf(content, problems), { problems, context, dir: dirname(file) });
  if (problems.length > 0 || config === undefined) {
    const count = `${problems.length} problem${problems.length === 1 ? '' : 's'}`;
    throw new AppError('KUBECONFIG_INVALID', `${file}: ${count}: ${problems.join('; ')}`, { file });
  }
  return config;
}

function documentOf(content: Uint8Array | string, problems: string[]): unknown {
  const read = readDocuments(typeof content === 'string' ? Buffer.from(content) : content);
  if (read.kind === 'documents' && read.documents.length === 1) return read.documents[0]?.value;
  if (read.kind === 'documents') problems.push(`want one document, got ${read.documents.length}`);
  else problems.push(...read.problems.map(({ line, column, message }) => `${line}:${column}: ${message}`));
  return undefined;
}

interface Reading {
  readonly problems: string[];
  readonly context: string | undefined;
  readonly dir: string;
}

function readConfig(document: unknown, { problems, context, dir }: Reading): ClientConfig | undefined {
  if (document === undefined) return undefined;
  const root = new Fields(document, { path: '', problems });
  root.check(['apiVersion', 'kind', 'clusters', 'contexts', 'users', 'current-context', 'preferences', 'extensions']);
  const kind = root.text('kind');
  if (kind !== undefined && kind !== 'Config') root.problem('kind', `want Config, got ${JSON.stringify(kind)}`);
  const chosen = context ?? root.text('current-context');
  if (chosen === undefined) {
    root.problem('current-context', 'is not set, and no context was asked for');
    return undefined;
  }
  const found = need(root, 'contexts', chosen)?.struct('context');
  if (found === undefined) return undefined;
  found.check(['cluster', 'user', 'namespace', 'extensions']);
  const clusterName = found.text('cluster');
  if (clusterName === undefined) found.problem('cluster', 'is missing');
  const userName = found.text('user');
  const cluster = clusterName === undefined ? undefined : need(root, 'clusters', clusterName)?.struct('cluster');
  const user = userName === undefined ? undefined : need(root, 'users', userName)?.struct('user');
  return {
    ...(cluster === undefined ? { server: '' } : readCluster(cluster, dir)),
    ...(user === undefined ? {} : readUser(user, dir)),
    namespace: found.text('namespace') ?? 'default',
  };
}

function need(root: Fields, list: string, name: string): Fields | undefined {
  const found = root.named(list, name);
  if (found === undefined) {
    const names = root.names(list);
    root.problem(list, `there is none called ${JSON.stringify(name)}${names.length === 0 ? '' : `, only ${names.join(', ')}`}`);
  }
  return found;
}

function readCluster(cluster: Fields, dir: string): Omit<ClientConfig, 'namespace'> {
  cluster.check(CLUSTER_FIELDS, CLUSTER_REFUSED);
  const server = cluster.text('server') ?? '';
  const scheme = /^(https?):\/\/[^/\s]+/.exec(server)?.[1];
  if (scheme === undefined || !URL.canParse(server)) {
    cluster.problem('server', `want a URL such as https://10.0.0.1:6443, got ${JSON.stringify(server)}`);
  }
  const ca = source(cluster, { name: 'certificate-authority', dir });
  const insecure = cluster.flag('insecure-skip-tls-verify');
  if (insecure && ca !== undefined) {
    cluster.problem('insecure-skip-tls-verify', 'contradicts certificate-authority; remove one of them');
  }
  const name = cluster.text('tls-server-name');
  return {
    server: server.replace(/\/+$/, ''),
    ...(ca === undefined ? {} : { ca }),
    ...(insecure ? { insecureSkipTlsVerify: true } : {}),
    ...(name === undefined ? {} : { tlsServerName: name }),
  };
}

function source(fields: Fields, { name, dir }: { readonly name: string; readonly dir: string }): TextSource | undefined {
  const text = fields.base64(`${name}-data`);
  if (text !== undefined) return { kind: 'text', text };
  const path = fields.text(name);
  return path === undefined ? undefined : file(path, dir);
}

const file = (path: string, dir: string): TextSource => ({ kind: 'file', path: isAbsolute(path) ? path : join(dir, path) });

function readUser(user: Fields, dir: string): Partial<ClientConfig> {
  user.check(USER_FIELDS, USER_REFUSED);
  const certificate = source(user, { name: 'client-certificate', dir });
  const key = source(user, { name: 'client-key', dir });
  if ((certificate === undefined) !== (key === undefined)) {
    user.problem(certificate === undefined ? 'client-certificate' : 'client-key', 'is missing; a certificate and its key go together');
  }
  // A file that is read again beats a token that cannot change.
  const path = user.text('tokenFile');
  const plain = user.text('token');
  const token: TextSource | undefined =
    path !== undefined ? file(path, dir) : plain === undefined ? undefined : { kind: 'text', text: plain };
  const username = user.text('username');
  const password = user.text('password');
  if (username === undefined && password !== undefined) user.problem('username', 'is missing, but there is a password');
  if (username !== undefined && token !== undefined) user.problem('username', 'contradicts the token; remove one of them');
  const impersonate = readImpersonation(user);
  return {
    ...(certificate === undefined ? {} : { certificate }),
    ...(key === undefined ? {} : { key }),
    ...(token === undefined ? {} : { token }),
    ...(username === undefined ? {} : { basic: { username, password: password ?? '' } }),
    ...(impersonate === undefined ? {} : { impersonate }),
  };
}

function readImpersonation(user: Fields): Impersonation | undefined {
  const name = user.text('as');
  const uid = user.text('as-uid');
  const groups = user.texts('as-groups');
  const extras = user.struct('as-user-extra');
  const extra = Object.fromEntries(extras.keys().map((key) => [key, extras.texts(key)]));
  if (name === undefined) {
    if (uid !== undefined || groups.length > 0 || extras.keys().length > 0) {
      user.problem('as', 'is missing; as-uid, as-groups and as-user-extra need it');
    }
    return undefined;
  }
  return { user: name, groups, extra, ...(uid === undefined ? {} : { uid }) };
}

const ACCOUNT_DIR = '/var/run/secrets/kubernetes.io/serviceaccount';

export interface InClusterOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly dir?: string;
}

/** Inside a pod: its service account. The token is read again as it is renewed. */
export async function inClusterConfig({ env, dir = ACCOUNT_DIR }: InClusterOptions): Promise<ClientConfig> {
  const [host, port] = [env['KUBERNETES_SERVICE_HOST'], env['KUBERNETES_SERVICE_PORT']];
  if (!host || !port) {
    const text =
      'Cannot use the service account of a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set; pass a kubeconfig';
    throw new AppError('NOT_IN_CLUSTER', text);
  }
  const at = (name: string): string => join(dir, name);
  try {
    await Promise.all([access(at('token')), access(at('ca.crt'))]);
  } catch (err) {
    throw new AppError('NOT_IN_CLUSTER', `Cannot use the service account of a pod: ${dir} is not complete`, { dir }, err);
  }
  const namespace = await readFile(at('namespace'), 'utf8').catch(() => 'default');
  return {
    server: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    ca: { kind: 'file', path: at('ca.crt') },
    token: { kind: 'file', path: at('token') },
    namespace: namespace.trim(),
  };
}
