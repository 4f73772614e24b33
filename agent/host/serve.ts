/**
 * From a bare machine to a pod that answers: preflight, packages, node, images, kubelet, pod, HTTP, each step reported with its time.
 * Images and kubelet get ready side by side; the manifest comes last, so that a pod's own time is only its own.
 *
 * Throws: what the steps throw, after what was made is removed.
 */
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { explain } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import type { Argv } from '../linux/exec.ts';
import type { ClusterDns } from './kubelet.ts';
import type { NodePaths } from './paths.ts';
import { askProxy } from '../kube-proxy/explain/client.ts';
import { allEnded } from './allEnded.ts';
import type { HostNode } from './hostNode.ts';
import { imagesIn, prepareImages, type ImageSource } from './imageSource.ts';
import { KubeletClient } from './kubeletClient.ts';
import { checkMachine, providePackages } from './machine.ts';
import { refuseIfRuns, startNode } from './node.ts';
import { PodWatch } from './podWatch.ts';
import type { Answer, Serving } from './progress.ts';
import type { Supervised } from './supervise.ts';
import { askPod, untilSettled, type SettleOptions } from './settle.ts';
import { round, Steps, type Told } from './steps.ts';
import { nodeMaskSize } from './subnets.ts';
import { podKey } from './target.ts';

export const EXAMPLE_FILE = 'static-nginx.yaml';
export const EXAMPLE_MANIFEST = `apiVersion: v1
kind: Pod
metadata:
  name: static-nginx
  labels:
    app: nginx
spec:
  containers:
  - name: nginx
    image: nginx
    ports:
    - containerPort: 80
`;

export const EXAMPLE_SERVICE_FILE = 'nginx.yaml';
export const EXAMPLE_SERVICE = `apiVersion: v1
kind: Service
metadata:
  name: nginx
spec:
  clusterIP: 10.96.0.80
  selector:
    app: nginx
  ports:
  - port: 80
`;
const EXAMPLE_ADDRESS = '10.96.0.80:80';

export interface ServeOptions extends SettleOptions {
  readonly name: string;
  readonly nodeName: string;
  readonly port: number | undefined;
  readonly podSubnet: string | undefined;
  /** Absent: a directory of the node's own, with the example in it. */
  readonly manifestsDir: string | undefined;
  /** The same for services. */
  readonly servicesDir: string | undefined;
  readonly registries: 'try' | 'never';
  readonly log: Logger;
  /** How many; more than one join an API server. */
  readonly nodes?: number;
  /** An API server that the nodes join; absent: the node stands alone. */
  readonly controlPlane?: ControlPlane | undefined;
}

/** What the node has to be told of the other half of the tree. */
export interface ControlPlane {
  /** What pods ask for names. */
  readonly clusterDns: ClusterDns;
  /** Makes certificates and kubeconfig files below the node's kubernetesDir, and the kubeconfig for the host. */
  prepare(place: ControlPlanePlace): Promise<void>;
  /** Gives a further node what it joins with, below its kubernetesDir. */
  admit(node: Pick<ControlPlanePlace, 'paths' | 'nodeName'>, place: ControlPlanePlace): Promise<void>;
  /** The command line of the API server. */
  command(place: ControlPlanePlace): Argv;
  /** Resolves when it answers. */
  ready(place: ControlPlanePlace, signal: AbortSignal): Promise<void>;
}

export interface ControlPlanePlace {
  readonly paths: NodePaths;
  readonly nodeName: string;
  /** In the node. */
  readonly address: string;
  /** In the node and on the loopback of the host. */
  readonly port: number;
  /** Network of all pods, and how long the part of each node is. */
  readonly podCidr: string;
  readonly nodeMaskSize: number;
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
    await node?.remove().catch((left: unknown) => options.report({ kind: 'warning', text: explain(left) }));
    throw err;
  }
}

async function provideNode(options: ServeOptions): Promise<Told<HostNode>> {
  const { report } = options;
  const onNote = (text: string): void => report({ kind: 'note', text });
  const node = await startNode({ ...options, onNote, ...(options.controlPlane === undefined ? {} : { cluster: { kind: 'first' } }) });
  try {
    await allEnded(Array.from({ length: (options.nodes ?? 1) - 1 }, (_, i) => startFurther(node, i + 2, options)));
  } catch (err) {
    await node.remove();
    throw err;
  }
  const { netns } = node.paths;
  const more = node.further.length === 0 ? '' : ` (and ${node.further.map(({ paths }) => paths.netns).join(', ')})`;
  return { value: node, text: `network namespace ${netns}${more}, pods ${node.subnets.pods}, slirp4netns, containerd` };
}

/** box, box-2, box-3 ... */
function startFurther(first: HostNode, index: number, { name, nodeName, clock, log, signal }: ServeOptions): Promise<HostNode> {
  const cluster = { kind: 'further', first, index } as const;
  return startNode({ name: `${name}-${index}`, nodeName: `${nodeName}-${index}`, cluster, clock, log, signal });
}

