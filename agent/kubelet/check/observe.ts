/** Finds out what check/verdicts.ts judges: looks at the machine, tries what the kubelet will need, and leaves everything as it was. */
import { X509Certificate } from 'node:crypto';
import { access, constants, readFile, stat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname, join } from 'node:path';
import type { Clock } from '#base/clock.ts';
import { codeOf, explain } from '#base/errors.ts';
import { CriClient } from '#cri/client.ts';
import { findMounts } from '../../linux/cgroup.ts';
import { run } from '../../linux/exec.ts';
import { whoListens } from '../../linux/listener.ts';
import type { Settings } from '../config/settings.ts';
import type { CgroupNames } from '../pods/cgroupNames.ts';
import { readSignals } from '../eviction/observe.ts';
import { amountOf } from '../eviction/thresholds.ts';
import { localSocket, makePaths } from '../paths.ts';
import { cgroupDriverIn } from '../runtime/parse.ts';
import { pairProblem } from '../server/pki.ts';
import { readManifestFiles, refusalLines } from '../sources/observe.ts';
import type { CertificateFact, Facts, PortFact } from './verdicts.ts';

export interface LookOptions {
  readonly settings: Settings;
  readonly configFiles: readonly string[];
  readonly nodeName: string;
  readonly clock: Clock;
  /** A daemon that starts waits for its runtime, and has its root directory already. */
  readonly starting: boolean;
}

/** A runtime that does not answer within this is not there: long, because the machine may be busy; one that is not there at all says so at once. */
const RUNTIME_WITHIN_MS = 30_000;

export async function lookAround({ settings, configFiles, nodeName, clock, starting }: LookOptions, signal: AbortSignal): Promise<Facts> {
  const { rootDir, podLogsDir, resolvConf, staticPodPath } = settings;
  const [running, runtime] = await Promise.all([
    starting ? false : answers(localSocket(makePaths(rootDir, podLogsDir))),
    starting ? undefined : askRuntime(settings, clock, signal),
  ]);
  const nowMs = clock.nowMs();
  const [ports, certificates, clockSynchronised, built, disks, nodefs, resolv, manifests] = await Promise.all([
    tryPorts(settings),
    readCertificates(settings),
    synchronised(signal),
    stat(new URL(import.meta.url).pathname),
    Promise.all([
      writable(rootDir, 'rootDir'),
      writable(podLogsDir, 'podLogsDir'),
      ...(settings.server.enabled && settings.server.tls.files === undefined ? [writable(settings.certDir, 'certDir')] : []),
    ]),
    nearest(rootDir),
    resolvConf === '' ? undefined : readFile(resolvConf).then(() => undefined, explain),
    starting || staticPodPath === undefined ? undefined : lint(staticPodPath, { nodeName, seenAt: new Date(nowMs) }),
  ]);
  const { readings } = await readSignals({ nodefs, imagefs: runtime?.imageFs });
  return {
    nowMs,
    uid: process.getuid?.() ?? 0,
    running,
    config: { files: configFiles, nodeName, rootDir },
    cgroups: await lookAtCgroups(settings.cgroupNames),
    demands: settings.demands,
    swap: await readSwap(),
    kernel: settings.demands.kernelDefaults ? await readKernel() : [],
    runtime: runtime?.fact,
    ports,
    certificates,
    clockSynchronised,
    builtAtMs: built.mtimeMs,
    disks,
    // A daemon says itself when the node is short of something.
    short: (starting ? [] : settings.eviction.thresholds).flatMap(({ signal: name, value, graceMs }) => {
      const reading = graceMs === 0 ? readings.get(name) : undefined;
      const wanted = reading === undefined ? 0 : amountOf(value, reading.capacity);
      return reading === undefined || reading.available >= wanted ? [] : [{ signal: name, available: reading.available, wanted }];
    }),
    resolvConf: { path: resolvConf, ...(resolv === undefined ? {} : { problem: resolv }) },
    manifests,
  };
}

/** Names of /proc/swaps; what only compresses memory (zram) is swap too. */
async function readSwap(): Promise<string[]> {
  const text = await readFile('/proc/swaps', 'utf8').catch(() => '');
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => line.split(/\s+/)[0] || []);
}

