/**
 * The two files that say which servers are asked, read again and again: a mounted ConfigMap changes without a sign that is sure to be seen.
 * A file that has become wrong or unreadable keeps what was read last, and says so. Throws (the first time): CONFIG_INVALID, FILE_UNREADABLE.
 */
import { readFile } from 'node:fs/promises';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { Settings } from './settings.ts';
import { NO_CONFIG, readConfig, readResolvConf, type DnsConfig } from './upstreams.ts';

export interface Watched extends Omit<DnsConfig, 'upstreamNameservers'> {
  readonly upstreams: DnsConfig['upstreamNameservers'] & object;
}

export async function readUpstreams({ config, resolvConf, domain }: Settings): Promise<Watched> {
  const { stubDomains, upstreamNameservers } = config === undefined ? NO_CONFIG : readConfig(config, await readNamed(config), domain);
  const upstreams = upstreamNameservers ?? readResolvConf((await readNamed(resolvConf)).toString());
  return { stubDomains, upstreams };
}

async function readNamed(file: string): Promise<Buffer> {
  return readFile(file).catch((err: unknown) => {
    throw new AppError('FILE_UNREADABLE', `Cannot read ${file}: check that it exists and that this user may read it`, { file }, err);
  });
}

export interface WatchOptions {
  readonly settings: Settings;
  readonly now: Watched;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onChange: (now: Watched) => void;
  readonly onFailure: () => void;
}

/** Resolves when the signal aborts. */
export async function watchUpstreams({ settings, now, clock, log, onChange, onFailure }: WatchOptions, signal: AbortSignal): Promise<void> {
  let known = textOf(now);
  while (!signal.aborted) {
    await clock.sleep(settings.reloadMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const read = await readUpstreams(settings);
      if (textOf(read) === known) continue;
      known = textOf(read);
      onChange(read);
    } catch (err) {
      onFailure();
      log.warn('Cannot use the changed configuration, going on with the old one', { err });
    }
  }
}

const textOf = ({ stubDomains, upstreams }: Watched): string => JSON.stringify([[...stubDomains], upstreams]);
