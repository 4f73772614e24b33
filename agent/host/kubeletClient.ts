/**
 * Asks a kubelet on its root-only unix socket.
 *
 * Throws: KUBELET_UNREACHABLE (nobody listens, or it broke off), KUBELET_ANSWER (it answered with an error, or with what is no JSON).
 */
import { request } from 'node:http';
import type { Pod } from '#api/kinds/core/pod.ts';
import { AppError } from '#base/errors.ts';

export interface TimelineStep {
  readonly step: string;
  readonly container?: string;
  readonly startedAtMs: number;
  /** Absent: under way. */
  readonly tookMs?: number;
  readonly detail?: string;
  readonly failed?: boolean;
}

export interface Refusal {
  readonly file?: string;
  readonly [field: string]: unknown;
}

export class KubeletClient {
  readonly #socket: string;

  constructor(socket: string) {
    this.#socket = socket;
  }

  async healthy(signal: AbortSignal): Promise<boolean> {
    return (await this.#get('/healthz', signal)).status === 200;
  }

  async pods(signal: AbortSignal): Promise<readonly Pod[]> {
    const { items } = await this.#json<{ items?: readonly Pod[] }>('/pods', signal);
    if (!Array.isArray(items)) throw new AppError('KUBELET_ANSWER', 'The kubelet gave no list of pods');
    return items;
  }

  async timeline(namespace: string, name: string, signal: AbortSignal): Promise<readonly TimelineStep[]> {
    const path = `/timeline/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
    return (await this.#json<{ steps?: readonly TimelineStep[] }>(path, signal)).steps ?? [];
  }

  async #json<T>(path: string, signal: AbortSignal): Promise<T> {
    const { status, text } = await this.#get(path, signal);
    if (status !== 200)
      throw new AppError('KUBELET_ANSWER', `The kubelet answered ${path} with ${status}: ${text.slice(0, 200)}`, { status });
    try {
      return JSON.parse(text) as T;
    } catch (err) {
      throw new AppError('KUBELET_ANSWER', `The kubelet answered ${path} with something that is no JSON`, {}, err);
    }
  }

  #get(path: string, signal: AbortSignal): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const fail = (err: unknown): void => {
        reject(
          signal.aborted ? signal.reason : new AppError('KUBELET_UNREACHABLE', `Cannot reach the kubelet at ${this.#socket}`, {}, err),
        );
      };
      // agent: false closes the connection each time, so that nothing keeps this process alive.
      const req = request({ socketPath: this.#socket, path, agent: false, signal }, (res) => {
        let text = '';
        res.setEncoding('utf8');
        res.on('data', (chunk: string) => (text += chunk));
        res.on('end', () => resolve({ status: res.statusCode ?? 0, text }));
        res.on('error', fail);
      });
      req.on('error', fail);
      req.end();
    });
  }
}
