/** kube-apiserver: what it is made of, in the order it starts. */
import { readFile } from 'node:fs/promises';
import { AppError } from '#base/errors.ts';
import type { DaemonContext } from '#base/lifecycle.ts';
import { tellStatus } from '#base/statusTeller.ts';
import { VERSION } from '#base/version.ts';
import { runProgram, type Program } from '../component/program.ts';
import { ApiServer } from './apiServer.ts';
import { AuditLog } from './audit/act.ts';
import { readPolicy } from './audit/policy.ts';
import { policyAudit } from './audit/policyAudit.ts';
import { parseTokenFile, staticTokens } from './authn/staticTokens.ts';
import { readSigningKey, readVerifyingKeys, type VerifyingKey } from '../pki/signingKeys.ts';
import { PROGRAM } from './config/flagTable.ts';
import { settingsOf, type Settings } from './config/settings.ts';
import { hostAddress } from './http/address.ts';
import { watchCertificateDates } from './http/certificateDates.ts';
import { ensureSelfSigned } from './http/selfSigned.ts';
import { followTlsFiles, readPem, readTlsFiles } from './http/tls.ts';
import { runCompactor } from './storage/compactor.ts';
import { openStore } from './storage/open.ts';
import { statusLine } from './statusLine.ts';
import { processUsage, systemChance } from './surroundings.ts';
import { KUBERNETES_VERSION } from './version.ts';

async function run(settings: Settings, { clock, log, signal, notify }: DaemonContext): Promise<void> {
  const startedMs = clock.monotonicMs();
  const { tls, store: storeSettings } = settings;
  const advertiseAddress = settings.advertiseAddress ?? (await hostAddress(settings.bindAddress));
  const pair = { certificate: tls.certificate ?? '', key: tls.key ?? '' };
  const files = {
    ...(tls.certificate === undefined
      ? await ensureSelfSigned({ dir: tls.selfSignedDir, names: namesOf(settings, advertiseAddress), clock, log })
      : pair),
    clientCa: tls.clientCa,
  };
  const { kubelet } = settings;
  const [kubeletCertificate, kubeletKey, kubeletCa] = await Promise.all([
    kubelet.certificate === undefined ? undefined : readPem(kubelet.certificate, '--kubelet-client-certificate'),
    kubelet.key === undefined ? undefined : readPem(kubelet.key, '--kubelet-client-key'),
    kubelet.ca === undefined ? undefined : readPem(kubelet.ca, '--kubelet-certificate-authority'),
  ]);
  const [material, signingKey, keys, tokens] = await Promise.all([
    readTlsFiles(files),
    readNamed(settings.signingKeyFile, '--service-account-signing-key-file').then((pem) => readSigningKey(pem, settings.signingKeyFile)),
    readKeys(settings.keyFiles),
    readTokens(settings.tokenFile),
  ]);
  const auditLog = await openAudit(settings.audit, { clock, log });
  const store = await openStore({ settings: storeSettings, withinMs: settings.storeWithinMs, clock, log }, signal);
  const server = await ApiServer.start({
    store,
    clock,
    log,
    chance: systemChance,
    usage: processUsage,
    host: settings.bindAddress,
    port: settings.port,
    advertiseAddress,
    externalHostname: settings.externalHostname,
    tls: { ...material, minVersion: tls.minVersion },
    limits: settings.limits,
    minWatchMs: settings.minWatchMs,
    authentication: {
      tokens: [staticTokens(tokens)],
      bootstrapTokens: settings.bootstrapTokens,
      anonymous: settings.anonymous,
      issuers: settings.issuers,
      apiAudiences: settings.apiAudiences,
      keys,
      signingKey,
      longestTokenSeconds: settings.longestTokenSeconds,
      jwksUri: settings.jwksUri,
    },
    authorizationModes: settings.authorizationModes,
    admission: settings.admission,
    kubelet: { ...kubelet, tls: { certificate: kubeletCertificate, key: kubeletKey, ca: kubeletCa } },
    serviceRanges: settings.serviceRanges,
    nodePorts: settings.nodePorts,
    endpoints: settings.endpoints,
    eventTtlMs: settings.eventTtlMs,
    ...(auditLog === undefined ? {} : { audit: auditLog.audit }),
  }).catch(async (err: unknown) => {
    await store.close();
    throw err;
  });
  const following = followTlsFiles(
    { files, now: { ...material, minVersion: tls.minVersion }, clock, log, onChange: (changed) => server.setTls(changed) },
    signal,
  );
  const shown = [
    files.certificate,
    files.clientCa,
    settings.kubelet.certificate,
    storeSettings.kind === 'etcd' ? storeSettings.certificate : undefined,
  ];
  const dated = watchCertificateDates({ files: shown.filter((file) => file !== undefined), clock, log }, signal);
  const compacting = runCompactor({ store, clock, log, intervalMs: settings.compactionMs }, signal);
  log.info('API server is ready', {
    version: VERSION,
    kubernetes: KUBERNETES_VERSION.gitVersion,
    address: settings.bindAddress,
    port: server.port,
    store: storeSettings.kind === 'embedded' ? storeSettings.dir : storeSettings.endpoints.join(','),
    tookMs: Math.round(clock.monotonicMs() - startedMs),
  });
  notify.send({ READY: 1 });
  const where = `${settings.bindAddress}:${server.port}`;
  const line = (): string => statusLine({ where, cache: server.cache });
  await Promise.all([following, dated, compacting, tellStatus({ clock, line, notify }, signal), aborted(signal)]);
  await server.stop({ delayMs: settings.shutdownDelayMs });
  await auditLog?.close();
  log.info('API server has stopped');
}

const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted ? Promise.resolve() : new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

/** Under which clients may look for this server, for a certificate of its own. */
function namesOf({ externalHostname, bindAddress }: Settings, advertiseAddress: string): readonly string[] {
  const cluster = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local'];
  const own = [externalHostname, advertiseAddress, bindAddress].filter((name) => name !== undefined && !/^(0\.0\.0\.0|::)$/.test(name));
  return [...new Set([...own, 'localhost', '127.0.0.1', ...cluster])] as readonly string[];
}

async function readNamed(file: string, flag: string): Promise<string> {
  return readFile(file, 'utf8').catch((err: unknown) => {
    throw new AppError(
      'FILE_UNREADABLE',
      `Cannot read ${file} (${flag}): check that it exists and that this user may read it`,
      { file },
      err,
    );
  });
}

async function openAudit(settings: Settings['audit'], { clock, log }: Pick<DaemonContext, 'clock' | 'log'>) {
  if (settings === undefined) return undefined;
  const policy = readPolicy(settings.policyFile, Buffer.from(await readNamed(settings.policyFile, '--audit-policy-file')));
  const sink = await AuditLog.open({ ...settings, clock, log });
  return { audit: policyAudit({ policy, clock, sink }), close: () => sink.close() };
}

async function readKeys(files: readonly string[]): Promise<readonly VerifyingKey[]> {
  const found = await Promise.all(files.map(async (file) => readVerifyingKeys(await readNamed(file, '--service-account-key-file'), file)));
  return [...new Map(found.flat().map((key) => [key.id, key])).values()];
}

async function readTokens(file: string | undefined): Promise<ReturnType<typeof parseTokenFile>> {
  return file === undefined ? [] : parseTokenFile(await readNamed(file, '--token-auth-file'), file);
}

export const kubeApiserver: Program<Settings> = { flags: PROGRAM, settings: settingsOf, run };

if (import.meta.main) process.exitCode = await runProgram(kubeApiserver, process.argv.slice(2));
