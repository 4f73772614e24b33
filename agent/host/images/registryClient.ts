/**
 * Pushes archives into a registry over its unix socket, with the HTTP API v2. What is there already is not sent again.
 *
 * Throws: IMAGES_PUSH_FAILED with the registry's status and words, IMAGES_DISK_FULL.
 * Source: OCI distribution-spec 1.1 (monolithic upload: POST, then PUT with ?digest=); docker-registry 2.8 answers 202 and 201.
 */
import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { AppError } from '#base/errors.ts';
import { http } from '#base/http.ts';
import { MANIFEST_TYPE, readOciArchive, type ArchiveBlob, type ImageRef } from './oci.ts';

export interface PushTarget {
  readonly socketPath: string;
  readonly signal: AbortSignal;
}

export interface PushedImage {
  /** 0: everything was there. */
  readonly sentBytes: number;
}

export async function pushArchive(archivePath: string, refs: readonly ImageRef[], target: PushTarget): Promise<PushedImage> {
  const { digest, manifest, blobs } = await readOciArchive(archivePath);
  let sentBytes = 0;
  for (const repository of new Set(refs.map((ref) => ref.repository))) {
    for (const blob of blobs) sentBytes += await pushBlob({ archivePath, repository, blob, target });
    for (const { tag } of refs.filter((ref) => ref.repository === repository)) {
      const path = `/v2/${repository}/manifests/${tag}`;
      const there = await call({ method: 'HEAD', path, headers: { accept: MANIFEST_TYPE }, target });
      if (there.status === 200 && there.headers['docker-content-digest'] === digest) continue;
      const put = await call({
        method: 'PUT',
        path,
        headers: { 'content-type': MANIFEST_TYPE },
        body: { kind: 'bytes', bytes: manifest },
        target,
      });
      if (put.status !== 201) throw refused(`the manifest of ${repository}:${tag}`, put);
      sentBytes += manifest.length;
    }
  }
  return { sentBytes };
}

interface BlobPush {
  readonly archivePath: string;
  readonly repository: string;
  readonly blob: ArchiveBlob;
  readonly target: PushTarget;
}

async function pushBlob({ archivePath, repository, blob, target }: BlobPush): Promise<number> {
  const there = await call({ method: 'HEAD', path: `/v2/${repository}/blobs/${blob.digest}`, target });
  if (there.status === 200) return 0;
  const started = await call({ method: 'POST', path: `/v2/${repository}/blobs/uploads/`, target });
  const location = started.headers.location;
  if (started.status !== 202 || location === undefined) throw refused(`an upload to ${repository}`, started);
  const url = new URL(location, 'http://registry');
  url.searchParams.set('digest', blob.digest);
  const body = { kind: 'section', path: archivePath, offset: blob.offset, sizeBytes: blob.sizeBytes } as const;
  const put = await call({
    method: 'PUT',
    path: url.pathname + url.search,
    headers: { 'content-type': 'application/octet-stream' },
    body,
    target,
  });
  if (put.status !== 201) throw refused(`${blob.digest} of ${repository}`, put);
  return blob.sizeBytes;
}

type Body =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'section'; readonly path: string; readonly offset: number; readonly sizeBytes: number };

interface Call {
  readonly method: 'HEAD' | 'GET' | 'POST' | 'PUT';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body;
  readonly target: PushTarget;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** Error bodies are short; more than this of one tells nobody more. */
const LONGEST_TEXT = 4_096;

async function call({ method, path, headers = {}, body, target }: Call): Promise<Answer> {
  const { socketPath, signal } = target;
  const length = body === undefined ? 0 : body.kind === 'bytes' ? body.bytes.length : body.sizeBytes;
  const outgoing = http.request({ socketPath, method, path, signal, headers: { host: 'registry', 'content-length': length, ...headers } });
  const answered = new Promise<IncomingMessage>((resolve, reject) => outgoing.once('response', resolve).once('error', reject));
  answered.catch(() => undefined); // awaited below; a body that cannot be sent fails first
  try {
    if (body?.kind === 'section' && body.sizeBytes > 0) {
      await pipeline(createReadStream(body.path, { start: body.offset, end: body.offset + body.sizeBytes - 1 }), outgoing, { signal });
    } else outgoing.end(body?.kind === 'bytes' ? body.bytes : undefined);
    const incoming = await answered;
    let text = '';
    for await (const chunk of incoming as AsyncIterable<Buffer>) if (text.length < LONGEST_TEXT) text += chunk.toString();
    return { status: incoming.statusCode ?? 0, headers: incoming.headers, text: text.slice(0, LONGEST_TEXT) };
  } catch (err) {
    if (signal.aborted) throw signal.reason;
    throw new AppError('IMAGES_PUSH_FAILED', `The registry broke off ${method} ${path}`, { path }, err);
  }
}

function refused(what: string, { status, text }: Answer): AppError {
  if (/no space left on device/i.test(text))
    return new AppError('IMAGES_DISK_FULL', 'Cannot fill the registry: no space is left on the disk');
  return new AppError('IMAGES_PUSH_FAILED', `The registry did not take ${what}: status ${status} ${text.trim()}`, { status });
}
