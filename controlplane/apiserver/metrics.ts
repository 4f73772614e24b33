/** The metrics of the API server, under upstream's names so that dashboards and alerts written for Kubernetes work. */
import { VERSION } from '#base/version.ts';
import { KUBERNETES_VERSION } from './version.ts';
import type { ApiCall } from './call.ts';
import { Counter, Gauge, Histogram, MetricsRegistry, Observed } from '#base/metrics.ts';
import type { RequestInfo } from './requestInfo.ts';

const SECONDS = [0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60];
const RESOURCE = ['verb', 'group', 'version', 'resource', 'subresource', 'scope'];

export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly residentBytes: number;
  readonly startSeconds: number;
}

export class Metrics {
  readonly registry = new MetricsRegistry();
  readonly requests = this.registry.add(
    new Counter({ name: 'apiserver_request_total', help: 'Requests by verb, resource and HTTP code.', labels: [...RESOURCE, 'code'] }),
  );
  readonly durations = this.registry.add(
    new Histogram({
      name: 'apiserver_request_duration_seconds',
      help: 'How long requests took, watches and other streams left out.',
      labels: RESOURCE,
      buckets: SECONDS,
    }),
  );
  readonly longRunning = this.registry.add(
    new Gauge({
      name: 'apiserver_longrunning_requests',
      help: 'Watches and other streams that are open now.',
      labels: ['verb', 'group', 'version', 'resource'],
    }),
  );
  readonly dropped = this.registry.add(
    new Counter({
      name: 'apiserver_dropped_requests_total',
      help: 'Requests refused because too many were in flight.',
      labels: ['request_kind'],
    }),
  );
  readonly watchEvents = this.registry.add(
    new Counter({ name: 'apiserver_watch_events_total', help: 'Events sent to watches.', labels: ['group', 'version', 'resource'] }),
  );
  readonly slowClients = this.registry.add(
    new Counter({
      name: 'apiserver_terminated_watchers_total',
      help: 'Watches cut because the client did not read.',
      labels: ['resource'],
    }),
  );
  readonly authentications = this.registry.add(
    new Counter({ name: 'authentication_attempts', help: 'Attempts to find out who a client is.', labels: ['result'] }),
  );

  constructor(usage: () => ProcessUsage) {
    const one = (name: string, help: string, read: (u: ProcessUsage) => number, kind: 'gauge' | 'counter' = 'gauge'): void => {
      this.registry.add(new Observed({ name, help, kind }, () => [[[], read(usage())]]));
    };
    one('process_cpu_seconds_total', 'CPU time used.', (u) => u.cpuSeconds, 'counter');
    one('process_resident_memory_bytes', 'Resident memory.', (u) => u.residentBytes);
    one('process_start_time_seconds', 'When the process started, since 1970.', (u) => u.startSeconds);
    const labels = ['git_version', 'kijabi_version', 'platform'];
    this.registry.add(
      new Observed({ name: 'kubernetes_build_info', help: 'What runs here.', labels }, () => [
        [[KUBERNETES_VERSION.gitVersion, VERSION, KUBERNETES_VERSION.platform], 1],
      ]),
    );
  }

  observeInflight(read: () => Iterable<readonly [readonly string[], number]>): void {
    const help = 'Requests being worked on now.';
    this.registry.add(new Observed({ name: 'apiserver_current_inflight_requests', help, labels: ['request_kind'] }, read));
  }

  observeAudit(read: () => { readonly written: number; readonly dropped: number }): void {
    const one = (name: string, help: string, count: () => number): void => {
      this.registry.add(new Observed({ name, help, kind: 'counter', labels: ['plugin'] }, () => [[['log'], count()]]));
    };
    one('apiserver_audit_event_total', 'Audit events written.', () => read().written);
    one('apiserver_audit_error_total', 'Audit events lost because the log did not keep up.', () => read().dropped);
  }

  observeObjects(read: () => Iterable<readonly [readonly string[], number]>): void {
    const help = 'Objects there are, by resource.';
    this.registry.add(new Observed({ name: 'apiserver_resource_objects', help, labels: ['group', 'resource'] }, read));
  }

  /** Only for requests whose resource is known to exist: paths of unknown resources would make labels without bounds. */
  finished(
    call: ApiCall,
    { code, seconds, known }: { readonly code: number; readonly seconds: number | undefined; readonly known: boolean },
  ): void {
    const labels = labelsOf(call.info, known);
    this.requests.inc([...labels, String(code)]);
    if (seconds !== undefined) this.durations.observe(labels, seconds);
  }
}

function labelsOf(info: RequestInfo, known: boolean): readonly string[] {
  if (info.kind === 'path') return [info.verb.toUpperCase(), '', '', '', '', ''];
  const { verb, group, version, resource, subresource, namespace, name } = info;
  if (!known) return [verb.toUpperCase(), '', '', '', '', ''];
  return [verb.toUpperCase(), group, version, resource, subresource, name !== '' ? 'resource' : namespace !== '' ? 'namespace' : 'cluster'];
}
