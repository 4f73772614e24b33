/**
 * Gets certificates from the cluster and renews them before they end: the client certificate that the kubelet is known by (the first one
 * with a bootstrap token), and the one that it serves with. What fails is tried again, later and later; the old one serves meanwhile.
 */
import { stringify } from 'yaml';
import { CertificateSigningRequest } from '#api/kinds/certificates/v1.ts';
import { Backoff } from '#base/backoff.ts';
import type { Clock } from '#base/clock.ts';
import { AppError } from '#base/errors.ts';
import type { Logger } from '#base/log.ts';
import { replaceFile } from '#base/replaceFile.ts';
import type { ClientConfig, TextSource } from '#client/config.ts';
import { connect } from '#client/connect.ts';
import { loadKubeconfig } from '#client/kubeconfig.ts';
import type { ResourceType } from '#client/query.ts';
import type { Client } from '#client/rest.ts';
import { currentFile, lifeOf, makeRequest, readCurrent, readText, writeCurrent, type Subject } from './act.ts';
import { CLIENT, outcomeOf, renewAtMs, requestOf, type CertificateKind } from './plan.ts';

const REQUESTS: ResourceType<CertificateSigningRequest> = {
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  plural: 'certificatesigningrequests',
  namespaced: false,
  schema: CertificateSigningRequest,
};
const LOOK_MS = 500;
const LATER_LOOK_MS = 5_000;
/** A request that nobody decides is given up, and another one made. Source: upstream's. */
const GIVE_UP_MS = 15 * 60_000;
const RETRY_BASE_MS = 2_000;
const RETRY_MAX_MS = 300_000;
/** Short beside any life of a certificate, and no work worth speaking of. */
const LONGEST_SLEEP_MS = 10_000;

export interface CertificateParts {
  readonly certDir: string;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Certificate and key in one text. Throws CERTIFICATE_REFUSED, and what #client throws. */
async function obtain(
  kind: CertificateKind,
  names: readonly string[],
  client: Client,
  parts: CertificateParts,
  signal: AbortSignal,
): Promise<string> {
  const { nodeName, clock, log } = parts;
  const subject: Subject = { commonName: `system:node:${nodeName}`, organization: 'system:nodes', names };
  const made = await makeRequest(subject, signal);
  const requests = client.resource(REQUESTS);
  const created = await requests.create(requestOf(kind, made.request), { signal });
  const name = created.metadata.name ?? '';
  const startedMs = clock.monotonicMs();
  let told = false;
  for (;;) {
    const outcome = outcomeOf(await requests.get({ name }, { signal }));
    if (outcome.kind === 'issued') return `${outcome.certificate.trimEnd()}\n${made.key}`;
    const waitedMs = clock.monotonicMs() - startedMs;
    if (outcome.kind === 'refused' || waitedMs > GIVE_UP_MS) {
      const why = outcome.kind === 'refused' ? outcome.why : 'nobody decided it in time';
      throw new AppError('CERTIFICATE_REFUSED', `The cluster gave no certificate for request ${name} (${kind.signer}): ${why}`, {
        csr: name,
      });
    }
    if (!told && waitedMs > LATER_LOOK_MS) {
      told = true;
      const next = outcome.for === 'approval' ? `kubectl certificate approve ${name}` : 'does a signer run?';
      log.warn('Waiting for a certificate', { csr: name, signer: kind.signer, for: outcome.for, next });
    }
    await clock.sleep(waitedMs > LATER_LOOK_MS ? LATER_LOOK_MS : LOOK_MS, signal);
  }
}

export interface BootstrapParts extends CertificateParts {
  readonly bootstrapKubeconfig: string;
  /** Written with the certificate that was got. */
  readonly kubeconfig: string;
}

/** Sees to it that the kubeconfig is there, with a certificate that is good now. Throws KUBECONFIG_*; everything else is tried again. */
export async function bootstrap(parts: BootstrapParts, signal: AbortSignal): Promise<void> {
  const { kubeconfig, bootstrapKubeconfig, certDir, clock, log } = parts;
  if ((await readText(kubeconfig)) !== undefined && (await isGood(await loadKubeconfig(kubeconfig), clock.nowMs()))) return;
  const config = await loadKubeconfig(bootstrapKubeconfig);
  const client = connect({ config, clock, log, userAgent: 'kubelet' });
  const backoff = new Backoff(RETRY_BASE_MS, RETRY_MAX_MS);
  log.info('Asking the cluster for a client certificate', { server: config.server });
  try {
    for (;;) {
      try {
        const pem = await obtain(CLIENT, [], client, parts, signal);
        await writeCurrent(certDir, CLIENT.name, pem, clock.nowMs());
        await replaceFile(kubeconfig, await kubeconfigOf(config, currentFile(certDir, CLIENT.name)), { mode: 0o600, dirMode: 0o755 });
        log.info('Got a client certificate', { file: currentFile(certDir, CLIENT.name) });
        return;
      } catch (err) {
        if (signal.aborted) throw err;
        const retryInMs = backoff.nextMs('');
        log.warn('Cannot get a client certificate', { retryInMs, err });
        await clock.sleep(retryInMs, signal);
      }
    }
  } finally {
    client.close();
  }
}

export interface RotationParts extends CertificateParts {
  readonly kind: CertificateKind;
  readonly names: () => readonly string[];
  readonly client: Client;
  /** Who else may ask when the certificate has ended and the server believes it no more; absent: nobody. */
  readonly afterEnd?: (() => Promise<Client>) | undefined;
  readonly random: () => number;
  /** One that somebody has put in its place meanwhile, certificate and key; undefined: nobody has. */
  readonly replacement?: () => Promise<string | undefined>;
  /** Certificate and key; also the one that was there at the start. */
  readonly onCertificate?: (pem: string) => void;
  /** For metrics: how long the one before was good for, and that there is no new one yet. */
  readonly onRenewed?: (livedMs: number) => void;
  readonly onFailed?: () => void;
}

/** Renews for ever. Resolves when the signal aborts. */
export async function rotate(parts: RotationParts, signal: AbortSignal): Promise<void> {
  const { kind, names, client, afterEnd, replacement, certDir, clock, log, random, onCertificate } = parts;
  const backoff = new Backoff(RETRY_BASE_MS, RETRY_MAX_MS);
  let current = await readCurrent(certDir, kind.name).catch(() => undefined);
  if (current !== undefined) onCertificate?.(current);
  while (!signal.aborted) {
    try {
      if (current !== undefined) await untilWallClock(renewAtMs(lifeOf(current), random()), clock, signal);
      const isOver = current !== undefined && lifeOf(current).toMs <= clock.nowMs();
      const replaced = isOver ? await replacement?.() : undefined;
      const asker = isOver && replaced === undefined && afterEnd !== undefined ? await afterEnd() : client;
      const before = current;
      current = replaced ?? (await obtain(kind, names(), asker, parts, signal).finally(() => asker !== client && asker.close()));
      await writeCurrent(certDir, kind.name, current, clock.nowMs());
      onCertificate?.(current);
      if (before !== undefined) parts.onRenewed?.(Math.max(0, clock.nowMs() - lifeOf(before).fromMs));
      backoff.reset('');
      log.info('Renewed a certificate', { file: currentFile(certDir, kind.name), until: new Date(lifeOf(current).toMs).toISOString() });
    } catch (err) {
      if (signal.aborted) return;
      const retryInMs = backoff.nextMs('');
      parts.onFailed?.();
      log.warn('Cannot renew a certificate', { file: currentFile(certDir, kind.name), retryInMs, err });
      await clock.sleep(retryInMs, signal).catch(() => undefined);
    }
  }
}

/** Looks at the clock now and then: one that is put right meanwhile, on a machine that came up without the time, may be years away. */
async function untilWallClock(atMs: number, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let leftMs = atMs - clock.nowMs(); leftMs > 0; leftMs = atMs - clock.nowMs())
    await clock.sleep(Math.min(leftMs, LONGEST_SLEEP_MS), signal);
}

