/** Reads the configuration that the command line names. Throws: CONFIG_UNREADABLE, CONFIG_INVALID. */
import { readFile } from 'node:fs/promises';
import { AppError } from '#base/errors.ts';
import type { Flags } from './flags.ts';
import { loadConfig, settingsOf, type Settings } from './settings.ts';

export interface Configuration {
  readonly settings: Settings;
  /** What was read, in the order it counts. */
  readonly files: readonly string[];
}

export async function readConfiguration(flags: Flags): Promise<Configuration> {
  const file = flags.config;
  if (file === undefined) return { settings: settingsOf(flags, {}), files: [] };
  const bytes = await readFile(file).catch((err: unknown) => {
    throw new AppError('CONFIG_UNREADABLE', 'cannot read the configuration file (--config)', { file }, err);
  });
  return { settings: settingsOf(flags, loadConfig(file, bytes)), files: [file] };
}