/** As upstream wants them: memory is given out freely, and a kernel that is beside itself starts anew. */
const KERNEL_DEFAULTS = [
  ['vm.overcommit_memory', '1'],
  ['vm.panic_on_oom', '0'],
  ['kernel.panic', '10'],
  ['kernel.panic_on_oops', '1'],
  ['kernel.keys.root_maxkeys', '1000000'],
  ['kernel.keys.root_maxbytes', '25000000'],
] as const;

async function readKernel(): Promise<Facts['kernel']> {
  const found = await Promise.all(
    KERNEL_DEFAULTS.map(async ([name, wanted]) => {
      const value = (await readFile(`/proc/sys/${name.replaceAll('.', '/')}`, 'utf8').catch(() => 'not there')).trim();
      return { name, value, wanted };
    }),
  );
  return found.filter(({ value, wanted }) => value !== wanted);
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const found = connect(socket, () => (found.destroy(), resolve(true))).once('error', () => resolve(false));
  });
}

async function lookAtCgroups(names: CgroupNames): Promise<Facts['cgroups']> {
  try {
    const { mode, controllers, trees } = findMounts();
    const problems = await Promise.all(
      trees.slice(0, 1).map(async (tree) =>
        access(await nearest(join(tree, names.ofClass('Guaranteed'))), constants.W_OK).then(
          () => [],
          (err: unknown) => [explain(err)],
        ),
      ),
    );
    const [problem] = problems.flat();
    const { root, driver } = names;
    const systemd = await stat('/run/systemd/system').then(
      () => true,
      () => false,
    );
    return { mode, controllers: [...controllers.keys()], root, driver, systemd, ...(problem === undefined ? {} : { problem }) };
  } catch (err) {
    return explain(err);
  }
}

async function askRuntime(
  { containerRuntimeEndpoint: endpoint }: Settings,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ fact: NonNullable<Facts['runtime']>; imageFs: string | undefined }> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(RUNTIME_WITHIN_MS)]);
  let client: CriClient | undefined;
  try {
    const path = endpoint.replace(/^unix:\/\//, '');
    await new Promise<void>((resolve, reject) => {
      const socket = connect(path, () => (socket.destroy(), resolve())).once('error', reject);
    });
    client = new CriClient({ endpoint, clock });
    await client.waitReady(stop);
    const { runtime_name: name, runtime_version: version } = await client.runtime.version({}, { signal: stop });
    const [{ status, info }, fs] = await Promise.all([
      client.runtime.status({ verbose: true }, { signal: stop }),
      client.image.imageFsInfo({}, { signal: stop }).catch(() => undefined),
    ]);
    const words = (type: string): string => {
      const found = status?.conditions.find((c) => c.type === type);
      return found?.status === true ? '' : `${found?.reason ?? type} ${found?.message ?? 'is not told'}`;
    };
    return {
      fact: { endpoint, name, version, runtime: words('RuntimeReady'), network: words('NetworkReady'), ...cgroupDriverIn(info['config']) },
      imageFs: fs?.image_filesystems[0]?.fs_id?.mountpoint,
    };
  } catch (err) {
    signal.throwIfAborted();
    return { fact: { endpoint, problem: stop.aborted ? `not within ${RUNTIME_WITHIN_MS / 1_000} s` : explain(err) }, imageFs: undefined };
  } finally {
    client?.close();
  }
}

async function tryPorts({ healthz, server }: Settings): Promise<PortFact[]> {
  const wanted = [
    { field: 'healthzPort', host: healthz.host, port: healthz.port },
    ...(server.enabled
      ? [
          { field: 'port', host: server.host, port: server.port },
          { field: 'readOnlyPort', host: server.host, port: server.readOnlyPort },
        ]
      : []),
  ].filter(({ port }) => port > 0);
  return Promise.all(
    wanted.map(async (at): Promise<PortFact> => {
      const err = await listenError(at);
      if (err === undefined) return at;
      const code = codeOf(err) ?? '';
      const holder = code === 'EADDRINUSE' ? await whoListens(at.port) : undefined;
      return { ...at, problem: { code, text: explain(err), ...(holder === undefined ? {} : { holder }) } };
    }),
  );
}

