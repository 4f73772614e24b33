/** A gRPC server that says SERVING to the standard health check. Run as a process of its own: node grpcHealthServer.ts PORT. */
import { Server, ServerCredentials } from '@grpc/grpc-js';

const raw = (b: Buffer): Buffer => b;
const check = {
  path: '/grpc.health.v1.Health/Check',
  requestStream: false,
  responseStream: false,
  requestSerialize: raw,
  requestDeserialize: raw,
  responseSerialize: raw,
  responseDeserialize: raw,
} as const;

const server = new Server();
/** Field 1, a varint: SERVING is 1. */
server.addService(
  { Check: check },
  { Check: (_: unknown, callback: (err: null, answer: Buffer) => void) => callback(null, Buffer.from([8, 1])) },
);
server.bindAsync(`127.0.0.1:${process.argv[2]}`, ServerCredentials.createInsecure(), (err) => {
  if (err !== null) throw err;
});
