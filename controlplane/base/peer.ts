/**
 * Who is at the other end of a connection. Looked at once per connection: parsing a certificate costs more than a whole GET.
 * TLS itself has checked the chain against the client CA, and the dates; a certificate it refused is reported as a problem.
 */
import type { X509Certificate } from 'node:crypto';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

/** What the connection itself says about the client. */
export interface Peer {
  readonly address: string;
  /** The client's certificate, if it was signed by our client CA and has not expired. */
  readonly certificate: ClientCertificate | undefined;
  /** A certificate was shown and refused. */
  readonly certificateProblem: string | undefined;
}

export interface ClientCertificate {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** Lower-case hexadecimal SHA-256 of the certificate. */
  readonly fingerprint: string;
}

const peers = new WeakMap<Socket, Peer>();

export function peerOf(socket: Socket): Peer {
  const known = peers.get(socket);
  if (known !== undefined) return known;
  const peer = lookAt(socket);
  peers.set(socket, peer);
  return peer;
}

function lookAt(socket: Socket): Peer {
  const address = (socket.remoteAddress ?? '').replace(/^::ffff:/, '');
  const certificate = 'getPeerX509Certificate' in socket ? (socket as TLSSocket).getPeerX509Certificate() : undefined;
  if (certificate === undefined) return { address, certificate: undefined, certificateProblem: undefined };
  const tls = socket as TLSSocket;
  const certificateProblem = tls.authorized ? usageProblem(certificate) : String(tls.authorizationError);
  return certificateProblem === undefined
    ? { address, certificate: facts(certificate), certificateProblem }
    : { address, certificate: undefined, certificateProblem };
}

const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
const ANY_USAGE = '2.5.29.37.0';

/** Absent key usages allow everything. */
function usageProblem(certificate: X509Certificate): string | undefined {
  const usages = (certificate as { keyUsage?: string[] }).keyUsage;
  if (usages === undefined || usages.length === 0 || usages.includes(CLIENT_AUTH) || usages.includes(ANY_USAGE)) return undefined;
  return 'the certificate is not meant for clients';
}

function facts(certificate: X509Certificate): ClientCertificate {
  const subject = certificate.toLegacyObject().subject as unknown as Readonly<Record<string, string | string[] | undefined>>;
  const organizations = subject['O'] ?? [];
  const names = subject['CN'] ?? '';
  return {
    commonName: typeof names === 'string' ? names : (names.at(-1) ?? ''),
    organizations: typeof organizations === 'string' ? [organizations] : organizations,
    fingerprint: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}
