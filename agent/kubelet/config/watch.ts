/**
 * Reads the configuration again when SIGHUP comes or one of its files changes. What cannot be used changes nothing; what can takes effect
 * as far as it can (config/live.ts), and the rest is named.
 */
import { dirname, resolve } from 'node:path';
import { watch, type FSWatcher } from 'chokidar';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import type { Flags } from './flags.ts';
import { reloaded } from './live.ts';
import { readConfiguration, type Configuration } from './observe.ts';
import type { Settings } from './settings.ts';

export interface ConfigWatchDeps {
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onSettings: (settings: Settings) => void;
}

/** An editor writes in several steps. */
const SETTLE_MS = 200;

export async function watchConfiguration({ configuration, clock, log, onSettings }: ConfigWatchDeps, signal: AbortSignal): Promise<void> {
  const { flags } = configuration;
  let { settings } = configuration;
  let wake: () => void = () => undefined;
  let rung = false;
  let hup = false;
  const ring = (): void => {
    rung = true;
    wake();
  };
  const onHup = (): void => {
    hup = true;
    ring();
  };
  process.on('SIGHUP', onHup);
  signal.addEventListener('abort', ring, { once: true });
  const watchers = watchFiles(flags, ring);
  let waitingBefore = '';
  try {
    for (;;) {
      if (!rung) await new Promise<void>((resolve) => (wake = resolve));
      if (signal.aborted) return;
      await clock.sleep(SETTLE_MS, signal).catch(() => undefined);
      const asked = hup;
      rung = hup = false;
      try {
        const next = reloaded(settings, (await readConfiguration(flags)).settings);
        const waiting = next.waiting.join(',');
        if (next.changed.length > 0) {
          settings = next.settings;
          onSettings(settings);
          log.info('Configuration is in effect', { fields: next.changed.join(',') });
        }
        if (waiting !== '' && (asked || waiting !== waitingBefore))
          log.warn('Configuration needs a restart of the kubelet', { fields: waiting });
        else if (asked && next.changed.length === 0) log.info('Configuration is as it was');
        waitingBefore = waiting;
      } catch (err) {
        log.error('Refused configuration, the one before stays in effect', { err });
      }
    }
  } finally {
    process.off('SIGHUP', onHup);
    await Promise.all(watchers.map((watcher) => watcher.close()));
  }
}

/** A file is watched through its directory, because editors put another file in its place. */
function watchFiles({ config, configDir }: Flags, ring: () => void): FSWatcher[] {
  const watchers: FSWatcher[] = [];
  if (config !== undefined) {
    const [file, directory] = [resolve(config), dirname(resolve(config))];
    watchers.push(watch(directory, { ignoreInitial: true, depth: 0, ignored: (path) => path !== directory && path !== file }));
  }
  if (configDir !== undefined) watchers.push(watch(configDir, { ignoreInitial: true }));
  for (const watcher of watchers) watcher.on('all', ring).on('error', ring);
  return watchers;
}
