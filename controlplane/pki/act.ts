/**
 * Makes what a plan says, and renews what runs out. Each file appears whole or not at all, with mode 0600; keys before certificates: a
 * key that stands alone, because this was stopped half-way, is used by the next run.
 */
import { createPublicKey } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { codeOf } from '#base/errors.ts';
import { Authority, makeSigningKey, type Dates, type KeyPairPem } from './issue.ts';
import { kubeconfigText } from './kubeconfig.ts';
import { AUTHORITIES, AUTHORITY_DAYS, LEAF_DAYS, SIGNING_KEY, type AuthorityName, type KubeconfigSpec, type LeafSpec } from './layout.ts';
import type { PkiPlaces } from './observe.ts';
import type { PkiStep } from './plan.ts';

const DAY_MS = 86_400_000;
/** Clocks of machines differ. */
const BEFORE_MS = 3_600_000;

export class PkiWriter {
  readonly #places: PkiPlaces;
  readonly #nowMs: number;
  readonly #authorities = new Map<AuthorityName, Promise<Authority>>();

  constructor(places: PkiPlaces, nowMs: number) {
    this.#places = places;
    this.#nowMs = nowMs;
  }

  /** The file it made, or undefined when there was nothing to do. Steps have to come in the order of the plan. */
  async take(step: PkiStep): Promise<string | undefined> {
    switch (step.kind) {
      case 'keep':
        return undefined;
      case 'makeAuthority':
        return this.#makeAuthority(step.name);
      case 'issue':
        return this.issue(step.leaf);
      case 'makeSigningKey': {
        const { privateKey, publicKey } = await makeSigningKey();
        await writeWhole(this.#path(`${SIGNING_KEY}.key`), privateKey);
        return this.#write(`${SIGNING_KEY}.pub`, publicKey);
      }
      case 'publishSigningKey': {
        const key = await readFile(this.#path(`${SIGNING_KEY}.key`), 'utf8');
        return this.#write(`${SIGNING_KEY}.pub`, createPublicKey(key).export({ type: 'spki', format: 'pem' }));
      }
      case 'writeKubeconfig':
        return this.writeKubeconfig(step.spec);
      default:
        return step satisfies never;
    }
  }

  /** With the key that is there, if there is one: also a renewed certificate keeps its key's place in the files of others. */
  async issue({ name, authority, subject, usages, names }: LeafSpec): Promise<string> {
    const signer = await this.#authority(authority);
    const key = await this.#keyOf(name);
    return this.#writePair(name, await signer.issue({ ...this.#dates(LEAF_DAYS), subject, usages, names }, key));
  }

  async writeKubeconfig({ file, user, subject, server }: KubeconfigSpec): Promise<string> {
    const signer = await this.#authority('ca');
    const client = await signer.issue({ ...this.#dates(LEAF_DAYS), subject, usages: ['client'], names: [] });
    const path = join(this.#places.kubernetesDir, file);
    await writeWhole(path, kubeconfigText({ cluster: 'kubernetes', server, ca: signer.pem.certificate, user, credentials: client }));
    return path;
  }

  async #makeAuthority(name: AuthorityName): Promise<string> {
    const made = Authority.make(AUTHORITIES[name], this.#dates(AUTHORITY_DAYS), await this.#keyOf(name));
    this.#authorities.set(name, made);
    return this.#writePair(name, (await made).pem);
  }

  #authority(name: AuthorityName): Promise<Authority> {
    const found = this.#authorities.get(name) ?? this.#load(name);
    this.#authorities.set(name, found);
    return found;
  }

  async #load(name: AuthorityName): Promise<Authority> {
    const [certificate, key] = await Promise.all(['crt', 'key'].map((ending) => readFile(this.#path(`${name}.${ending}`), 'utf8')));
    return Authority.from({ certificate: certificate ?? '', key: key ?? '' });
  }

  async #keyOf(name: string): Promise<string | undefined> {
    try {
      return await readFile(this.#path(`${name}.key`), 'utf8');
    } catch (err) {
      if (codeOf(err) === 'ENOENT') return undefined;
      throw err;
    }
  }

  #dates(days: number): Dates {
    return { notBefore: new Date(this.#nowMs - BEFORE_MS), notAfter: new Date(this.#nowMs + days * DAY_MS) };
  }

  async #writePair(name: string, { certificate, key }: KeyPairPem): Promise<string> {
    await writeWhole(this.#path(`${name}.key`), key);
    return this.#write(`${name}.crt`, certificate);
  }

  async #write(name: string, text: string | Buffer): Promise<string> {
    await writeWhole(this.#path(name), String(text));
    return this.#path(name);
  }

  #path(name: string): string {
    return join(this.#places.certDir, name);
  }
}

export async function writeWhole(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.chmod(0o600); // one that was left by a run that was killed keeps the mode it had
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
}
