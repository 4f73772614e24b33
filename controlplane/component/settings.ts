/**
 * What the shared flags ask for. Pure. Units: milliseconds.
 * Throws: AppError SETTINGS_INVALID with everything that is wrong.
 */
import { parseIp } from '#api/ip.ts';
import { AppError, explain } from '#base/errors.ts';
import type { FlagValues } from './flags.ts';

export interface SharedSettings {
  /** undefined: the service account of the pod. */
  readonly kubeconfig: string | undefined;
  readonly master: string | undefined;
  readonly qps: number;
  readonly burst: number;
  /** undefined: no election, this one works. */
  readonly election: ElectionSettings | undefined;
  /** undefined: nothing is served. */
  readonly serving: ServingSettings | undefined;
  readonly verbosity: number;
}

export interface ElectionSettings {
  readonly namespace: string;
  readonly name: string;
  readonly leaseDurationMs: number;
  readonly renewDeadlineMs: number;
  readonly retryPeriodMs: number;
}

export interface ServingSettings {
  readonly host: string;
  readonly port: number;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  /** Where a self-signed certificate is kept; undefined: it is not. */
  readonly certDir: string | undefined;
  readonly minVersion: 'TLSv1.2' | 'TLSv1.3';
  readonly clientCa: string | undefined;
  readonly authenticationKubeconfig: string | undefined;
  readonly authorizationKubeconfig: string | undefined;
  readonly tokenMs: number;
  readonly yesMs: number;
  readonly noMs: number;
  /** A path, or what begins with it where it ends in an asterisk. */
  readonly openPaths: readonly string[];
}

/** Collects everything that is wrong with a command line. */
export class Problems {
  readonly #found: string[] = [];

  check<T>(ok: boolean, problem: string, value: T): T {
    if (!ok) this.#found.push(problem);
    return value;
  }

  tried<T>(otherwise: T, parse: () => T): T {
    try {
      return parse();
    } catch (err) {
      this.#found.push(explain(err));
      return otherwise;
    }
  }

  between(values: FlagValues, name: string, [from, to]: readonly [number, number]): number {
    const value = values.whole(name);
    return this.check(value >= from && value <= to, `--${name}: want ${from} to ${to}, got ${value}`, value);
  }

  positiveMs(values: FlagValues, name: string): number {
    const value = values.ms(name);
    return this.check(value > 0, `--${name}: want more than 0`, value);
  }

  throwIfAny(): void {
    if (this.#found.length > 0) throw new AppError('SETTINGS_INVALID', this.#found.join('; '));
  }
}

export function sharedSettings(values: FlagValues, problems: Problems): SharedSettings {
  return {
    kubeconfig: values.file('kubeconfig'),
    master: values.file('master'),
    qps: problems.between(values, 'kube-api-qps', [-1, 1e6]),
    burst: problems.between(values, 'kube-api-burst', [0, 1e6]),
    election: values.isOn('leader-elect') ? electionOf(values, problems) : undefined,
    serving: values.whole('secure-port') === 0 ? undefined : servingOf(values, problems),
    verbosity: problems.between(values, 'v', [0, 10]),
  };
}

const JITTER = 1.2;

function electionOf(values: FlagValues, problems: Problems): ElectionSettings {
  const [lease, renew, retry] = ['lease-duration', 'renew-deadline', 'retry-period'].map((name) => `leader-elect-${name}`);
  const [leaseDurationMs, renewDeadlineMs, retryPeriodMs] = [lease, renew, retry].map((name) => problems.positiveMs(values, name ?? ''));
  const [l = 0, d = 0, r = 0] = [leaseDurationMs, renewDeadlineMs, retryPeriodMs];
  problems.check(l >= 1_000 && l % 1_000 === 0, `--${lease}: want whole seconds, at least one`, 0);
  problems.check(l > d, `--${lease}: want more than --${renew}`, 0);
  problems.check(d > JITTER * r, `--${renew}: want more than ${JITTER} times --${retry}`, 0);
  return {
    namespace: values.text('leader-elect-resource-namespace') ?? '',
    name: values.text('leader-elect-resource-name') ?? '',
    leaseDurationMs: l,
    renewDeadlineMs: d,
    retryPeriodMs: r,
  };
}

function servingOf(values: FlagValues, problems: Problems): ServingSettings {
  const host = values.text('bind-address') ?? '';
  problems.check(parseIp(host) !== undefined, `--bind-address: ${JSON.stringify(host)} is no IP address`, 0);
  const [certificate, key] = [values.file('tls-cert-file'), values.file('tls-private-key-file')];
  problems.check(
    (certificate === undefined) === (key === undefined),
    '--tls-cert-file and --tls-private-key-file: want both or neither',
    0,
  );
  const version = values.text('tls-min-version') ?? '';
  problems.check(
    /^VersionTLS1[23]$/.test(version),
    `--tls-min-version: want VersionTLS12 or VersionTLS13, got ${JSON.stringify(version)}`,
    0,
  );
  const openPaths = values.list('authorization-always-allow-paths');
  problems.check(
    openPaths.every((path) => path.startsWith('/')),
    '--authorization-always-allow-paths: want paths that begin with /',
    0,
  );
  return {
    host,
    port: problems.between(values, 'secure-port', [0, 65_535]),
    certificate,
    key,
    certDir: values.file('cert-dir'),
    minVersion: version === 'VersionTLS13' ? 'TLSv1.3' : 'TLSv1.2',
    clientCa: values.file('client-ca-file'),
    authenticationKubeconfig: values.file('authentication-kubeconfig'),
    authorizationKubeconfig: values.file('authorization-kubeconfig'),
    tokenMs: values.ms('authentication-token-webhook-cache-ttl'),
    yesMs: values.ms('authorization-webhook-cache-authorized-ttl'),
    noMs: values.ms('authorization-webhook-cache-unauthorized-ttl'),
    openPaths,
  };
}
