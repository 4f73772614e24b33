/** Asks the machine and the runtime what node/status.ts shows. Nothing decided. */
import { readFile, statfs } from 'node:fs/promises';
import { release } from 'node:os';
import { dirname } from 'node:path';
import type { Node } from '#api/kinds/core/node.ts';
import type { Clock } from '#base/clock.ts';
import { codeOf } from '#base/errors.ts';
import { RELEASE } from '#base/version.ts';
import type { CriClient } from '#cri/client.ts';
import type { Condition } from '../eviction/decide.ts';
import { nodeStatus, type NodeFacts } from './status.ts';

export interface NodeViewDeps {
  readonly client: CriClient;
  readonly clock: Clock;
  readonly facts: () => Omit<NodeFacts, 'info'>;
  readonly architecture: string;
  readonly mostImages: number;
  readonly pressures: () => ReadonlySet<Condition>;
  readonly shuttingDown: () => boolean;
}

export class NodeView {
  readonly #deps: NodeViewDeps;
  readonly #startedAtMs: number;
  #info: NodeFacts['info'] | undefined;
  #last: Node | undefined;

  constructor(deps: NodeViewDeps) {
    this.#deps = deps;
    this.#startedAtMs = deps.clock.nowMs();
  }

  async show(signal: AbortSignal): Promise<Node> {
    const { client, clock, facts, pressures, shuttingDown, mostImages } = this.#deps;
    const [runtime, images, info] = await Promise.all([
      client.runtime.status({}, { signal }).catch(() => undefined),
      client.image.listImages({}, { signal }).then(
        (answer) => answer.images,
        () => [],
      ),
      this.#readInfo(signal),
    ]);
    this.#last = nodeStatus({
      facts: { ...facts(), info },
      runtime,
      images,
      mostImages,
      pressures: pressures(),
      shuttingDown: shuttingDown(),
      startedAtMs: this.#startedAtMs,
      nowMs: clock.nowMs(),
      previous: this.#last,
    });
    return this.#last;
  }

  async #readInfo(signal: AbortSignal): Promise<NodeFacts['info']> {
    if (this.#info !== undefined) return this.#info;
    const text = (file: string): Promise<string> =>
      readFile(file, 'utf8').then(
        (t) => t.trim(),
        () => '',
      );
    const [machineID, systemUUID, bootID, osRelease, runtime] = await Promise.all([
      text('/etc/machine-id'),
      text('/sys/class/dmi/id/product_uuid'),
      text('/proc/sys/kernel/random/boot_id'),
      text('/etc/os-release'),
      this.#deps.client.runtime.version({}, { signal }).catch(() => undefined),
    ]);
    const info = {
      machineID,
      systemUUID: systemUUID === '' ? machineID : systemUUID,
      bootID,
      kernelVersion: release(),
      osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? 'Linux',
      architecture: this.#deps.architecture,
      kubeletVersion: RELEASE,
      containerRuntimeVersion: runtime === undefined ? '' : `${runtime.runtime_name}://${runtime.runtime_version}`,
    };
    if (runtime !== undefined) this.#info = info; // else asked again
    return info;
  }
}

/** Of the file system that path lies on, or will when it is made. */
export async function storageBytesAt(path: string): Promise<number> {
  const found = await statfs(path).catch((err: unknown) => {
    if (codeOf(err) === 'ENOENT' && path !== dirname(path)) return undefined;
    throw err;
  });
  return found === undefined ? storageBytesAt(dirname(path)) : found.blocks * found.bsize;
}
