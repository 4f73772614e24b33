/**
 * Credentials for the images of a pod: of its imagePullSecrets, then of docker's configuration files on the node.
 * Files are read each time: what is put there counts for the next pull.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '#api/kinds/core/pod.ts';
import { codeOf, explain } from '#base/errors.ts';
import type { ObjectRef, ObjectsOf } from '../objects/source.ts';
import { podName } from '../paths.ts';
import { credentialsFor, parseDockerConfig, secretKeyring, type Credentials, type Keyring } from './credentials.ts';

export function pullSecretRefs(pod: Pod): ObjectRef<'Secret'>[] {
  const { namespace } = podName(pod);
  return (pod.spec.imagePullSecrets ?? []).flatMap(({ name }) => (name ? [{ kind: 'Secret' as const, namespace, name }] : []));
}

/** Where upstream looks too, in its order. */
function configFiles(rootDir: string, home: string | undefined): (readonly [file: string, form: 'config.json' | 'dockercfg'])[] {
  const at = [rootDir, process.cwd()];
  return [
    ...at.map((dir) => [join(dir, 'config.json'), 'config.json'] as const),
    ...(home === undefined || home === '' ? [] : [[join(home, '.docker/config.json'), 'config.json'] as const]),
    ['/.docker/config.json', 'config.json'],
    ...at.map((dir) => [join(dir, '.dockercfg'), 'dockercfg'] as const),
    ...(home === undefined || home === '' ? [] : [[join(home, '.dockercfg'), 'dockercfg'] as const]),
    ['/.dockercfg', 'dockercfg'],
  ];
}

export interface FoundCredentials {
  readonly credentials: readonly Credentials[];
  /** What could not be used, in words without secrets: the pull is tried all the same, as upstream. */
  readonly problems: readonly { readonly kind: 'secret' | 'file'; readonly message: string }[];
}

export interface CredentialSource {
  of(pod: Pod, image: string, signal: AbortSignal): Promise<FoundCredentials>;
}

export class PullCredentials implements CredentialSource {
  readonly #objects: ObjectsOf;
  readonly #rootDir: string;

  constructor(objects: ObjectsOf, rootDir: string) {
    this.#objects = objects;
    this.#rootDir = rootDir;
  }

  async of(pod: Pod, image: string, signal: AbortSignal): Promise<FoundCredentials> {
    const problems: { kind: 'secret' | 'file'; message: string }[] = [];
    const keyring: (readonly [string, Credentials])[] = [];
    for (const ref of pullSecretRefs(pod)) {
      try {
        const secret = await this.#objects(pod).get(ref, signal);
        if (secret === undefined)
          problems.push({
            kind: 'secret',
            message: `Unable to retrieve some image pull secrets (${ref.name}); attempting to pull the image may not succeed.`,
          });
        else keyring.push(...secretKeyring(secret));
      } catch (err) {
        signal.throwIfAborted();
        problems.push({ kind: 'secret', message: `Unable to use image pull secret ${ref.name}: ${explain(err)}` });
      }
    }
    keyring.push(...(await this.#fromFiles(problems)));
    return { credentials: credentialsFor(image, keyring), problems };
  }

  /** The first of each form that is there counts, as upstream. */
  async #fromFiles(problems: { kind: 'secret' | 'file'; message: string }[]): Promise<Keyring> {
    for (const [file, form] of configFiles(this.#rootDir, process.env['HOME'])) {
      try {
        return parseDockerConfig(await readFile(file, 'utf8'), form);
      } catch (err) {
        if (codeOf(err) !== 'ENOENT' && codeOf(err) !== 'ENOTDIR')
          problems.push({ kind: 'file', message: `Cannot use ${file}: ${explain(err)}` });
      }
    }
    return [];
  }
}
