/**
 * One HTTP/2 connection over a unix socket, made again for ever when it is lost, 0.1 s to 3 s apart (the back-off is grpc-js's own).
 * Nothing is opened before watch() or the first call.
 */
import { Client, connectivityState, credentials } from '@grpc/grpc-js';
import type { Clock } from '#base/clock.ts';

/** A list of thousands of containers passes grpc's default of 4 MiB; containerd itself takes and sends 16 MiB. */
const LARGEST_MESSAGE_BYTES = 16 * 1024 * 1024;
const OPTIONS = {
  'grpc.max_receive_message_length': LARGEST_MESSAGE_BYTES,
  'grpc.max_send_message_length': LARGEST_MESSAGE_BYTES,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 3_000,
  // The longest timer: an idle node must not look like a lost connection.
  'grpc.client_idle_timeout_ms': 2_147_483_647,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_channelz': 0,
  'grpc.service_config_disable_resolution': 1,
};

export class Connection {
  readonly client: Client;
  readonly #onStateChange: (up: boolean) => void;
  readonly #clock: Clock;
  #waiters: (() => void)[] = [];
  #up: boolean | undefined;
  #watching = false;
  #closed = false;

  constructor(socket: string, clock: Clock, onStateChange: (up: boolean) => void) {
    this.#clock = clock;
    this.client = new Client(`unix:${socket}`, credentials.createInsecure(), OPTIONS);
    this.#onStateChange = onStateChange;
  }

  /** Keeps the connection up from now on, and reports on it. A second call changes nothing. */
  watch(): void {
    if (this.#watching || this.#closed) return;
    this.#watching = true;
    this.#look();
  }

  /** Returns once the socket takes calls, or throws the reason of the signal. After close() it never returns by itself. */
  waitUp(signal: AbortSignal): Promise<void> {
    this.watch();
    return this.#up === true ? Promise.resolve() : this.#untilUp(signal);
  }

  async #untilUp(signal: AbortSignal): Promise<void> {
    // grpc-js lets the process end while it connects; who waits wants it to go on.
    const stopWaiting = this.#clock.after(Infinity, () => undefined);
    try {
      while (this.#up !== true) {
        signal.throwIfAborted();
        await this.#nextChange(signal);
      }
    } finally {
      stopWaiting();
    }
  }

  #nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
      this.#waiters.push(wake);
    });
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Calls under way go on to their end, no new ones are taken, and no state change is reported any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.client.close();
  }

  #look(): void {
    if (this.#closed) return;
    const channel = this.client.getChannel();
    const state = channel.getConnectivityState(true); // true: connect when idle, as after a lost connection
    channel.watchConnectivityState(state, Infinity, () => queueMicrotask(() => this.#look()));
    const up = state === connectivityState.READY;
    // The first attempt is no news before it ended; later, leaving READY is.
    if (up === this.#up || (this.#up === undefined && !up && state !== connectivityState.TRANSIENT_FAILURE)) return;
    this.#up = up;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const wake of waiters) wake();
    this.#onStateChange(up);
  }
}
