/**
 * Requests to where pods and kubelets are: plain ones, and such that ask for an upgrade. Answers are handed on as they are.
 * Only what answered 101 becomes a tunnel: behind any other answer a client could go on talking to the kubelet with our credentials.
 * Throws: DialError (nobody answers there), in Go's words, because people search for them.
 */
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { connect, isIP, type Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { connect as tlsConnect, type ConnectionOptions } from 'node:tls';
import { codeOf, explain } from '#base/errors.ts';
import { http } from '#base/http.ts';

export interface Target {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** With its query. */
  readonly path: string;
  /** The kubelet is shown who we are; what runs in pods is not, and cannot show whom we could check. */
  readonly as: 'kubelet' | 'stranger';
}

export interface KubeletTls {
  /** PEM; how we show who we are. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** PEM. Absent: the kubelet's certificate is not checked, as upstream has it without --kubelet-certificate-authority. */
  readonly ca?: string | undefined;
}

export interface BackendOptions {
  readonly kubelet: KubeletTls;
  /** For the connection to be there. Source: the default of --kubelet-timeout. */
  readonly dialMs: number;
  /** For tests, in which addresses of a cluster lead to this machine. */
  readonly connect?: (host: string, port: number) => Socket;
}

export interface BackendRequest {
  readonly method: string;
  readonly headers: OutgoingHttpHeaders;
  readonly body?: Readable;
  readonly signal: AbortSignal;
}

export type UpgradeAnswer =
  | { readonly kind: 'upgraded'; readonly head: string; readonly socket: Duplex; readonly first: Buffer }
  | { readonly kind: 'response'; readonly response: IncomingMessage };

export type BackendResponse = IncomingMessage;

export class DialError extends Error {
  override readonly name = 'DialError';
}

export class Backends {
  readonly #options: BackendOptions;

  constructor(options: BackendOptions) {
    this.#options = options;
  }

  send(target: Target, { method, headers, body, signal }: BackendRequest): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const req = this.#open(target, { method, headers, signal }, reject);
      req.on('response', resolve);
      if (body === undefined) req.end();
      else body.pipe(req);
    });
  }

  upgrade(target: Target, { method, headers, signal }: BackendRequest): Promise<UpgradeAnswer> {
    return new Promise((resolve, reject) => {
      const req = this.#open(target, { method, headers, signal }, reject);
      req.on('response', (response) => resolve({ kind: 'response', response }));
      req.on('upgrade', (response, socket, first) => {
        // The request no longer ends the connection when its signal does: the tunnel sees to that.
        socket.on('error', () => undefined);
        resolve({ kind: 'upgraded', head: headOf(response), socket, first });
      });
      req.end();
    });
  }

  #open(
    target: Target,
    { method, headers, signal }: Pick<BackendRequest, 'method' | 'headers' | 'signal'>,
    reject: (err: Error) => void,
  ): ClientRequest {
    const { scheme, path, host, port } = target;
    const req = http.request({ method, host, port, path, headers, signal, createConnection: () => this.#dial(target) });
    req.on('socket', (socket) => {
      socket.setTimeout(this.#options.dialMs, () => socket.destroy(Object.assign(new Error('timeout'), { code: 'ETIMEDOUT' })));
      socket.once(scheme === 'https' ? 'secureConnect' : 'connect', () => socket.setTimeout(0));
    });
    // One connection, one request: nobody else uses it, so nobody else would close it.
    req.on('response', (response) => {
      const { socket } = response;
      response.once('close', () => socket.destroy());
    });
    req.on('error', (err) => reject(signal.aborted ? (signal.reason as Error) : new DialError(dialText(err, target), { cause: err })));
    return req;
  }

  #dial({ scheme, host, port, as }: Target): Socket {
    const { kubelet, connect: dial = (h, p) => connect({ host: h, port: p }) } = this.#options;
    const raw = dial(host, port);
    if (scheme === 'http') return raw;
    const tls =
      as === 'kubelet'
        ? { cert: kubelet.certificate, key: kubelet.key, ca: kubelet.ca, rejectUnauthorized: kubelet.ca !== undefined }
        : { rejectUnauthorized: false };
    const secure = tlsConnect({ socket: raw, host, ...(isIP(host) === 0 ? { servername: host } : {}), ...tls } as ConnectionOptions);
    raw.on('error', (err) => secure.destroy(err));
    return secure;
  }
}

const DIALS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
};

function dialText(err: Error, { host, port }: Target): string {
  const code = codeOf(err) ?? '';
  const where = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
  const known = DIALS[code];
  if (known !== undefined) return `dial tcp ${where}: ${known}`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${host}: no such host`;
  if (code === 'ECONNRESET') return `read tcp ${where}: connection reset by peer`;
  if (/^(CERT_|UNABLE_|DEPTH_|SELF_|ERR_TLS_)/.test(code)) return `tls: failed to verify certificate: x509: ${explain(err)}`;
  return explain(err);
}

/** As it came, byte for byte but for the spelling of line ends. */
function headOf({ httpVersion, statusCode, statusMessage, rawHeaders }: IncomingMessage): string {
  let head = `HTTP/${httpVersion} ${statusCode} ${statusMessage}\r\n`;
  for (let i = 0; i < rawHeaders.length; i += 2) head += `${rawHeaders[i]}: ${rawHeaders[i + 1]}\r\n`;
  return `${head}\r\n`;
}
