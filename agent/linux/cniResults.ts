/**
 * How long each pod's network took, which the CRI does not tell. Both ends of it lie on disk: the runtime makes a file to mount the
 * pod's network namespace on right before it calls the plugins, and the CNI library writes the result right after the last of them.
 *
 * Units: milliseconds. Kernel: nsfs.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '#base/errors.ts';

export interface NetworkTime {
  readonly podUid: string;
  readonly startedAtMs: number;
  readonly tookMs: number;
}

interface CachedResult {
  readonly cniArgs?: readonly (readonly [name: string, value: string])[];
  readonly ifName?: string;
  readonly result?: { readonly interfaces?: readonly { readonly sandbox?: string }[] };
}

/** directory: the results of the CNI library, one file per attachment. What cannot be read is left out: it is on its way or going. */
export function networkTimes(directory: string): NetworkTime[] {
  return filesIn(directory).flatMap((file) => timeOf(join(directory, file)) ?? []);
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
    const { cniArgs, ifName, result } = JSON.parse(readFileSync(path, 'utf8')) as CachedResult;
    const podUid = cniArgs?.find(([name]) => name === 'K8S_POD_UID')?.[1];
    const netns = result?.interfaces?.find(({ sandbox }) => sandbox !== undefined && sandbox !== '')?.sandbox;
    if (podUid === undefined || netns === undefined || ifName === 'lo') return undefined;
    // Once it is mounted the file is the namespace itself, which has no time of birth and never changes.
    const { birthtimeMs, ctimeMs } = statSync(netns);
    const startedAtMs = birthtimeMs > 0 ? birthtimeMs : ctimeMs;
    return { podUid, startedAtMs, tookMs: Math.round((statSync(path).mtimeMs - startedAtMs) * 10) / 10 };
  } catch {
    return undefined;
  }
}
