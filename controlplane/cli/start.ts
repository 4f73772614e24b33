/** `kijabi start`: a node and a pod on it, in the foreground, left behind, or just once. */
import { appendFileSync, existsSync, statSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Failure, Progress, Report, Serving } from '#agent/host/progress.ts';
import { serveNode, type ServingNode } from '#agent/host/serve.ts';
import { AppError, codeOf, explain } from '#base/errors.ts';
import { makeLogger, type Logger } from '#base/log.ts';
import { detach } from './detach.ts';
import type { Command, Io } from './io.ts';
import { parseStart, UP_USAGE, USAGE, type StartOptions } from './startOptions.ts';
import { keepDrawing, View } from './view/view.ts';

type Name = 'start' | 'up';

export const startCommand: Command = (argv, io) => start('start', argv, io);
/** The same node, joined to an API server of its own. */
export const upCommand: Command = (argv, io) => start('up', argv, io);

async function start(name: Name, argv: readonly string[], io: Io): Promise<number> {
  const options = parseStart(argv, hostname());
  if (name === 'start' && options.nodes > 1) throw new AppError('USAGE', '--nodes: several nodes need a control plane: kijabi up --nodes');
  if (options.help) return (io.out(name === 'up' ? UP_USAGE : USAGE), 0);
  const run = (report: Report): Promise<number> => runNode(name, options, report, io);
  checkDirectories(options);
  if (options.reportFd !== undefined) return run(reportTo(options.reportFd));
  const view = new View({
    write: options.json ? io.err : io.out,
    clock: io.clock,
    columns: options.json ? io.columns.err : io.columns.out,
  });
  const drawn = new AbortController();
  const drawing = keepDrawing(view, io.clock, drawn.signal);
  const report = (progress: Progress): void => {
    view.show(progress);
    if (options.json && progress.kind === 'serving') io.out(`${JSON.stringify(summaryOf(progress.serving))}\n`);
    if (progress.kind === 'failed') sayFailure(progress.failure, options, io);
    if (progress.kind === 'serving' && options.mode !== 'once') view.show({ kind: 'note', text: howToStop(options) });
  };
  try {
    return await (options.mode === 'detach' ? detach([name, ...argv], report, io) : run(report));
  } finally {
    drawn.abort();
    await drawing;
  }
}

function checkDirectories({ manifestsDir, servicesDir }: StartOptions): void {
  const manifests = trouble(manifestsDir);
  if (manifests !== undefined)
    throw new AppError('MANIFESTS_MISSING', `--manifests: ${manifestsDir} ${manifests}: name a directory with manifests in it`, {
      next: 'name a directory with manifests in it',
    });
  const services = trouble(servicesDir);
  if (services !== undefined)
    throw new AppError('SERVICES_MISSING', `--services: ${servicesDir} ${services}: name a directory with services in it`, {
      next: 'name a directory with services in it',
    });
}

function trouble(directory: string | undefined): string | undefined {
  if (directory === undefined) return undefined;
  if (!existsSync(directory)) return 'is not there';
  return statSync(directory).isDirectory() ? undefined : 'is no directory';
}

/** Runs the node in this process, from the first look at the machine to the removal of the last trace. */
async function runNode(name: Name, options: StartOptions, report: Report, io: Io): Promise<number> {
  const { clock, signal } = io;
  const log = logInto(report, io);
  let running: ServingNode;
  try {
    const whenUnsettled = options.mode === 'foreground' && options.reportFd === undefined ? 'goOn' : 'fail';
    const controlPlane = name === 'up' ? (await import('./controlPlane.ts')).controlPlaneOf(io) : undefined;
    running = await serveNode({ ...options, whenUnsettled, clock, log, signal, report, controlPlane });
  } catch (err) {
    if (signal.aborted) return (report({ kind: 'stopped' }), 130);
    report({ kind: 'failed', failure: failureOf(err) });
    return 1;
  }
  try {
    if (options.mode !== 'once') await keepRunning(running, report, io);
  } finally {
    await endNode(running, report, io);
  }
  return options.mode !== 'once' || running.serving.answer?.status === 200 ? 0 : 1;
}

async function keepRunning({ watch, images, node }: ServingNode, report: Report, io: Io): Promise<void> {
  if (images.kind === 'built') {
    // Not worth stopping for: the images in use are there.
    images.buildRest(io.signal).catch((err: unknown) => {
      if (!io.signal.aborted) appendFileSync(node.paths.logs.node, `<4>Cannot build the other images: ${explain(err)}\n`);
    });
  }
  await watch.follow(io.signal);
}

async function endNode({ node }: ServingNode, report: Report, { clock, hurry }: Io): Promise<void> {
  const startedMs = clock.monotonicMs();
  await node.remove({ graceful: hurry, onNote: (text) => report({ kind: 'note', text }) });
  report({ kind: 'ended', tookMs: clock.monotonicMs() - startedMs });
}

/** What watches over the node's processes logs; people read it between the other lines. */
function logInto(report: Report, { clock }: Io): Logger {
  return makeLogger({ clock, level: 'warn', write: (line) => report({ kind: 'warning', text: line.replace(/^<\d>/, '') }) });
}

/** To the process that started us; once it is gone, nobody listens, and that is fine. */
function reportTo(fd: number): Report {
  return (progress) => {
    try {
      writeSync(fd, `${JSON.stringify(progress)}\n`);
    } catch (err) {
      if (codeOf(err) !== 'EPIPE') throw err;
    }
  };
}

function failureOf(err: unknown): Failure {
  const next = err instanceof AppError ? err.facts['next'] : undefined;
  return { code: codeOf(err) ?? 'INTERNAL', message: explain(err), next: typeof next === 'string' ? next : undefined };
}

function sayFailure(failure: Failure, { json }: StartOptions, io: Io): void {
  if (json) io.out(`${JSON.stringify({ error: failure })}\n`);
  io.err(`kijabi start: ${failure.message} (${failure.code})\n`);
}

/** What --json prints. */
function summaryOf({ pod, node, podIP, url, answer, steps, tookMs, name }: Serving): object {
  return { pod, node, podIP, url, httpStatus: answer?.status, server: answer?.server, steps, tookMs, name };
}

function howToStop({ mode, name }: StartOptions): string {
  const flag = name === 'kijabi' ? '' : ` -- --name ${name}`;
  return mode === 'detach'
    ? `Running on. Stop it with: npm run down${flag}`
    : 'Following changes. Ctrl-C stops it and removes every trace; a second one does not wait for containers';
}
