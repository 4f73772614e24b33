/**
 * The floor: the least a server can do that answers the same requests over TLS, from a map of bytes and with every write put
 * into a bare database before its answer. It checks, defaults, owns and counts nothing, knows one resource, and trusts everybody.
 */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { makePki } from '../dev/pki.ts';

export interface BareOptions {
  /** Resolves when it is durable. */
  readonly put: (key: string, value: Buffer) => Promise<unknown>;
  /** Objects are filled up to this size, so that lists are as long as those they are compared with. */
  readonly sizeBytes: number;
}

interface Pod {
  metadata: Record<string, unknown>;
  status?: Record<string, unknown>;
}

export async function startBare({ put, sizeBytes }: BareOptions) {
  const { ca, server: material } = await makePki({ names: ['127.0.0.1'], nowMs: Date.now(), validMs: 86_400_000 });
  const objects = new Map<string, Buffer>();
  const watches = new Set<ServerResponse>();
  let revision = 0;

  async function write(name: string, pod: Pod, type: string): Promise<Buffer> {
    revision += 1;
    pod.metadata['resourceVersion'] = String(revision);
    const bytes = Buffer.from(JSON.stringify(pod));
    await put(`/registry/pods/bench/${name}`, bytes);
    objects.set(name, bytes);
    const event = Buffer.concat([Buffer.from(`{"type":"${type}","object":`), bytes, Buffer.from('}\n')]);
    for (const watch of watches) watch.write(event);
    return bytes;
  }

  async function create(body: Pod): Promise<Buffer> {
    const fill = sizeBytes - JSON.stringify(body).length - 200;
    if (fill > 0) body.metadata['fill'] = 'x'.repeat(fill);
    body.metadata['uid'] = crypto.randomUUID();
    body.metadata['creationTimestamp'] = new Date().toISOString();
    return write(String(body.metadata['name']), body, 'ADDED');
  }

  async function patch(name: string, body: Pod): Promise<Buffer> {
    const pod = JSON.parse((objects.get(name) ?? Buffer.from('{"metadata":{}}')).toString()) as Pod;
    pod.status = { ...pod.status, ...body.status };
    return write(name, pod, 'MODIFIED');
  }

  function list(res: ServerResponse): void {
    const parts: Uint8Array[] = [Buffer.from(`{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"${revision}"},"items":[`)];
    for (const bytes of objects.values()) parts.push(parts.length > 1 ? COMMA : EMPTY, bytes);
    parts.push(END);
    answer(res, 200, Buffer.concat(parts));
  }

  const server = createServer({ cert: material.certificate, key: material.key, noDelay: true }, (req, res) => void serve(req, res));
  async function serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(req.url ?? '/', 'https://bare');
    const name = pathname.split('/')[6];
    if (req.method === 'GET' && name !== undefined) return answer(res, 200, objects.get(name) ?? EMPTY);
    if (req.method === 'GET' && searchParams.has('watch')) {
      watches.add(res);
      res.on('close', () => watches.delete(res));
      res.writeHead(200, { 'Content-Type': 'application/json' });
      return res.flushHeaders();
    }
    if (req.method === 'GET') return list(res);
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    await once(req, 'end');
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Pod;
    if (req.method === 'PATCH') return answer(res, 200, await patch(name ?? '', body));
    if (!pathname.endsWith('/pods')) return answer(res, 201, EMPTY);
    answer(res, 201, await create(body));
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    token: 'none',
    ca,
    stop: (): void => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const EMPTY = Buffer.alloc(0);
const COMMA = Buffer.from(',');
const END = Buffer.from(']}');

function answer(res: ServerResponse, code: number, bytes: Buffer): void {
  res.writeHead(code, { 'Content-Type': 'application/json', 'Content-Length': bytes.length });
  res.end(bytes);
}
