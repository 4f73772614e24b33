/**
 * The HTTP API with TLS (10250) and, when it is asked for, the read-only port. HTTP/1.1 only: upgrades need it.
 * Throws: AppError SERVER_PORT_TAKEN, SERVER_FAILED, TLS_FILE, TLS_SELF_SIGN.
 */
import type { IncomingMessage, Server as PlainServer } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { SecureContextOptions } from 'node:tls';
import { AppError, codeOf } from '#base/errors.ts';
import { http } from '#base/http.ts';
import { peerOf } from '#base/peer.ts';
import type { Logger } from '#base/log.ts';
import type { ServerSettings } from '../config/serverFields.ts';
import { readCall, refuseAsText, refuseUpgrade, serveCall, serveUpgrade, type ApiDeps } from './api.ts';
import type { Asked } from './access.ts';
import type { User } from '#client/reviews.ts';
import type { Auth } from './auth.ts';
import { readPem, type KeyPair } from './pki.ts';

export interface SecureDeps {
  readonly api: ApiDeps;
  readonly auth: Auth;
  readonly settings: ServerSettings;
  readonly keyPair: KeyPair;
  /** Asks to be told of other ones to serve with from then on. */
  readonly onKeyPair?: (use: (pair: KeyPair) => void) => void;
  readonly log: Logger;
}

/** A request has to be there within these; an answer may take as long as a log is followed. */
const LIMITS = { requestTimeout: 30_000, headersTimeout: 10_000, maxHeaderSize: 64 << 10 } as const;
/** Sockets at once: enough for every tool on a node, few enough not to run out of descriptors. */
const MOST_CONNECTIONS = 1_000;

/** Answers with the port, which is another one when 0 was asked for. */
export async function serveSecure(deps: SecureDeps, signal: AbortSignal): Promise<number> {
  const { settings, keyPair, api } = deps;
  const ca = settings.authn.clientCaFile === undefined ? undefined : await readPem(settings.authn.clientCaFile, 'clientCAFile');
  const context = ({ certificate, key }: KeyPair): SecureContextOptions => ({
    cert: certificate,
    key,
    minVersion: settings.tls.minVersion,
    ...(settings.tls.curves.length === 0 ? {} : { ecdhCurve: settings.tls.curves.join(':') }),
    ...(settings.tls.ciphers.length === 0 ? {} : { ciphers: settings.tls.ciphers.join(':') }),
    ...(ca === undefined ? {} : { ca }),
  });
  const server = createServer(
    {
      ...context(keyPair),
      ALPNProtocols: ['http/1.1'],
      // A caller without a good certificate may have a token, and is told what is missing: authentication decides, not the handshake.
      ...(ca === undefined ? {} : { requestCert: true, rejectUnauthorized: false }),
      ...LIMITS,
    },
    (req, res) => {
      admit(deps, req, signal)
        .then(({ target }) => serveCall(api, { req, res, target, signal }))
        .catch((err: unknown) => {
          if (codeOf(err) === 'UNAUTHORIZED') res.setHeader('www-authenticate', 'Bearer');
          refuseAsText(res, err);
        });
    },
  );
  deps.onKeyPair?.((pair) => server.setSecureContext(context(pair)));
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    const upgrade = { request, socket, head };
    admit(deps, request, signal)
      .then(({ target }) => serveUpgrade(api, target, upgrade, signal))
      .catch((err: unknown) => refuseUpgrade(upgrade, err));
  });
  const listens = await listen(server, { host: settings.host, port: settings.port, field: 'port' }, signal);
  if (settings.readOnlyPort === 0) return listens;
  const readOnly = http.createServer(LIMITS, (req, res) => {
    Promise.resolve()
      .then(() => serveCall(api, { req, res, target: readCall(req).target, signal }, 'readOnly'))
      .catch((err: unknown) => refuseAsText(res, err));
  });
  await listen(readOnly, { host: settings.host, port: settings.readOnlyPort, field: 'readOnlyPort' }, signal);
  return listens;
}

/** Throws UNAUTHORIZED, FORBIDDEN, BAD_REQUEST. */
async function admit({ auth, log }: SecureDeps, req: IncomingMessage, signal: AbortSignal): Promise<ReturnType<typeof readCall>> {
  const call = readCall(req);
  const identified = await auth.identify(peerOf(req.socket), req.headers.authorization, signal).catch((err: unknown) => {
    log.warn('Cannot tell who calls the HTTP API', { err, code: 'WEBHOOK_FAILED' });
    throw new AppError('UNAUTHORIZED', 'Unauthorized: the API server could not be asked');
  });
  if ('problem' in identified) throw new AppError('UNAUTHORIZED', `Unauthorized: ${identified.problem}`);
  const verdict = await auth.allow(identified.user, call.asked, signal).catch((err: unknown) => {
    log.warn('Cannot tell whether a caller of the HTTP API may do what it asks for', { err, code: 'WEBHOOK_FAILED' });
    throw new AppError('FORBIDDEN', 'Authorization error: the API server could not be asked');
  });
  if (!verdict.allowed) throw forbidden(identified.user, call.asked, verdict.reason);
  return call;
}

function forbidden({ name }: User, { verb, subresources }: Asked, reason: string): AppError {
  const what = `Forbidden (user=${name}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])`;
  return new AppError('FORBIDDEN', reason === '' ? what : `${what}: ${reason}`);
}

interface At {
  readonly host: string;
  readonly port: number;
  readonly field: string;
}

async function listen(server: Server | PlainServer, { host, port, field }: At, signal: AbortSignal): Promise<number> {
  server.maxConnections = MOST_CONNECTIONS;
  await new Promise<void>((resolve, reject) => {
    server.once('error', (err) => {
      const taken = codeOf(err) === 'EADDRINUSE';
      const message = taken
        ? `Port ${port} on ${host} is taken: another kubelet runs on this node, or set ${field}`
        : `Cannot listen on ${host}:${port}`;
      reject(new AppError(taken ? 'SERVER_PORT_TAKEN' : 'SERVER_FAILED', message, { port }, err));
    });
    server.listen(port, host, resolve);
  });
  signal.addEventListener('abort', () => (server.close(), server.closeAllConnections()), { once: true });
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : port;
}
