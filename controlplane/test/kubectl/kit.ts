/** Runs kubectl or helm against one server, and follows them while they run. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';

export interface Said {
  readonly code: number | undefined;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface FollowOptions {
  /** Said to it, without an end. */
  readonly input?: string;
  /** It has a terminal of this size. */
  readonly terminal?: { readonly rows: number; readonly columns: number };
}

/** A client program with a kubeconfig and a directory of its own. */
export interface Program {
  run(args: readonly string[], options?: RunOptions): Promise<Said>;
  follow(args: readonly string[], options?: FollowOptions): Following;
  /** The path of a file with this text. */
  file(name: string, text: string): string;
}

export interface Kubectl extends Program {
  /** Of the client: 20, 35, 36. */
  readonly minor: number;
  readonly namespace: string;
}

export interface Following {
  /** Resolves when what was said so far matches. */
  says(pattern: RegExp): Promise<void>;
  /** Of kubectl port-forward, once it listens. */
  port(): Promise<number>;
  /** Resolves with the exit code. */
  ended(): Promise<number | undefined>;
  stop(): Promise<void>;
}

export interface ProgramOptions {
  readonly program: string;
  readonly kubeconfig: string;
  readonly dir: string;
}

export function makeProgram({ program, kubeconfig, dir }: ProgramOptions): Program {
  mkdirSync(dir, { recursive: true });
  const file = (name: string, text: string): string => {
    const path = join(dir, name);
    writeFileSync(path, text);
    chmodSync(path, 0o600);
    return path;
  };
  const options = {
    // Nothing of the machine's own clusters may be met, and nothing of these tests may stay in its home directory.
    env: { KUBECONFIG: file('kubeconfig', kubeconfig), HOME: dir, PATH: process.env['PATH'] ?? '' },
    extendEnv: false,
    cwd: dir,
    reject: false,
  } as const;
  return {
    file,
    run: async (args, { input = '', env = {} } = {}) => {
      const all = { ...options, env: { ...options.env, ...env }, input, stripFinalNewline: false };
      const { exitCode, stdout, stderr } = await execa(program, args, all);
      return { code: exitCode, out: stdout, err: stderr };
    },
    follow: (args, { input, terminal } = {}) => {
      const started = [program, ...args];
      const [file, ...rest] = terminal === undefined ? started : onTerminal(started, terminal);
      const child = execa(file ?? '', rest, { ...options, stdin: 'pipe', all: true, buffer: false });
      if (input !== undefined) child.stdin.write(input);
      else if (terminal === undefined) child.stdin.end();
      let text = '';
      let look = (): void => undefined;
      child.all.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
        look();
      });
      const says = (pattern: RegExp): Promise<void> =>
        new Promise((resolve, reject) => {
          look = () => pattern.test(text) && resolve();
          look();
          void child.then(() => reject(new Error(`it ended and had not said ${pattern}: ${text}`)));
        });
      return {
        says,
        port: async () => {
          const listens = /^Forwarding from 127\.0\.0\.1:(\d+) -> /m;
          await says(listens);
          return Number(listens.exec(text)?.[1]);
        },
        ended: async () => (await child).exitCode,
        stop: async () => {
          child.kill();
          await child;
        },
      };
    },
  };
}

function onTerminal(argv: readonly string[], { rows, columns }: { readonly rows: number; readonly columns: number }): readonly string[] {
  const quoted = argv.map((arg) => `'${arg.replaceAll("'", `'\\''`)}'`).join(' ');
  return ['script', '-qec', `stty rows ${rows} cols ${columns}; exec ${quoted}`, '/dev/null'];
}

export async function makeKubectl(options: ProgramOptions & { readonly namespace: string }): Promise<Kubectl> {
  const program = makeProgram(options);
  const { out } = await program.run(['version', '--client', '-o', 'json']);
  const { clientVersion } = JSON.parse(out) as { readonly clientVersion: { readonly minor: string } };
  return { ...program, minor: Number.parseInt(clientVersion.minor), namespace: options.namespace };
}
