/**
 * systemd-logind: holds a shutdown of the machine back for a while, and tells when one begins. Through systemd's own programs, which are
 * wherever logind is: an inhibitor is a file descriptor that comes over the bus, and Node takes none from a socket.
 *
 * What is started here ends with us, also when we are killed: each child ends with its standard input.
 * Units: milliseconds.
 * Throws: EXEC_* (no systemd, no bus, no logind: the message says which), LOGIND_ENDED (the bus or its listener went away).
 * Source: the manual page org.freedesktop.login1(5), "Inhibitor Locks" in systemd's docs.
 */
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { AppError } from '#base/errors.ts';
import { replaceFile } from '#base/replaceFile.ts';
import { run } from './exec.ts';

const OBJECT = ['org.freedesktop.login1', '/org/freedesktop/login1', 'org.freedesktop.login1.Manager'] as const;
/** Of logind itself: anybody may send a signal that looks like it. */
const SIGNAL = `type='signal',sender='${OBJECT[0]}',interface='${OBJECT[2]}',member='PrepareForShutdown'`;
/** Whoever reads the directory sees who wrote it. Source: upstream's kubelet writes the same file. */
export const LOGIND_CONF = '/etc/systemd/logind.conf.d/99-kubelet.conf';
const ANSWER_WITHIN_MS = 10_000;

export interface Inhibitor {
  /** The shutdown may go on. A second call does nothing. */
  release(): Promise<void>;
}

export interface LogindEvents {
  /** true: a shutdown begins; false: it does not happen after all. Throws LOGIND_ENDED when nothing can be heard any more. */
  readonly shutdowns: AsyncIterable<boolean>;
}

export class Logind {
  readonly #root: string;

  /** root: where its configuration lies, for tests. */
  constructor(root = '/') {
    this.#root = root;
  }

  /** How long logind lets an inhibitor hold a shutdown back. */
  async longestDelayMs(signal: AbortSignal): Promise<number> {
    return Number(await this.#property('InhibitDelayMaxUSec', signal)) / 1_000;
  }

  async isShuttingDown(signal: AbortSignal): Promise<boolean> {
    return (await this.#property('PreparingForShutdown', signal)) === true;
  }

  /** Lets inhibitors hold a shutdown back for so long: written down for good, and made known. */
  async setLongestDelay(ms: number, signal: AbortSignal): Promise<void> {
    const file = join(this.#root, LOGIND_CONF);
    const text = `# Kubelet: the sum of its shutdown grace periods\n[Login]\nInhibitDelayMaxSec=${Math.ceil(ms / 1_000)}\n`;
    await replaceFile(file, text, { mode: 0o644, dirMode: 0o755 }); // logind passes over names without .conf
    await run(['systemctl', 'kill', '--signal=HUP', 'systemd-logind.service'], { signal, timeoutMs: ANSWER_WITHIN_MS });
  }

  async inhibit(who: string, why: string, signal: AbortSignal): Promise<Inhibitor> {
    const { execa } = await import('execa');
    const held = ['sh', '-c', 'echo held; exec cat'];
    const child = execa('systemd-inhibit', ['--what=shutdown', '--mode=delay', `--who=${who}`, `--why=${why}`, ...held], {
      reject: false,
      cancelSignal: signal,
      timeout: 0,
      buffer: { stdout: false },
    });
    const holds = (async () => {
      for await (const line of createInterface({ input: child.stdout })) if (line === 'held') return true;
      return false;
    })();
    if (!(await holds)) {
      const { stderr } = await child;
      signal.throwIfAborted();
      throw new AppError('LOGIND_ENDED', `no inhibitor: ${stderr.trim().replaceAll('\n', ' | ') || 'systemd-inhibit ended'}`);
    }
    return {
      release: async () => {
        child.stdin.end();
        await child;
      },
    };
  }

  /** From the moment this resolves on nothing is missed. */
  async listen(signal: AbortSignal): Promise<LogindEvents> {
    const { execa } = await import('execa');
    // A second process waits for the end of our side, and then ends the listener, which would not notice.
    const script = 'exec 3<&0; (cat <&3; kill $$) >/dev/null 2>&1 & exec busctl "$@" 3<&- 2>&1';
    // Not as JSON: then newer ones do not say from when on they listen.
    const child = execa('sh', ['-c', script, 'sh', '--system', 'monitor', `--match=${SIGNAL}`], {
      reject: false,
      cancelSignal: signal,
      buffer: false,
    });
    void child.then(() => child.stdin.end());
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const ended = (said: string): AppError => new AppError('LOGIND_ENDED', `nothing is heard of shutdowns any more: ${said}`);
    let said = 'busctl ended';
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) {
        signal.throwIfAborted();
        throw ended(said);
      }
      if (value.startsWith('Monitoring bus')) break;
      said = value;
    }
    const shutdowns = async function* (): AsyncGenerator<boolean> {
      for (;;) {
        const { value, done } = await lines.next();
        if (done === true) {
          signal.throwIfAborted();
          throw ended(said);
        }
        const begins = parseShutdown(value);
        if (begins !== undefined) yield begins;
      }
    };
    return { shutdowns: shutdowns() };
  }

  async #property(name: string, signal: AbortSignal): Promise<unknown> {
    const { stdout } = await run(['busctl', '--system', '--json=short', 'get-property', ...OBJECT, name], {
      signal,
      timeoutMs: ANSWER_WITHIN_MS,
    });
    return (JSON.parse(stdout) as { data: unknown }).data;
  }
}

/** One line of busctl monitor: the one argument of the signal; undefined: another line of it. */
export function parseShutdown(line: string): boolean | undefined {
  const [, begins] = /^\s*BOOLEAN (true|false);$/.exec(line) ?? [];
  return begins === undefined ? undefined : begins === 'true';
}
