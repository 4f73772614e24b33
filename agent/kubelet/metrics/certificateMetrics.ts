/**
 * How long the kubelet's certificates are still good, and how their renewal goes, as upstream counts it; alerts are built on it.
 * Source: the names in pkg/kubelet/certificate of Kubernetes 1.36; an unused certificate has +Inf there too.
 */
import { Counter, Histogram, Observed, type MetricsRegistry } from '#base/metrics.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const LIFE_SECONDS = [
  MINUTE,
  10 * MINUTE,
  HOUR,
  4 * HOUR,
  DAY,
  7 * DAY,
  30 * DAY,
  90 * DAY,
  180 * DAY,
  365 * DAY,
  4 * 365 * DAY,
  10 * 365 * DAY,
];

export type CertificateUse = 'client' | 'serving';

export class CertificateMetrics {
  readonly #endsAtMs = new Map<CertificateUse, number>();
  readonly #errors: Readonly<Record<CertificateUse, Counter>>;
  readonly #lived: Histogram;

  constructor(registry: MetricsRegistry, nowMs: () => number) {
    const left = (use: CertificateUse, name: string): void =>
      void registry.add(
        new Observed({ name: `kubelet_certificate_manager_${name}_ttl_seconds`, help: `Time until the ${use} certificate ends.` }, () => {
          const endsAtMs = this.#endsAtMs.get(use);
          return [[[], endsAtMs === undefined ? Infinity : Math.floor((endsAtMs - nowMs()) / 1_000)]];
        }),
      );
    left('client', 'client');
    left('serving', 'server');
    const errors = (name: string): Counter => {
      const counter = registry.add(new Counter({ name, help: 'Renewals of a certificate that failed.' }));
      counter.inc([], 0);
      return counter;
    };
    this.#errors = {
      client: errors('kubelet_certificate_manager_client_expiration_renew_errors'),
      serving: errors('kubelet_server_expiration_renew_errors'),
    };
    this.#lived = registry.add(
      new Histogram({
        name: 'kubelet_certificate_manager_server_rotation_seconds',
        help: 'How long serving certificates were in use before the next one came.',
        buckets: LIFE_SECONDS,
      }),
    );
  }

  inUse(use: CertificateUse, endsAtMs: number): void {
    this.#endsAtMs.set(use, endsAtMs);
  }

  renewed(use: CertificateUse, livedMs: number): void {
    if (use === 'serving') this.#lived.observe([], livedMs / 1_000);
  }

  notRenewed(use: CertificateUse): void {
    this.#errors[use].inc();
  }
}
