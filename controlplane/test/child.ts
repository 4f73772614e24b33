/** A command of ours as a process of its own, ended with the test. */
import { Agent, request } from 'node:https';
import { createServer, type AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { execa } from 'execa';

export const root = new URL('../../', import.meta.url).pathname;

export interface Child {
  readonly kill: (signal: NodeJS.Signals) => void;
  /** Resolves with the exit code when it has ended. */
  readonly ended: Promise<number | undefined>;
  /** Resolves when what the process has said matches. */
  readonly says: (pattern: RegExp) => Promise<RegExpExecArray>;
  readonly all: () => string;
}

export function start(t: TestContext, argv: readonly string[]): Child {
  const [program = '', ...args] = argv;
  const child = execa(program, args, { cwd: root, all: true, buffer: false, reject: false, stdin: 'ignore' });
  let text = '';
  const waiting = new Set<() => void>();
  child.all.setEncoding('utf8').on('data', (piece: string) => {
    text += piece;
    for (const look of waiting) look();
  });
  t.after(async () => {
    child.kill('SIGKILL');
    await child;
  });
  const says = (pattern: RegExp): Promise<RegExpExecArray> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(text);
        if (found === null) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
      void child.then(() => reject(new Error(`it ended without saying ${pattern}: ${text}`)));
    });
  return { kill: (signal) => void child.kill(signal), ended: child.then(({ exitCode }) => exitCode), says, all: () => text };
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Asks a daemon on loopback, whatever its certificate. */
export function ask(port: number, path: string, headers: Readonly<Record<string, string>> = {}): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const agent = new Agent({ rejectUnauthorized: false });
    const req = request({ host: '127.0.0.1', port, path, headers, agent }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (piece: string) => (text += piece));
      res.on('close', () => resolve({ code: res.statusCode ?? 0, text }));
    });
    req.on('error', reject);
    req.end();
  });
}
