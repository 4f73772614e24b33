/**
 * From a bare machine to a pod that answers: preflight, packages, node, images, kubelet, pod, HTTP, each step reported with its time.
 * Images and kubelet get ready side by side; the manifest comes last, so that a pod's own time is only its own.
 *
 * Throws: MACHINE_UNFIT, POD_NOT_READY, HTTP_NO_ANSWER, and what the parts throw. What was made is removed first.
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { lookAtMachine } from './facts.ts';
import type { HostNode } from './hostNode.ts';
import { imagesIn, prepareImages, type ImageSource } from './imageSource.ts';
import { KubeletClient, type Refusal } from './kubeletClient.ts';
import { refuseIfRuns, startNode } from './node.ts';
import { installPackages, missingPackages, NODE_PACKAGES } from './packages.ts';
import { PodWatch } from './podWatch.ts';
import { judge, summary, type Finding } from './preflight.ts';
import type { Answer, Report, Serving, StepName } from './progress.ts';
import { podKey, troubleOf } from './target.ts';
import { askWeb } from './web.ts';

export const EXAMPLE_FILE = 'static-nginx.yaml';
export const EXAMPLE_MANIFEST = `apiVersion: v1
kind: Pod
metadata:
  name: static-nginx
spec:
  containers:
  - name: nginx
    image: nginx
    ports:
    - containerPort: 80
`;

export interface ServeOptions {
  readonly name: string;
  readonly nodeName: string;
  readonly port: number | undefined;
  readonly podSubnet: string | undefined;
  /** Absent: a directory of the node's own, with the example in it. */
  readonly manifestsDir: string | undefined;
  readonly registries: 'try' | 'never';
  /** How long the pods may take to settle. */
  readonly withinMs: number;
  /** goOn: a node whose pods do not settle is kept, for somebody who looks at it. */
  readonly whenUnsettled: 'fail' | 'goOn';
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
  readonly report: Report;
}

export interface ServingNode {
  readonly node: HostNode;
  readonly watch: PodWatch;
  readonly serving: Serving;
  readonly images: ImageSource;
}

export async function serveNode(options: ServeOptions): Promise<ServingNode> {
  refuseIfRuns(options.name);
  const steps = new Steps(options.clock, options.report);
  await steps.step('machine', 'Looking at this machine', () => checkMachine(options));
  await steps.step('packages', 'Looking for what is installed', (going) => providePackages(options, going));
  let node: HostNode | undefined;
  try {
    const started = await steps.step('node', 'Starting namespaces, uplink and containerd', () => provideNode(options));
    node = started;
    return await serveOn(started, options, steps);
  } catch (err) {
    await node?.remove();
    throw err;
  }
}

interface Told<T> {
  readonly value: T;
  readonly text: string;
}

/** Runs, times and reports the steps. */
class Steps {
  readonly took: Record<string, number> = {};
  readonly #clock: Clock;
  readonly #report: Report;
  readonly #startedMs: number;

  constructor(clock: Clock, report: Report) {
    this.#clock = clock;
    this.#report = report;
    this.#startedMs = clock.monotonicMs();
  }

