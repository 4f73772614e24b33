/**
 * Where services come from, as the settings say: a directory and the kubelet's socket, or an API server. Both fill the same store, and
 * everything after the store is the same.
 */
import type { Node } from '#api/kinds/core/node.ts';
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { connect } from '#client/connect.ts';
import { inClusterConfig, loadKubeconfig } from '#client/kubeconfig.ts';
import { watchDirectory } from '../../linux/watchDirectory.ts';
import type { Settings } from '../config/settings.ts';
import type { ObjectStore } from '../objects.ts';
import { ApiServerSource } from './apiServer.ts';
import { watchPods } from './client.ts';
import { readFile, unreadable } from './documents.ts';
import { followPods } from './pods.ts';
import { SERVICE_WORDS, StandaloneSource } from './standalone.ts';

/** The slow full look at the directory of services, behind the notifications. */
const LOOK_EVERY_MS = 60_000;

export interface SourceDeps {
  readonly settings: Settings;
  readonly nodeName: string;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onChange: () => void;
  /** Only where there is an API server. */
  readonly onNode: (node: Node | undefined) => void;
}

export interface Source {
  /** Resolves when the store holds all there is. */
  readonly complete: Promise<unknown>;
  /** Resolves when the signal aborts. */
  readonly running: Promise<unknown>;
}

export async function openSource(deps: SourceDeps, signal: AbortSignal): Promise<Source> {
  return deps.settings.source.kind === 'directory' ? fromDirectory(deps, deps.settings.source, signal) : fromApiServer(deps, signal);
}

async function fromApiServer({ settings, clock, log, ...deps }: SourceDeps, signal: AbortSignal): Promise<Source> {
  const { source, client: limits } = settings;
  const found = source.kind === 'kubeconfig' ? await loadKubeconfig(source.file) : await inClusterConfig({ env: process.env });
  const config = settings.master === undefined ? found : { ...found, server: settings.master };
  log.info('Takes services from an API server', { server: config.server });
  const client = connect({ config, clock, log, userAgent: 'kube-proxy', ...limits });
  const api = new ApiServerSource({ client, log, ...deps });
  const running = api.run(signal).finally(() => client.close());
  return { complete: api.complete(signal), running };
}

function fromDirectory(
  { settings, clock, log, store, nodeName, onChange }: SourceDeps,
  { directory, kubeletSocket }: Extract<Settings['source'], { kind: 'directory' }>,
  signal: AbortSignal,
): Source {
  log.info('Takes services from a directory', { directory, because: settings.sourceBecause });
  const source = new StandaloneSource({ store, log, nodeName, onChange });
  const complete = Promise.withResolvers<void>();
  const wanted = Promise.withResolvers<void>();
  const look = (then: () => void): void => {
    then();
    if (source.wantsPods) wanted.resolve();
    if (source.isComplete) complete.resolve();
  };
  const watching = watchDirectory(
    {
      directory,
      clock,
      log,
      everyMs: LOOK_EVERY_MS,
      read: (_file, bytes) => readFile(bytes),
      refuse: unreadable,
      words: SERVICE_WORDS,
      onLook: (found) => look(() => source.take(found)),
    },
    signal,
  );
  signal.addEventListener('abort', () => wanted.resolve(), { once: true });
  // Nobody is asked for pods before some service has a selector.
  const following = wanted.promise.then(() =>
    followPods(
      {
        clock,
        log,
        watch: (onEvents, s) => watchPods(kubeletSocket, onEvents, s),
        onPods: (pods) => look(() => source.setPods(pods)),
        onGivingUp: () => look(() => source.goOnWithoutPods()),
      },
      signal,
    ),
  );
  const running = Promise.all([watching, following]);
  return { complete: Promise.race([complete.promise, running]), running };
}
