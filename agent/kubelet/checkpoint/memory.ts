/** What a kubelet remembers over its restarts, each thing in a file of its own. What cannot be read is told and forgotten. */
import type { Logger } from '#base/log.ts';
import { parseEvents, type PodEvent } from '../events.ts';
import { eventsFile, fatesFile, historyFile, probesFile, type Paths } from '../paths.ts';
import { parseFates, type Fate } from '../pods/fates.ts';
import { parseHistory, type PodHistory } from '../pods/history.ts';
import { parseResults, type ProbeResults } from '../probes/plan.ts';
import { Checkpoint } from './act.ts';

export interface Kept<T> {
  /** Of the kubelet before this one. */
  readonly known: T;
  save(value: T): void;
}

export interface Memory {
  readonly events: Kept<readonly PodEvent[]>;
  readonly fates: Kept<readonly (readonly [string, Fate])[]>;
  /** By the id of the container. */
  readonly probes: Kept<readonly (readonly [string, ProbeResults])[]>;
  readonly terminations: Kept<readonly (readonly [string, PodHistory])[]>;
}

export async function openMemory(paths: Paths, log: Logger): Promise<Memory> {
  async function open<T>(file: string, parse: (value: unknown) => readonly T[]): Promise<Kept<readonly T[]>> {
    const checkpoint = new Checkpoint<readonly T[]>(file, log);
    return { known: (await checkpoint.load(parse)) ?? [], save: (value) => checkpoint.save(value) };
  }
  return {
    events: await open(eventsFile(paths), parseEvents),
    fates: await open(fatesFile(paths), parseFates),
    probes: await open(probesFile(paths), parseResults),
    terminations: await open(historyFile(paths), parseHistory),
  };
}
