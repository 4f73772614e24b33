/** `kijabi explain scheduling POD`: asked from the scheduler, on its socket. */
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { DEFAULT_NODE, nodePaths } from '#agent/host/paths.ts';
import { AppError, explain } from '#base/errors.ts';
import type { Io } from './io.ts';

export interface Asked {
  /** NAME or NAMESPACE/NAME */
  readonly name: string;
  readonly namespace: string | undefined;
  readonly json: boolean;
  readonly socket: string | undefined;
}

const TIMEOUT_MS = 30_000;

export async function explainScheduling(io: Io, { name, namespace, json, socket }: Asked): Promise<void> {
  const at = findSocket(io, socket);
  const key = name.includes('/') ? name : `${namespace ?? 'default'}/${name}`;
  const path = `/explain/scheduling/${key.split('/').map(encodeURIComponent).join('/')}`;
  const { code, text } = await ask(at, json ? `${path}?output=json` : path);
  if (code !== 200) throw new AppError('SCHEDULER_ANSWER', text.trim());
  io.out(text);
}

function findSocket(io: Io, socket: string | undefined): string {
  const given = socket ?? io.env['KIJABI_SCHEDULER'];
  if (given !== undefined && given !== '') return given;
  const isolated = nodePaths(io.env['KIJABI_NODE'] ?? DEFAULT_NODE).schedulerSocket;
  if (existsSync(isolated)) return isolated;
  throw new AppError(
    'SCHEDULER_UNREACHABLE',
    'No scheduler is known here: start kijabi up, or name the socket of kube-scheduler --socket=PATH with --socket PATH',
  );
}

function ask(socketPath: string, path: string): Promise<{ readonly code: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const fail = (err: unknown): void =>
      reject(
        new AppError(
          'SCHEDULER_UNREACHABLE',
          `No kube-scheduler answers on ${socketPath} (${explain(err)}): is it running, and is this its --socket?`,
        ),
      );
    const req = request({ socketPath, path, timeout: TIMEOUT_MS, agent: false }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      res.on('error', fail);
      res.on('end', () => resolve({ code: res.statusCode ?? 0, text }));
    });
    req.on('timeout', () => req.destroy(new Error('no answer in time')));
    req.on('error', fail);
    req.end();
  });
}