  get totalMs(): number {
    return round(this.#clock.monotonicMs() - this.#startedMs);
  }

  async step<T>(step: StepName, text: string, work: (going: (text: string) => void) => Promise<Told<T>>): Promise<T> {
    const startedMs = this.#clock.monotonicMs();
    this.#report({ kind: 'begun', step, text });
    const told = await work((now) => this.#report({ kind: 'going', step, text: now }));
    const tookMs = round(this.#clock.monotonicMs() - startedMs);
    this.took[step] = tookMs;
    this.#report({ kind: 'done', step, text: told.text, tookMs });
    return told.value;
  }
}

const round = (ms: number): number => Math.round(ms * 10) / 10;

async function checkMachine({ signal, report }: ServeOptions): Promise<Told<void>> {
  const facts = await lookAtMachine(missingPackages(NODE_PACKAGES), signal);
  refuseUnfit(judge(facts), report);
  return { value: undefined, text: summary(facts) };
}

function refuseUnfit(findings: readonly Finding[], report: Report): void {
  for (const { kind, what, fix } of findings) if (kind === 'note') report({ kind: 'note', text: `${what}: ${fix}` });
  const blocking = findings.filter(({ kind }) => kind === 'blocks');
  if (blocking.length === 0) return;
  const list = blocking.map(({ what, fix }) => `\n  - ${what}\n    ${fix}`).join('');
  const next = blocking.map(({ fix }) => fix).join('; ');
  throw new AppError(
    'MACHINE_UNFIT',
    `A node cannot run here, ${blocking.length} ${blocking.length === 1 ? 'problem' : 'problems'}:${list}`,
    { next },
  );
}

async function providePackages({ signal, report }: ServeOptions, going: (text: string) => void): Promise<Told<void>> {
  const missing = missingPackages(NODE_PACKAGES);
  if (missing.length === 0) return { value: undefined, text: `all ${NODE_PACKAGES.length} are installed` };
  going(`Installing ${missing.join(', ')}`);
  await installPackages(missing, { signal, onProgress: ({ percent, text }) => going(`${percent} % ${text}`) });
  // What could not be tried without them.
  refuseUnfit(judge(await lookAtMachine(missingPackages(NODE_PACKAGES), signal)), report);
  return { value: undefined, text: `installed ${missing.join(', ')}; services not started` };
}

async function provideNode(options: ServeOptions): Promise<Told<HostNode>> {
  const { report } = options;
  const node = await startNode({ ...options, onNote: (text) => report({ kind: 'note', text }) });
  const { netns } = node.paths;
  return { value: node, text: `network namespace ${netns}, pods ${node.subnets.pods}, slirp4netns, containerd` };
}

async function serveOn(node: HostNode, options: ServeOptions, steps: Steps): Promise<ServingNode> {
  const { clock, report, signal, manifestsDir } = options;
  const kubelet = new KubeletClient(node.paths.kubeletSocket);
  const wanted = manifestsDir === undefined ? ['nginx'] : imagesIn(manifestsDir);
  const images = (): Promise<ImageSource> =>
    steps.step('images', 'Trying the image registries', (going) => provideImages(node, wanted, options, going));
  const agent = (): Promise<void> => steps.step('kubelet', 'Starting the kubelet', () => provideKubelet(node, kubelet, options));
  // A directory of the user's has manifests in it at once, and their images have to be there.
  const source = manifestsDir === undefined ? await both(images(), agent()) : await images();
  if (manifestsDir !== undefined) await agent();
  const watch = new PodWatch({ node, kubelet, clock, report });
  if (manifestsDir === undefined) putManifest(node);
  const settled = await steps.step('pod', 'Waiting for the pod', () => untilSettled(watch, options));
  const answer = settled ? await steps.step('http', 'Asking the pod', () => askPod(node, watch, options)) : undefined;
  const example = manifestsDir === undefined ? examplePath(node) : undefined;
  const serving = await describe({ node, watch, answer, steps, example, signal });
  report({ kind: 'serving', serving });
  return { node, watch, serving, images: source };
}

/** Both end before one's failure is passed on: nothing may still be at work on what is then removed. */
async function both<T>(first: Promise<T>, second: Promise<unknown>): Promise<T> {
  await Promise.allSettled([first, second]);
  await second;
  return first;
}

async function provideImages(
  node: HostNode,
  wanted: readonly string[],
  { clock, signal, registries, report }: ServeOptions,
  going: (text: string) => void,
): Promise<Told<ImageSource>> {
  const source = await prepareImages(node, wanted, { clock, signal, registries, onNote: going });
  if (source.kind === 'registries') return { value: source, text: `pulled from ${source.hosts.join(', ')}` };
  for (const ref of source.notBuildable) {
    report({
      kind: 'warning',
      text: `Image ${ref} can neither be pulled nor built here: put it into a registry that this machine reaches`,
    });
  }
  const text = `${source.unreachable} cannot be reached: ${source.names.join(', ')} built from Debian packages, pulled from a registry inside the node`;
  return { value: source, text };
}

async function provideKubelet(node: HostNode, kubelet: KubeletClient, { clock }: ServeOptions): Promise<Told<void>> {
  const process = node.startKubelet();
  const logFile = node.paths.logs.kubelet;
  const ready = async (signal: AbortSignal): Promise<void> => {
    while (!(await kubelet.healthy(signal).catch(() => false))) await clock.sleep(10, signal);
  };
  await node.waitFor(process, { what: 'The kubelet', logFile, ready });
  return { value: undefined, text: `node ${node.nodeName}, process ${process.id.pid}` };
}

const examplePath = (node: HostNode): string => join(node.manifestsDir, EXAMPLE_FILE);

/** Renamed into place: nobody ever reads half of it. */
function putManifest(node: HostNode): void {
  const path = examplePath(node);
  writeFileSync(`${path}.new`, EXAMPLE_MANIFEST);
  renameSync(`${path}.new`, path);
}

async function untilSettled(watch: PodWatch, { clock, signal, withinMs, whenUnsettled, report }: ServeOptions): Promise<Told<boolean>> {
  const tooLong = new AbortController();
  const end = AbortSignal.any([signal, tooLong.signal]);
  clock.sleep(withinMs, end).then(
    () => tooLong.abort(),
    () => undefined, // settled, or stopped
  );
  try {
    await watch.untilSettled(end, (refusals) => {
      if (refusals.length > 0 && whenUnsettled === 'fail') throw refused(refusals);
    });
    const names = watch.pods.map(podKey);
    return { value: true, text: `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} ready` };
  } catch (err) {
    if (!tooLong.signal.aborted || signal.aborted) throw err;
    const error = notReady(watch, withinMs);
    if (whenUnsettled === 'fail') throw error;
    report({ kind: 'warning', text: error.message });
    return { value: false, text: 'not ready yet' };
  } finally {
    tooLong.abort();
  }
}

function refused(refusals: readonly Refusal[]): AppError {
  const list = refusals.map(({ file, problem: { line, column, path, message } }) => {
    const place = [file, line, column].filter((part) => part !== undefined).join(':');
    return [place, path, message].filter((part) => part !== undefined && part !== '').join(': ');
  });
  const next = 'correct the manifest';
  return new AppError('MANIFEST_REFUSED', `The kubelet refuses every manifest: ${list.join('; ')}`, { next });
}

function notReady(watch: PodWatch, withinMs: number): AppError {
  const next = 'see the log of the kubelet, and kijabi describe pod NAME';
  const troubles = watch.pods.flatMap((pod) => {
    const trouble = troubleOf(pod);
    return trouble === undefined ? [] : [`${podKey(pod)}: ${trouble}`];
  });
  const why =
    troubles.join('; ') ||
    (watch.pods.length === 0 ? 'there is no pod: the manifest directory is empty, or its manifests were refused' : 'no reason given');
  return new AppError('POD_NOT_READY', `Not every pod got ready within ${withinMs / 1000} s: ${why}; ${next}`, { next });
}

async function askPod(node: HostNode, watch: PodWatch, { clock, signal }: ServeOptions): Promise<Told<Answer | undefined>> {
  if (watch.target === undefined || node.port === undefined)
    return { value: undefined, text: 'no pod has a TCP containerPort: nothing to ask' };
  const answer = await askWeb(`http://127.0.0.1:${node.port}/`, { clock, withinMs: 10_000, signal });
  return { value: answer, text: `${answer.statusLine}${answer.server === undefined ? '' : ` from ${answer.server}`}` };
}

interface Outcome {
  readonly node: HostNode;
  readonly watch: PodWatch;
  readonly answer: Answer | undefined;
  readonly steps: Steps;
  readonly example: string | undefined;
  readonly signal: AbortSignal;
}

async function describe({ node, watch, answer, steps, example, signal }: Outcome): Promise<Serving> {
  const pod = watch.pods.find((candidate) => podKey(candidate) === watch.target?.pod) ?? watch.pods[0];
  const inside: Record<string, number> = {};
  for (const { step, tookMs } of pod === undefined ? [] : await watch.stepsOf(pod, signal)) {
    if (tookMs !== undefined) inside[step] = round((inside[step] ?? 0) + tookMs);
  }
  return {
    node: node.nodeName,
    pods: watch.pods,
    pod: pod?.metadata.name,
    podIP: pod?.status?.podIP,
    url: watch.target === undefined || node.port === undefined ? undefined : `http://127.0.0.1:${node.port}/`,
    answer,
    steps: { ...inside, ...steps.took },
    tookMs: steps.totalMs,
    name: node.paths.name,
    manifestsDir: node.manifestsDir,
    example,
    cgroupDir: join(node.cgroups.mounts.controllers.get('pids') ?? '/sys/fs/cgroup', node.paths.cgroupRoot),
    podLogsDir: node.paths.podLogsDir,
    logs: node.paths.logs,
  };
}