function listenError({ host, port }: { readonly host: string; readonly port: number }): Promise<unknown> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', resolve);
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

async function readCertificates({ server, kubeconfig, certDir }: Settings): Promise<CertificateFact[]> {
  const { files } = server.tls;
  const facts: CertificateFact[] = [];
  if (server.enabled && files !== undefined) {
    const [certificate, key] = await Promise.all(
      [readFile(files.certificate, 'utf8'), readFile(files.key, 'utf8')].map((r) => r.catch(explained)),
    );
    if (typeof certificate !== 'string') facts.push({ field: 'tlsCertFile', file: files.certificate, problem: certificate?.problem ?? '' });
    else if (typeof key !== 'string') facts.push({ field: 'tlsPrivateKeyFile', file: files.key, problem: key?.problem ?? '' });
    else {
      const problem = pairProblem({ certificate, key });
      facts.push(
        problem === undefined
          ? dates('tlsCertFile', files.certificate, certificate)
          : { field: 'tlsCertFile', file: files.certificate, problem },
      );
    }
  }
  if (server.enabled && files === undefined) {
    const kept = join(certDir, 'kubelet.crt');
    const text = await readFile(kept, 'utf8').catch(() => undefined);
    // One that is broken or ends soon is made anew at the start.
    const fact = text === undefined ? undefined : dates('self-signed', kept, text);
    if (fact?.untilMs !== undefined) facts.push({ field: fact.field, file: fact.file });
  }
  const ca = server.authn.clientCaFile;
  if (server.enabled && ca !== undefined)
    facts.push(
      await readFile(ca, 'utf8').then(
        (text) => dates('clientCAFile', ca, text),
        (err: unknown) => ({ field: 'clientCAFile', file: ca, problem: explain(err) }),
      ),
    );
  if (kubeconfig !== undefined) facts.push(await readKubeconfig(kubeconfig));
  return facts;
}

const explained = (err: unknown): { problem: string } => ({ problem: explain(err) });

async function readKubeconfig(file: string): Promise<CertificateFact> {
  const field = '--kubeconfig';
  try {
    const { loadKubeconfig } = await import('#client/kubeconfig.ts');
    const { certificate } = await loadKubeconfig(file);
    if (certificate === undefined) return { field, file };
    return dates(field, file, certificate.kind === 'text' ? certificate.text : await readFile(certificate.path, 'utf8'));
  } catch (err) {
    return { field, file, problem: explain(err) };
  }
}

function dates(field: string, file: string, pem: string): CertificateFact {
  try {
    const certificate = new X509Certificate(pem);
    return { field, file, fromMs: certificate.validFromDate.getTime(), untilMs: certificate.validToDate.getTime() };
  } catch (err) {
    return { field, file, problem: `it holds no certificate: ${explain(err)}` };
  }
}

/** systemd tells what the kernel knows, whoever keeps the clock. */
async function synchronised(signal: AbortSignal): Promise<boolean | undefined> {
  if (!(await exists('/run/systemd/system'))) return undefined;
  const asked = await run(['timedatectl', 'show', '--property=NTPSynchronized', '--value'], { signal, timeoutMs: 5_000 }).catch(
    () => undefined,
  );
  return asked === undefined ? undefined : asked.stdout.trim() === 'yes';
}

async function writable(path: string, what: string): Promise<Facts['disks'][number]> {
  const problem = await access(await nearest(path), constants.W_OK).then(() => undefined, explain);
  return { path, what, ...(problem === undefined ? {} : { problem }) };
}

/** The path itself, or the first directory above it that is there. */
async function nearest(path: string): Promise<string> {
  for (let at = path; ; at = dirname(at)) if (at === dirname(at) || (await exists(at))) return at;
}

function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

async function lint(directory: string, context: { readonly nodeName: string; readonly seenAt: Date }): Promise<Facts['manifests']> {
  try {
    const found = await readManifestFiles([directory], context);
    return { directory, files: found.files.length, pods: found.pods.length, refusals: refusalLines(found) };
  } catch (err) {
    return { directory, problem: explain(err) };
  }
}
