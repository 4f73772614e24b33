/** Services for the benchmarks of the proxy, made without any document: the i-th one, with its endpoints. */
import type { Endpoint, ServicePort } from '../../kube-proxy/servicePort.ts';
import type { ProxySettings } from '../../kube-proxy/proxier.ts';

export const BENCH_SETTINGS: ProxySettings = {
  family: 'IPv4',
  masqueradeBit: 14,
  masqueradeAll: false,
  localTraffic: { kind: 'cidr', cidr: '10.128.0.0/9' },
  nodeIp: '192.0.2.1',
  nodePorts: { kind: 'all' },
  localhostNodePorts: false,
  conntrackLiberal: false,
};

export interface BenchService {
  readonly endpoints?: number;
  /** Another round has other endpoints. */
  readonly round?: number;
  /** Endpoints that exist, for traffic: all services lead there. */
  readonly real?: readonly string[];
}

export function benchPort(i: number, { endpoints = 3, round = 0, real }: BenchService = {}): ServicePort {
  const ips =
    real ??
    Array.from({ length: endpoints }, (_, e) => {
      const k = i * 4 + e;
      return round === 0 ? `10.${128 + (k >> 16)}.${(k >> 8) & 255}.${k & 255}` : `10.250.${round & 255}.${e + 1}`;
    });
  const all = ips.map((ip): Endpoint => ({
    ip,
    port: 8080,
    text: `${ip}:8080`,
    isLocal: false,
    ready: true,
    serving: true,
    terminating: false,
    forZones: [],
    forNodes: [],
  }));
  return {
    id: `default/svc-${i}:http/tcp`,
    name: `default/svc-${i}:http`,
    service: `default/svc-${i}`,
    family: 'IPv4',
    protocol: 'tcp',
    clusterIp: benchIp(i),
    port: 80,
    externalIps: [],
    loadBalancerIps: [],
    internalPolicy: 'Cluster',
    externalPolicy: 'Cluster',
    endpoints: all,
    choice: { cluster: all, local: [], reachable: all, hasAny: all.length > 0, topology: 'none' },
  };
}

export function benchIp(i: number): string {
  return `10.${96 + (i >> 16)}.${(i >> 8) & 255}.${i & 255}`;
}

export function benchPorts(count: number, options: BenchService = {}): Map<string, ServicePort> {
  const ports = new Map<string, ServicePort>();
  for (let i = 1; i <= count; i++) {
    const port = benchPort(i, options);
    ports.set(port.id, port);
  }
  return ports;
}