async function serveOn(node: HostNode, options: ServeOptions, steps: Steps): Promise<ServingNode> {
  const { clock, report, signal, manifestsDir } = options;
  const kubelet = new KubeletClient(node.paths.kubeletSocket);
  const { controlPlane } = options;
  const wanted = manifestsDir === undefined ? ['nginx'] : imagesIn(manifestsDir);
  const images = (): Promise<ImageSource> =>
    steps.step('images', 'Trying the image registries', (going) => provideImages(node, wanted, options, going));
  const agents = async (): Promise<{ readonly proxy: Promise<void> }> => {
    if (controlPlane !== undefined)
      await steps.step('apiserver', 'Making certificates, starting the API server', () => provideApiServer(node, controlPlane));
    await steps.step('kubelet', 'Starting the kubelet', () => provideKubelets(node, kubelet, options));
    const proxy = steps.step('proxy', 'Starting the service proxy', () => provideProxy(node, options));
    proxy.catch(() => undefined); // whoever waits for it hears of it
    return { proxy };
  };
  // A directory of the user's has manifests in it at once, and their images have to be there.
  const [source, { proxy }] = manifestsDir === undefined ? await allEnded([images(), agents()]) : [await images(), await agents()];
  const watch = new PodWatch({ node, kubelet, clock, report });
  if (manifestsDir === undefined) put(node.manifestsDir, EXAMPLE_FILE, EXAMPLE_MANIFEST);
  const settled = await steps.step('pod', 'Waiting for the pod', () => untilSettled(watch, options));
  await proxy;
  const answer = settled ? await steps.step('http', 'Asking the pod', () => askPod(node.port, watch, options)) : undefined;
  const example = manifestsDir === undefined ? examplePath(node) : undefined;
  const serving = await describe({ node, watch, answer, steps, example, signal });
  report({ kind: 'serving', serving });
  return { node, watch, serving, images: source };
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

const API_PORT = 6_443;

async function provideApiServer(node: HostNode, controlPlane: ControlPlane): Promise<Told<void>> {
  const port = await node.forwardApi(API_PORT);
  const { paths, nodeName, address, subnets } = node;
  const nodes = [node, ...node.further];
  const place = { paths, nodeName, address, port, podCidr: subnets.pods, nodeMaskSize: nodeMaskSize(subnets.pods, nodes.length) };
  await controlPlane.prepare(place);
  for (const further of node.further) await controlPlane.admit(further, place);
  const process = node.startApiServer(controlPlane.command(place));
  const logFile = node.paths.logs.apiserver;
  await node.waitFor(process, { what: 'The API server', logFile, ready: (signal) => controlPlane.ready(place, signal) });
  for (const one of nodes) {
    one.join(controlPlane.clusterDns);
    one.startNetwork();
  }
  return { value: undefined, text: `https://127.0.0.1:${port}, kubeconfig ${node.paths.kubeconfig}` };
}

async function provideKubelets(node: HostNode, kubelet: KubeletClient, options: ServeOptions): Promise<Told<void>> {
  const further = node.further.map((one) => provideKubelet(one, new KubeletClient(one.paths.kubeletSocket), options));
  const [told] = await Promise.all([provideKubelet(node, kubelet, options), ...further]);
  return told;
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

async function provideProxy(node: HostNode, { clock, manifestsDir, servicesDir, controlPlane }: ServeOptions): Promise<Told<void>> {
  if (manifestsDir === undefined && servicesDir === undefined && controlPlane === undefined)
    put(node.servicesDir, EXAMPLE_SERVICE_FILE, EXAMPLE_SERVICE);
  const [process] = [node, ...node.further].map((one) => one.startKubeProxy()) as [Supervised];
  const mode = (): Promise<string> => askProxy({ socket: node.paths.proxySocket }, '/proxyMode');
  const logFile = node.paths.logs.proxy;
  const ready = async (signal: AbortSignal): Promise<void> => {
    while ((await mode().catch(() => '')) === '') await clock.sleep(10, signal);
  };
  await node.waitFor(process, { what: 'The service proxy', logFile, ready });
  return {
    value: undefined,
    text: `mode ${await mode()}, services from ${controlPlane === undefined ? node.servicesDir : 'the API server'}`,
  };
}

const examplePath = (node: HostNode): string => join(node.manifestsDir, EXAMPLE_FILE);

/** Renamed into place: nobody ever reads half of it. */
function put(directory: string, file: string, text: string): void {
  const path = join(directory, file);
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
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
    servicesDir: node.servicesDir,
    example,
    service: example === undefined || node.servicesDir !== node.paths.servicesDir ? undefined : EXAMPLE_ADDRESS,
    cgroupDir: join(node.cgroups.mounts.controllers.get('pids') ?? '/sys/fs/cgroup', node.paths.cgroupRoot),
    podLogsDir: node.paths.podLogsDir,
    logs: node.paths.logs,
    kubeconfig: existsSync(node.paths.kubeconfig) ? node.paths.kubeconfig : undefined,
  };
}
