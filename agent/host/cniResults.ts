/**
 * How long each pod's network took, which the CRI does not tell. Both ends of it lie on disk: the runtime makes a file to mount the
 * pod's network namespace on right before it calls the plugins, and the CNI library writes the result right after the last of them.
 *
 * Units: milliseconds.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '#base/errors.ts';

export interface NetworkTime {
  readonly address: string;
  readonly startedAtMs: number;
  readonly tookMs: number;
}

interface CachedResult {
  readonly netns?: string;
  readonly result?: { readonly ips?: readonly { readonly address?: string }[] };
}

/** directory: the results of the CNI library, one file per attachment. What cannot be read is left out: it is on its way or going. */
export function networkTimes(directory: string): NetworkTime[] {
  return filesIn(join(directory, 'results')).flatMap((file) => timeOf(join(directory, 'results', file)) ?? []);
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (err) {
    if (codeOf(err) === 'ENOENT') return [];
    throw err;
  }
}

function timeOf(path: string): NetworkTime | undefined {
  try {
    const { netns, result } = JSON.parse(readFileSync(path, 'utf8')) as CachedResult;
    const address = result?.ips?.[0]?.address?.split('/')[0];
    if (netns === undefined || address === undefined || address.startsWith('127.')) return undefined;
    const startedAtMs = statSync(netns).birthtimeMs;
    return { address, startedAtMs, tookMs: Math.round((statSync(path).mtimeMs - startedAtMs) * 10) / 10 };
  } catch {
    return undefined;
  }
}
