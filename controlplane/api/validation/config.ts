/**
 * Rules for ConfigMaps, Secrets and namespaces. Pure.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import { at } from '#api/fieldPath.ts';
import type { ConfigMap, Secret } from '#api/kinds/core/config.ts';
import type { Namespace } from '#api/kinds/core/namespace.ts';
import { configMapKey, dns1123Label, dns1123Subdomain, qualifiedName } from '#api/names.ts';
import { Problems, type Problem } from '#api/problem.ts';
import { byteLength, validateMetadata } from '#api/validation/metadata.ts';

/** All values together: 1 MiB. */
const MOST_BYTES = 1024 * 1024;

/** Bytes that base64 text stands for. */
function decodedLength(base64: string): number {
  const padding = base64.endsWith('==') ? 2 : base64.endsWith('=') ? 1 : 0;
  return (base64.length * 3) / 4 - padding;
}

const DATA = at('data');
const BINARY = at('binaryData');

export function validateConfigMap(map: ConfigMap): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, map.metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  const { data = {}, binaryData = {} } = map;
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    problems.invalidAll(DATA.key(key), key, configMapKey(key));
    if (Object.hasOwn(binaryData, key)) problems.invalid(DATA.key(key), key, 'duplicate of key present in binaryData');
    bytes += byteLength(value);
  }
  for (const [key, value] of Object.entries(binaryData)) {
    problems.invalidAll(BINARY.key(key), key, configMapKey(key));
    bytes += decodedLength(value);
  }
  if (bytes > MOST_BYTES) problems.tooLong(at(), MOST_BYTES);
  return problems.found;
}

/** Keys that a secret of this type must have. */
const NEEDS: ReadonlyMap<string, readonly string[]> = new Map([
  ['kubernetes.io/dockercfg', ['.dockercfg']],
  ['kubernetes.io/dockerconfigjson', ['.dockerconfigjson']],
  ['kubernetes.io/ssh-auth', ['ssh-privatekey']],
  ['kubernetes.io/tls', ['tls.crt', 'tls.key']],
]);

export function validateSecret(secret: Secret): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, secret.metadata, at('metadata'), { namespaced: true, name: dns1123Subdomain });
  const { data = {}, stringData = {}, type = '' } = secret;
  let bytes = 0;
  for (const [key, value] of Object.entries(data)) {
    problems.invalidAll(DATA.key(key), key, configMapKey(key));
    bytes += decodedLength(value);
  }
  for (const key of Object.keys(stringData)) problems.invalidAll(at('stringData').key(key), key, configMapKey(key));
  if (bytes > MOST_BYTES) problems.tooLong(DATA, MOST_BYTES);
  const has = (key: string): boolean => Object.hasOwn(data, key) || Object.hasOwn(stringData, key);
  for (const key of NEEDS.get(type) ?? []) {
    if (!has(key)) problems.required(DATA.key(key));
    else if (key.startsWith('.docker') && !holdsObject(data[key])) {
      problems.invalid(DATA.key(key), '<secret contents redacted>', 'want a JSON object');
    }
  }
  if (type === 'kubernetes.io/basic-auth' && !has('username') && !has('password')) {
    for (const key of ['username', 'password']) problems.required(DATA.key(key));
  }
  const account = 'kubernetes.io/service-account.name';
  if (type === 'kubernetes.io/service-account-token' && (secret.metadata.annotations?.[account] ?? '') === '') {
    problems.required(at('metadata', 'annotations').key(account));
  }
  return problems.found;
}

/** stringData has not become data yet where a whole manifest is only checked. */
function holdsObject(base64: string | undefined): boolean {
  if (base64 === undefined) return true;
  try {
    const value: unknown = JSON.parse(Buffer.from(base64, 'base64').toString());
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

export function validateNamespace(namespace: Namespace): readonly Problem[] {
  const problems = new Problems();
  validateMetadata(problems, namespace.metadata, at('metadata'), { namespaced: false, name: dns1123Label });
  for (const name of namespace.spec.finalizers ?? []) {
    const place = at('spec', 'finalizers');
    problems.invalidAll(place, name, qualifiedName(name));
    if (!name.includes('/') && name !== 'kubernetes') {
      problems.invalid(place, name, 'name is neither a standard finalizer name nor is it fully qualified');
    }
  }
  return problems.found;
}
