/**
 * The file behind --audit-log-path. Requests never wait for it: lines stand in a queue with a limit, and what does not fit is dropped and
 * counted, so that a full disk costs records and not the API.
 * Differs: upstream's log waits for the disk before it answers (--audit-log-mode=blocking).
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, open, readdir, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { backupName, planRotation, type RotationLimits } from './rotation.ts';

export interface AuditLogOptions extends RotationLimits {
  /** "-": standard output. */
  readonly path: string;
  /** Lines that may wait. */
  readonly mostLines: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What may wait in all: long answers fill memory before their number does. */
const MOST_BYTES = 64 * 1024 * 1024;
const WRITE_BYTES = 1024 * 1024;
const RETRY_MS = 1_000;
/** For the last lines, when the server ends. */
const LAST_TRIES = 3;

export class AuditLog {
  readonly #options: AuditLogOptions;
  readonly #stop = new AbortController();
  #queue: Buffer[] = [];
  #queuedBytes = 0;
  #file: FileHandle | undefined;
  #fileBytes = 0;
  #running: Promise<void> | undefined;
  written = 0;
  dropped = 0;

  private constructor(options: AuditLogOptions) {
    this.#options = options;
  }

  /** Throws AppError AUDIT_LOG: a server whose records cannot be kept does not start. */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const log = new AuditLog(options);
    const { path } = options;
    try {
      if (path !== '-') await log.#open();
    } catch (err) {
      throw new AppError('AUDIT_LOG', `Cannot write ${path} (--audit-log-path): check the folder and its permissions`, { path }, err);
    }
    return log;
  }

  /** Never waits, never throws. */
  add(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#queue.length >= this.#options.mostLines || this.#queuedBytes + bytes.length > MOST_BYTES) {
      this.dropped += 1;
      this.#options.log.warn('Audit event is lost: the log does not keep up', { file: this.#options.path });
      return;
    }
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#running ??= this.#drain().finally(() => (this.#running = undefined));
  }

  /** Resolves when what was added is written, or cannot be. */
  async close(): Promise<void> {
    this.#stop.abort(new AppError('STOPPING', 'the server is shutting down'));
    await this.#running;
    for (let tries = 0; this.#queue.length > 0 && tries < LAST_TRIES; tries++) await this.#writeSome().catch(() => undefined);
    await this.#file?.close();
    this.#file = undefined;
  }

  async #drain(): Promise<void> {
    const { clock, log, path } = this.#options;
    while (this.#queue.length > 0) {
      try {
        await this.#writeSome();
      } catch (err) {
        if (this.#stop.signal.aborted) return;
        log.warn('Cannot write audit log', { file: path, retryInMs: RETRY_MS, err });
        await clock.sleep(RETRY_MS, this.#stop.signal).catch(() => undefined);
      }
    }
  }

  /** What was not written stays at the head of the queue. */
  async #writeSome(): Promise<void> {
    let [count, bytes] = [0, 0];
    const { maxBytes, path } = this.#options;
    for (const line of this.#queue) {
      if (count > 0 && (bytes + line.length > WRITE_BYTES || this.#fileBytes + bytes + line.length > maxBytes)) break;
      count += 1;
      bytes += line.length;
    }
    const lines = this.#queue.slice(0, count);
    if (path === '-') {
      await new Promise<void>((resolve, reject) => {
        process.stdout.write(Buffer.concat(lines), (err) => (err === undefined || err === null ? resolve() : reject(err)));
      });
    } else {
      if (this.#fileBytes > 0 && this.#fileBytes + bytes > maxBytes) await this.#rotate();
      const file = this.#file ?? (await this.#open());
      await file.appendFile(Buffer.concat(lines, bytes));
      this.#fileBytes += bytes;
    }
    this.#queue = this.#queue.slice(count);
    this.#queuedBytes -= bytes;
    this.written += count;
  }

  async #open(): Promise<FileHandle> {
    const { path } = this.#options;
    await mkdir(dirname(path), { recursive: true, mode: 0o755 });
    // Who may read the log reads what all users did.
    this.#file = await open(path, 'a', 0o600);
    this.#fileBytes = (await this.#file.stat()).size;
    return this.#file;
  }

  async #rotate(): Promise<void> {
    const { path, clock, log } = this.#options;
    const dir = dirname(path);
    const nowMs = clock.nowMs();
    await this.#file?.close();
    this.#file = undefined;
    await rename(path, join(dir, backupName(path, nowMs)));
    await this.#open();
    try {
      const plan = planRotation(path, await readdir(dir), this.#options, nowMs);
      for (const name of plan.remove) await rm(join(dir, name), { force: true });
      for (const name of plan.compress) await compress(join(dir, name));
    } catch (err) {
      log.warn('Cannot tidy up old audit logs', { dir, file: basename(path), err });
    }
  }
}

async function compress(file: string): Promise<void> {
  const aside = `${file}.gz.tmp`;
  await pipeline(createReadStream(file), createGzip(), createWriteStream(aside, { mode: 0o600 }));
  await rename(aside, `${file}.gz`);
  await rm(file);
}
