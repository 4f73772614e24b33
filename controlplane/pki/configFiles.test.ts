import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { parseCidr } from '#api/ip.ts';
import { configFiles, lackOf } from './configFiles.ts';

const facts = {
  nodeName: 'n1',
  advertiseAddress: '192.0.2.7',
  port: 6_443,
  endpoint: undefined,
  extraNames: [],
  serviceRanges: [parseCidr('10.96.0.0/12')!],
  podRanges: ['10.244.0.0/16', 'fd00::/64'],
  dnsDomain: 'cluster.local',
};
const [kubelet, proxy] = configFiles(facts, { kubernetesDir: '/k', certDir: '/k/pki' });

test('the kubelet knows its authority, the DNS of its cluster and where manifests are; the proxy its server and what pods are', () => {
  const { authentication, clusterDNS, staticPodPath, rotateCertificates } = parse(kubelet.text) as Record<string, unknown>;
  assert.deepEqual(authentication, { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: '/k/pki/ca.crt' } });
  assert.deepEqual([clusterDNS, staticPodPath, rotateCertificates], [['10.96.0.10'], '/k/manifests', true]);
  const { clientConnection, clusterCIDR } = parse(proxy.text) as Record<string, unknown>;
  assert.deepEqual([clientConnection, clusterCIDR], [{ kubeconfig: '/k/kube-proxy.conf' }, '10.244.0.0/16,fd00::/64']);
});

for (const [name, text, lack] of [
  ['as it was made', undefined, undefined],
  ['edited elsewhere', 'clientConnection: {kubeconfig: /k/kube-proxy.conf}\nmode: nftables', undefined],
  ['of a node that stands alone', 'mode: iptables', 'clientConnection.kubeconfig is not set, wanted /k/kube-proxy.conf'],
  ['of another cluster', 'clientConnection: {kubeconfig: /other}', 'clientConnection.kubeconfig is "/other", wanted /k/kube-proxy.conf'],
  ['no YAML', '{', 'clientConnection.kubeconfig is not set, wanted /k/kube-proxy.conf'],
] as const)
  test(`what a file that is there lacks: ${name}`, () => assert.equal(lackOf(proxy, text ?? proxy.text), lack));

test('a host has one configuration of its kubelet: where its service reads it', () => {
  const places = { kubernetesDir: '/etc/kubernetes', certDir: '/etc/kubernetes/pki' };
  assert.deepEqual(
    configFiles(facts, places).map(({ path }) => path),
    ['/var/lib/kubelet/config.yaml', '/etc/kubernetes/kube-proxy.yaml'],
  );
  assert.equal(kubelet.path, '/k/kubelet.yaml');
});
