/**
 * Asks the standard gRPC health service of a container. Throws AppError PROBE_FAILED in upstream's words, or the reason of signal.
 * Source: grpc.health.v1 of the gRPC health checking protocol.
 */
import { Client, credentials, Metadata, status as Status, type ServiceError } from '@grpc/grpc-js';
import protobuf from 'protobufjs';
import { AppError } from '#base/errors.ts';
import { hostPort } from './dial.ts';
import { PROBE_USER_AGENT } from './get.ts';

const { Field, Type } = protobuf;
const Request = new Type('HealthCheckRequest').add(new Field('service', 1, 'string'));
const Response = new Type('HealthCheckResponse').add(new Field('status', 1, 'int32'));
const STATUS = ['UNKNOWN', 'SERVING', 'NOT_SERVING', 'SERVICE_UNKNOWN'];
const PATH = '/grpc.health.v1.Health/Check';

export interface GrpcCheck {
  readonly host: string;
  readonly port: number;
  readonly service: string;
  readonly signal: AbortSignal;
}

export async function grpcCheck({ host, port, service, signal }: GrpcCheck): Promise<void> {
  const address = hostPort(host, port);
  const client = new Client(address, credentials.createInsecure(), {
    'grpc.primary_user_agent': PROBE_USER_AGENT,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
  });
  try {
    const answer = await ask(client, service, signal);
    const status = STATUS[answer] ?? String(answer);
    if (status !== 'SERVING') throw new AppError('PROBE_FAILED', `service unhealthy (responded with ${JSON.stringify(status)})`);
  } catch (err) {
    signal.throwIfAborted();
    throw inWords(err, address);
  } finally {
    client.close();
  }
}

function ask(client: Client, service: string, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const call = client.makeUnaryRequest(
      PATH,
      (request: object) => Buffer.from(Request.encode(Request.create(request)).finish()),
      (bytes: Buffer) => Response.toObject(Response.decode(bytes), { defaults: true })['status'] as number,
      { service },
      new Metadata(),
      (err, answer) => {
        signal.removeEventListener('abort', onAbort);
        if (err !== null) reject(err);
        else resolve(answer ?? 0);
      },
    );
    const onAbort = (): void => call.cancel();
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

function inWords(err: unknown, address: string): unknown {
  if (err instanceof AppError) return err;
  const { code, details } = err as ServiceError;
  if (code === Status.UNIMPLEMENTED)
    return new AppError(
      'PROBE_FAILED',
      `error: this server does not implement the grpc health protocol (grpc.health.v1.Health): ${details}`,
    );
  if (code === Status.UNAVAILABLE) return new AppError('PROBE_FAILED', `error: connecting to ${address}: ${details}`);
  return new AppError('PROBE_FAILED', `error: health rpc failed: ${details}`);
}
