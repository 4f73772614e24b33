/**
 * Asks a kubelet on its root-only unix socket.
 *
 * Throws: KUBELET_UNREACHABLE (nobody listens, or it broke off), KUBELET_ANSWER (it answered with an error, or with what is no JSON).
 */
import type { Node } from '#api/kinds/core/node.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import { AppError, codeOf } from '#base/errors.ts';
import { http } from '#base/http.ts';

export interface TimelineStep {
  readonly step: string;
  readonly container?: string;
  readonly startedAtMs: number;
  /** Absent: under way. */
  readonly tookMs?: number;
  readonly detail?: string;
  readonly failed?: boolean;
}

export interface NextTry {
  readonly container: string;
  readonly atMs: number;
}

export interface Termination {
  readonly attempt: number;
  readonly exitCode: number;
  readonly reason: string;
  readonly finishedAtMs: number;
  readonly lastLines: readonly string[];
}

/** What a probe found last: since when, and how often in a row. */
export interface ProbeFound {
  readonly container: string;
  readonly probe: 'startup' | 'readiness' | 'liveness';
  readonly result: 'good' | 'warning' | 'bad' | 'error';
  readonly message: string;
  readonly atMs: number;
  readonly tookMs: number;
  readonly sinceMs: number;
  readonly times: number;
}

export interface WaitsAndEnds {
  readonly nextTries: readonly NextTry[];
  readonly probes: readonly ProbeFound[];
  /** By container, the newest last. */
  readonly terminations: Readonly<Record<string, readonly Termination[]>>;
}

/** An event of a pod, as the kubelet keeps it. */
export interface NodeEvent {
  readonly type: string;
  readonly reason: string;
  readonly message: string;
  readonly namespace: string;
  readonly pod: string;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly count: number;
}

export interface LogQuery {
  readonly namespace: string;
  readonly name: string;
  readonly container: string;
  /** As of the kubelet's containerLogs: follow, previous, tailLines, sinceSeconds, timestamps. */
  readonly query: URLSearchParams;
}

/** A manifest the kubelet does not take. */
export interface Refusal {
  readonly file: string;
  readonly problem: { readonly line?: number; readonly column?: number; readonly path?: string; readonly message: string };
}

export interface PodWatchEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: Pod;
}

export class KubeletClient {
  readonly socket: string;

  constructor(socket: string) {
    this.socket = socket;
  }

  async healthy(signal: AbortSignal): Promise<boolean> {
    return (await this.#get('/healthz', signal)).status === 200;
  }

  async pods(signal: AbortSignal): Promise<readonly Pod[]> {
    const { items } = await this.#json<{ items?: readonly Pod[] }>('/pods', signal);
    if (!Array.isArray(items)) throw new AppError('KUBELET_ANSWER', 'The kubelet gave no list of pods');
    return items;
  }

  async node(signal: AbortSignal): Promise<Node> {
    return this.#json<Node>('/node', signal);
  }

  /** Containers that wait for their back-off to end, with when; and how each ended the last times. */
  async waitsAndEnds(namespace: string, name: string, signal: AbortSignal): Promise<WaitsAndEnds> {
    const path = `/timeline/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
    const { nextTries = [], terminations = {}, probes = [] } = await this.#json<Partial<WaitsAndEnds>>(path, signal);
    return { nextTries, terminations, probes };
  }

  async timeline(namespace: string, name: string, signal: AbortSignal): Promise<readonly TimelineStep[]> {
    const path = `/timeline/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}`;
    return (await this.#json<{ steps?: readonly TimelineStep[] }>(path, signal)).steps ?? [];
  }

  async refusals(signal: AbortSignal): Promise<readonly Refusal[]> {
    return (await this.#json<{ refusals?: readonly Refusal[] }>('/manifests', signal)).refusals ?? [];
  }

  async events(filter: { readonly namespace?: string; readonly pod?: string }, signal: AbortSignal): Promise<readonly NodeEvent[]> {
    return (
      (await this.#json<{ events?: readonly NodeEvent[] }>(`/events?${new URLSearchParams({ ...filter }).toString()}`, signal)).events ?? []
    );
  }

  /** All events there are, then each as it comes, equal ones with their new count. Returns as watchPods. */
  async watchEvents(onEvent: (event: NodeEvent) => void, signal: AbortSignal): Promise<void> {
    let rest = '';
    await this.#follow(
      '/events?watch=true',
      (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) onEvent(JSON.parse(line) as NodeEvent);
      },
      signal,
    );
  }

  /** What everything uses now, as /stats/summary. */
  summary(signal: AbortSignal): Promise<unknown> {
    return this.#json('/stats/summary', signal);
  }

  /** Every pod as ADDED, a BOOKMARK, then what changes; returns when the kubelet ends, or quietly when signal aborts. */
  async watchPods(onEvent: (event: PodWatchEvent) => void, signal: AbortSignal): Promise<void> {
    let rest = '';
    await this.#follow(
      '/pods?watch=true',
      (text) => {
        const lines = (rest + text).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) onEvent(JSON.parse(line) as PodWatchEvent);
      },
      signal,
    );
  }

  /** Hands out the text as it comes; returns when the log ended, or quietly when signal aborts. */
  logs({ namespace, name, container, query }: LogQuery, onText: (text: string) => void, signal: AbortSignal): Promise<void> {
    const path = `/containerLogs/${[namespace, name, container].map(encodeURIComponent).join('/')}?${query.toString()}`;
    return this.#follow(path, onText, signal);
  }

  #follow(path: string, onText: (text: string) => void, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (err: unknown): void => (signal.aborted ? resolve() : reject(unreachable(this.socket, err)));
      const req = http.request({ socketPath: this.socket, path, agent: false, signal }, (res) => {
        let refusal = '';
        res.setEncoding('utf8');
        res.on('data', (chunk: string) => (res.statusCode === 200 ? onText(chunk) : (refusal += chunk)));
        res.on('end', () => (res.statusCode === 200 ? resolve() : reject(new AppError('KUBELET_ANSWER', refusalText(refusal)))));
        res.on('error', fail);
      });
      req.on('error', fail);
      req.end();
    });
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
        reject(signal.aborted ? signal.reason : unreachable(this.socket, err));
      };
      // agent: false closes the connection each time, so that nothing keeps this process alive.
      const req = http.request({ socketPath: this.socket, path, agent: false, signal }, (res) => {
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

/** The kubelet says what is wrong as {error: {message}}. */
function refusalText(body: string): string {
  try {
    return (JSON.parse(body) as { error: { message: string } }).error.message;
  } catch {
    return body.slice(0, 200);
  }
}

const NEXT_STEPS: Readonly<Record<string, string>> = {
  ENOENT: 'nobody made it: start the kubelet (systemctl start kubelet), or name the socket of another with --socket',
  ECONNREFUSED: 'it does not run: systemctl start kubelet; journalctl -u kubelet says why it ended',
  EACCES: 'it is for root alone: sudo',
};

function unreachable(socket: string, err: unknown): AppError {
  const next = NEXT_STEPS[codeOf(err) ?? ''];
  return new AppError('KUBELET_UNREACHABLE', `Cannot reach the kubelet at ${socket}${next === undefined ? '' : `, ${next}`}`, {}, err);
}