/**
 * The kubeconfig with the rotated certificate in place of its own; the rotation begins with that one the first time, and when the rotated
 * one has ended and the kubeconfig's has not: somebody has renewed it there.
 */
export async function rotatedConfig(config: ClientConfig, { certDir, clock }: CertificateParts): Promise<ClientConfig> {
  const file = currentFile(certDir, CLIENT.name);
  const rotated = await readText(file);
  if (rotated === undefined || !isGoodNow(rotated, clock.nowMs())) {
    const own = await pairOf(config, file);
    if (own === undefined && rotated === undefined) return config; // known by a token: nothing to rotate
    if (own !== undefined && (rotated === undefined || isGoodNow(own, clock.nowMs())))
      await writeCurrent(certDir, CLIENT.name, own, clock.nowMs());
  }
  return { ...config, certificate: { kind: 'file', path: file }, key: { kind: 'file', path: file } };
}

/** What the kubeconfig holds now, if that is good and no file of the rotation; undefined: nothing. */
export async function renewedPair(kubeconfig: string, { certDir, clock }: CertificateParts): Promise<string | undefined> {
  const own = await pairOf(await loadKubeconfig(kubeconfig), currentFile(certDir, CLIENT.name));
  return own !== undefined && isGoodNow(own, clock.nowMs()) ? own : undefined;
}

/** Certificate and key in one text. rotated: the file of the rotation, which is nobody's own. */
async function pairOf(config: ClientConfig, rotated: string): Promise<string | undefined> {
  if (config.certificate?.kind === 'file' && config.certificate.path === rotated) return undefined;
  const [certificate, key] = await Promise.all([textOf(config.certificate), textOf(config.key)]);
  return certificate === undefined || key === undefined ? undefined : `${certificate.trimEnd()}\n${key}`;
}

async function isGood(config: ClientConfig, nowMs: number): Promise<boolean> {
  const certificate = await textOf(config.certificate).catch(() => undefined);
  return certificate === undefined ? config.token !== undefined : isGoodNow(certificate, nowMs);
}

/** What is no certificate is not good. */
function isGoodNow(pem: string, nowMs: number): boolean {
  try {
    return lifeOf(pem).toMs > nowMs;
  } catch {
    return false;
  }
}

async function textOf(source: TextSource | undefined): Promise<string | undefined> {
  return source === undefined || source.kind === 'text' ? source?.text : readText(source.path);
}

async function kubeconfigOf(config: ClientConfig, file: string): Promise<string> {
  const ca = await textOf(config.ca);
  const cluster = {
    server: config.server,
    ...(ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }),
    ...(config.tlsServerName === undefined ? {} : { 'tls-server-name': config.tlsServerName }),
  };
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'default-cluster', cluster }],
    contexts: [{ name: 'default-context', context: { cluster: 'default-cluster', user: 'default-auth', namespace: 'default' } }],
    'current-context': 'default-context',
    users: [{ name: 'default-auth', user: { 'client-certificate': file, 'client-key': file } }],
  });
}
