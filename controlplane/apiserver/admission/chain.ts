/**
 * The admission chain: first every plugin may change an object, then every plugin may refuse it. Plugins may be asynchronous, so that a step
 * can be a call to another server.
 */
import type { KubeObject } from '#api/kinds/meta/objectMeta.ts';
import type { UserInfo } from '../call.ts';
import type { KubeDraft, Resource } from '../registry/types.ts';
import type { Write } from '../storage/store.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

export interface AdmissionRequest {
  readonly operation: Operation;
  readonly resource: Resource;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  /** What is to be written; for a deletion undefined. */
  readonly object: KubeDraft | undefined;
  readonly old: KubeObject | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  readonly nowMs: number;
  readonly warn: (text: string) => void;
  /** A write that must happen together with the object's, or not at all. */
  readonly also: (write: Write) => void;
}

export interface AdmissionPlugin {
  readonly name: string;
  /** Cheap: asked for every write. */
  handles(request: AdmissionRequest): boolean;
  mutate?(request: AdmissionRequest): void | Promise<void>;
  /** Throws Forbidden or Invalid. */
  validate?(request: AdmissionRequest): void | Promise<void>;
}

export class Admission {
  readonly #plugins: readonly AdmissionPlugin[];

  constructor(plugins: readonly AdmissionPlugin[]) {
    this.#plugins = plugins;
  }

  get names(): readonly string[] {
    return this.#plugins.map(({ name }) => name);
  }

  async mutate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.#plugins) {
      if (plugin.mutate === undefined || !plugin.handles(request)) continue;
      const pending = plugin.mutate(request);
      if (pending !== undefined) await pending;
    }
  }

  async validate(request: AdmissionRequest): Promise<void> {
    for (const plugin of this.#plugins) {
      if (plugin.validate === undefined || !plugin.handles(request)) continue;
      const pending = plugin.validate(request);
      if (pending !== undefined) await pending;
    }
  }
}
