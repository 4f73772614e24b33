/** The connection to the runtime: made again for ever, told in the log when it goes and comes back, and in the node's health. */
import type { Clock } from '#base/clock.ts';
import type { Logger } from '#base/log.ts';
import { CriClient, type CriClientOptions } from '#cri/client.ts';
import type { Settings } from '../config/settings.ts';

export interface RuntimeLinkOptions {
  readonly settings: Pick<Settings, 'containerRuntimeEndpoint' | 'runtimeRequestTimeoutMs'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onCall: NonNullable<CriClientOptions['onCall']>;
  readonly onChange: () => void;
  /** It was away, and answers again. */
  readonly onBack: () => void;
}

export interface RuntimeLink {
  readonly client: CriClient;
  /** What is wrong with it; undefined: it answers. */
  readonly problem: () => string | undefined;
}

/** Closed when the signal aborts. */
export function linkRuntime({ settings, clock, log, onCall, onChange, onBack }: RuntimeLinkOptions, signal: AbortSignal): RuntimeLink {
  const { containerRuntimeEndpoint: endpoint, runtimeRequestTimeoutMs: requestTimeoutMs } = settings;
  let isUp: boolean | undefined;
  const client = new CriClient({
    endpoint,
    clock,
    requestTimeoutMs,
    onCall,
    onStateChange: (up) => {
      const wasDown = isUp === false;
      isUp = up;
      if (!up) {
        log.error('Cannot reach the container runtime, trying again until it answers', { endpoint, code: 'CRI_UNAVAILABLE' });
      } else if (wasDown) {
        log.info('Reached the container runtime again');
        onBack();
      }
      onChange();
    },
  });
  signal.addEventListener('abort', () => client.close(), { once: true });
  return {
    client,
    problem: () => (isUp === true ? undefined : `container runtime: no answer on ${endpoint}`),
  };
}
