/** A real kubelet of a test's own, as a process, on a containerd of harness/containerd.ts. stop() leaves nothing behind. */
import { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { KubeletClient } from '#agent/host/kubeletClient.ts';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { TestContainerd } from './containerd.ts';
import { until } from './until.ts';

const ROOT = new URL('../../../', import.meta.url).pathname;

export interface TestKubelet {
  readonly client: KubeletClient;
  readonly nodeName: string;
  readonly manifests: string;
  readonly rootDir: string;
  readonly podLogs: string;
  /** Of drop-ins. */
  readonly configDir: string;
  readonly pid: () => number;
  /** Everything it logged so far, over all its lives. */
  log(): string;
  /** Written beside the directory and renamed into it, as a careful editor does. */
  apply(file: string, text: string): void;
  remove(file: string): void;
  pod(name: string, namespace?: string): Promise<Pod | undefined>;
  pods(): Promise<readonly Pod[]>;
  kill(signal?: 'SIGKILL' | 'SIGTERM'): Promise<number | undefined>;
  start(): Promise<void>;
  /** Writes the configuration anew, with these fields. */
  configure(fields: Readonly<Record<string, unknown>>): void;
  /** Runs it to its end beside the daemon, with more flags. */
  run(flags: readonly string[]): Promise<{ readonly exitCode: number | undefined; readonly stdout: string; readonly stderr: string }>;
  stop(): Promise<void>;
}

export interface KubeletOptions {
  readonly nodeName?: string;
  /** More fields of KubeletConfiguration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** More flags. */
  readonly flags?: readonly string[];
  /** More of its environment. */
  readonly env?: Readonly<Record<string, string>>;
}

export async function startKubelet(containerd: TestContainerd, options: KubeletOptions = {}): Promise<TestKubelet> {
  const self = makeKubelet(containerd, options);
  await self.start();
  return self;
}

export function makeKubelet(
  containerd: TestContainerd,
  { nodeName = 'node1', config = {}, flags = [], env = {} }: KubeletOptions = {},
): TestKubelet {
  const dir = join(containerd.dir, `kubelet-${nodeName}`);
  const [manifests, rootDir, podLogs, logFile, configFile] = ['manifests', 'root', 'logs/pods', 'kubelet.log', 'config.json'].map((name) =>
    join(dir, name),
  ) as [string, string, string, string, string];
  for (const made of [manifests, rootDir, podLogs]) mkdirSync(made, { recursive: true });
  const settings = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    staticPodPath: manifests,
    podLogsDir: podLogs,
    containerRuntimeEndpoint: containerd.endpoint,
    cgroupRoot: containerd.cgroupRoot,
    healthzPort: 10_248,
    failSwapOn: false, // whatever machine the tests run on
    ...config,
  };
  const configure = (fields: Readonly<Record<string, unknown>>): void => {
    writeFileSync(`${configFile}.new`, JSON.stringify({ ...settings, ...fields }));
    renameSync(`${configFile}.new`, configFile);
  };
  const configDir = join(dir, 'conf.d');
  mkdirSync(configDir, { recursive: true });
  configure({});
  const client = new KubeletClient(join(rootDir, 'kubelet.sock'));
  const never = new AbortController().signal;
  let child: ReturnType<typeof spawn> | undefined;
  const args = [
    `--net=/run/netns/${containerd.netns}`,
    join(ROOT, 'agent/kubelet/kubelet'),
    '--config',
    configFile,
    '--config-dir',
    configDir,
    '--hostname-override',
    nodeName,
    '--root-dir',
    rootDir,
    ...flags,
  ];
  const spawn = () => {
    const log = { file: logFile, append: true } as const;
    return execa('nsenter', args, {
      stdin: 'ignore',
      stdout: log,
      stderr: log,
      env,
      reject: false,
      buffer: false,
    });
  };
  const log = (): string => (existsSync(logFile) ? readFileSync(logFile, 'utf8') : '');
  return {
    client,
    nodeName,
    manifests,
    rootDir,
    podLogs,
    configDir,
    configure,
    log,
    pid: () => child?.pid ?? 0,
    apply(file, text) {
      const aside = join(dir, `.${file}`);
      writeFileSync(aside, text);
      renameSync(aside, join(manifests, file));
    },
    remove: (file) => rmSync(join(manifests, file)),
    pods: () => client.pods(never),
    async pod(name, namespace = 'default') {
      return (await client.pods(never)).find((p) => p.metadata.name === `${name}-${nodeName}` && p.metadata.namespace === namespace);
    },
    async start() {
      const before = log().length;
      let ended: number | undefined | null = null;
      const started = spawn();
      child = started;
      void started.then(({ exitCode }) => (ended = exitCode));
      await until('the kubelet is ready', () => {
        if (ended !== null) throw new Error(`kubelet ended with ${ended}: ${log().slice(before)}`);
        return log().slice(before).includes('Kubelet is ready');
      });
    },
    async run(flags) {
      const { exitCode, stdout, stderr } = await execa('nsenter', [...args, ...flags], { stdin: 'ignore', reject: false });
      return { exitCode, stdout, stderr };
    },
    async kill(signal = 'SIGKILL') {
      child?.kill(signal);
      const exit = await child;
      child = undefined;
      return exit?.exitCode;
    },
    async stop() {
      if (child !== undefined) await this.kill('SIGTERM');
      appendFileSync(logFile, '');
    },
  };
}
