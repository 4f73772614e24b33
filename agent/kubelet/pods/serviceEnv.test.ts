import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import type { Service } from '#api/kinds/core/service.ts';
import { serviceEnvironment } from './serviceEnv.ts';

const service = (namespace: string, name: string, spec: object): Service => ({ metadata: { namespace, name }, spec });
const kubernetes = service('default', 'kubernetes', { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443, protocol: 'TCP' }] });
const web = service('a', 'my-web', { clusterIP: '10.96.0.9', ports: [{ port: 80 }, { name: 'dns-udp', port: 53, protocol: 'UDP' }] });
const pod = (spec: object = {}): Pod => ({ metadata: { name: 'p', namespace: 'a', uid: 'u' }, spec: { containers: [], ...spec } });

test('serviceEnvironment: names and values as links have them', () => {
  assert.deepEqual(Object.fromEntries(serviceEnvironment(pod(), [web])), {
    MY_WEB_SERVICE_HOST: '10.96.0.9',
    MY_WEB_SERVICE_PORT: '80',
    MY_WEB_SERVICE_PORT_DNS_UDP: '53',
    MY_WEB_PORT: 'tcp://10.96.0.9:80',
    MY_WEB_PORT_80_TCP: 'tcp://10.96.0.9:80',
    MY_WEB_PORT_80_TCP_PROTO: 'tcp',
    MY_WEB_PORT_80_TCP_PORT: '80',
    MY_WEB_PORT_80_TCP_ADDR: '10.96.0.9',
    MY_WEB_PORT_53_UDP: 'udp://10.96.0.9:53',
    MY_WEB_PORT_53_UDP_PROTO: 'udp',
    MY_WEB_PORT_53_UDP_PORT: '53',
    MY_WEB_PORT_53_UDP_ADDR: '10.96.0.9',
  });
});

test('serviceEnvironment: which services', () => {
  const hosts = (given: Pod): string[] =>
    [
      ...serviceEnvironment(given, [
        web,
        kubernetes,
        service('b', 'other', { clusterIP: '1.1.1.1', ports: [{ port: 1 }] }),
        headless,
      ]).keys(),
    ].filter((k) => k.endsWith('_HOST'));
  const headless = service('a', 'headless', { clusterIP: 'None', ports: [{ port: 1 }] });
  assert.deepEqual(hosts(pod()), ['KUBERNETES_SERVICE_HOST', 'MY_WEB_SERVICE_HOST']);
  assert.deepEqual(hosts(pod({ enableServiceLinks: false })), ['KUBERNETES_SERVICE_HOST']);
});
