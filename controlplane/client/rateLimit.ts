/**
 * Holds a client back to so many requests a second, with a burst: a bucket of tokens that fills steadily.
 * Units: requests per second. Waiters go in their order.
 */
import type { Clock } from '#base/clock.ts';

export interface Limiter {
  /** Resolves when the request may go; rejects with the signal's reason. */
  take(signal: AbortSignal): Promise<void>;
}

/** Source: the kubelet's kubeAPIQPS and kubeAPIBurst. */
export const DEFAULT_QPS = 50;
export const DEFAULT_BURST = 100;

export class TokenBucket implements Limiter {
  readonly #clock: Clock;
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #atMs: number;

  constructor({
    qps = DEFAULT_QPS,
    burst = DEFAULT_BURST,
    clock,
  }: {
    readonly qps?: number;
    readonly burst?: number;
    readonly clock: Clock;
  }) {
    if (!(qps > 0 && burst >= 1)) throw new RangeError(`Cannot limit requests to qps=${qps} burst=${burst}: want qps > 0 and burst >= 1`);
    this.#clock = clock;
    this.#perMs = qps / 1_000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#atMs = clock.monotonicMs();
  }

  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const nowMs = this.#clock.monotonicMs();
    this.#tokens = Math.min(this.#burst, this.#tokens + (nowMs - this.#atMs) * this.#perMs);
    this.#atMs = nowMs;
    // Below nothing: tokens of the future are taken, each by who came first.
    this.#tokens -= 1;
    if (this.#tokens >= 0) return;
    try {
      await this.#clock.sleep(-this.#tokens / this.#perMs, signal);
    } catch (err) {
      this.#tokens += 1;
      throw err;
    }
  }
}

export const unlimited: Limiter = { take: async (signal) => signal.throwIfAborted() };
