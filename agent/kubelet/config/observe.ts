/** Reads the configuration that the command line names: the file, and the drop-ins over it. Throws: CONFIG_UNREADABLE, CONFIG_INVALID. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '#base/errors.ts';
import type { Flags } from './flags.ts';
import { flagLayer, mergeConfig, readLayer, type Layer } from './layers.ts';
import { settingsOf, type Settings } from './settings.ts';

export interface Configuration {
  readonly flags: Flags;
  readonly settings: Settings;
  /** What was read, in the order it counts. */
  readonly files: readonly string[];
}

export async function readConfiguration(flags: Flags): Promise<Configuration> {
  const files = [
    ...(flags.config === undefined ? [] : [flags.config]),
    ...(flags.configDir === undefined ? [] : await dropIns(flags.configDir)),
  ];
  const layers = await Promise.all(files.map((file) => readFileLayer(file, file === flags.config ? '--config' : '--config-dir')));
  return { flags, files, settings: settingsOf(flags, mergeConfig([...layers, flagLayer(flags)])) };
}

async function readFileLayer(file: string, flag: string): Promise<Layer> {
  const bytes = await readFile(file).catch((err: unknown) => {
    throw new AppError('CONFIG_UNREADABLE', `cannot read the configuration file (${flag})`, { file }, err);
  });
  return readLayer(file, bytes);
}

/** Those of directories inside too, in the order of their names' bytes, as upstream walks them. Other files are left alone. */
async function dropIns(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch((err: unknown) => {
    throw new AppError('CONFIG_UNREADABLE', 'cannot read the directory of drop-ins (--config-dir)', { directory }, err);
  });
  const files: string[] = [];
  for (const entry of entries.toSorted((a, b) => Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)))) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) files.push(...(await dropIns(path)));
    else if (entry.name.endsWith('.conf')) files.push(path);
  }
  return files;
}
