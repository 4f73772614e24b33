import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { endpointsKind, endpointSliceKind, serviceKind } from '#api/definitions/service.ts';
import { parseAs } from '#api/parse.ts';
import { formatProblem } from '#api/problem.ts';
import type { KindDefinition } from '#api/scheme.ts';
import { arbitraryOf } from '#api/test/arbitrary.ts';

function problemsOf(definition: KindDefinition, value: object): readonly string[] {
  const parsed = parseAs(definition, { metadata: { name: 'web', namespace: 'default' }, ...value });
  return parsed.kind === 'object' ? [] : parsed.problems.map(formatProblem);
}
const service = (spec: object): readonly string[] => problemsOf(serviceKind, { spec: { ports: [{ port: 80 }], ...spec } });
const endpoints = (...subsets: object[]): readonly string[] => problemsOf(endpointsKind, { subsets });
const slice = (value: object): readonly string[] => problemsOf(endpointSliceKind, { addressType: 'IPv4', endpoints: [], ...value });
const IP_RULE = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

const ROWS: [what: string, found: readonly string[], problems: string[]][] = [
  ['a good service', service({}), []],
  ['no ports', service({ ports: [] }), ['spec.ports: Required value']],
  ['a headless service needs none', service({ ports: [], clusterIP: 'None' }), []],
  [
    'a headless node port',
    service({ clusterIP: 'None', type: 'NodePort' }),
    ['spec.clusterIPs[0]: Invalid value: "None": may not be set to \'None\' for NodePort services'],
  ],
  [
    'a name that starts with a digit',
    problemsOf(serviceKind, { metadata: { name: '1a', namespace: 'x' }, spec: { ports: [{ port: 1 }] } }).map((t) => t.slice(0, 55)),
    ['metadata.name: Invalid value: "1a": a DNS-1035 label mu'],
  ],
  ['several ports need names', service({ ports: [{ port: 1 }, { port: 2, name: 'b' }] }), ['spec.ports[0].name: Required value']],
  [
    'ports twice',
    service({
      ports: [
        { port: 1, name: 'a' },
        { port: 1, name: 'a' },
      ],
    }),
    ['spec.ports[1].name: Duplicate value: "a"', 'spec.ports[1]: Duplicate value: {"protocol":"TCP","port":1}'],
  ],
  [
    'one port, two protocols',
    service({
      ports: [
        { port: 53, name: 'a' },
        { port: 53, name: 'b', protocol: 'UDP' },
      ],
    }),
    [],
  ],
  [
    'port numbers',
    service({ ports: [{ port: 0, targetPort: 70_000 }] }),
    [
      'spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive',
      'spec.ports[0].targetPort: Invalid value: 70000: must be between 1 and 65535, inclusive',
    ],
  ],
  [
    'a node port without its type',
    service({ ports: [{ port: 1, nodePort: 30_000 }] }),
    ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"],
  ],
  [
    'a node port twice',
    service({
      type: 'NodePort',
      ports: [
        { port: 1, name: 'a', nodePort: 30_000 },
        { port: 2, name: 'b', nodePort: 30_000 },
      ],
    }),
    ['spec.ports[1].nodePort: Duplicate value: 30000'],
  ],
  [
    'an unknown type',
    service({ type: 'Balancer' }),
    ['spec.type: Unsupported value: "Balancer": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'],
  ],
  ['an external name', service({ type: 'ExternalName', ports: [] }), ['spec.externalName: Required value']],
  ['an external name with a dot', service({ type: 'ExternalName', externalName: 'a.example.com.' }), []],
  [
    'an affinity of more than a day',
    service({ sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } } }),
    ['spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400'],
  ],
  [
    'cluster IPs',
    service({ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.2'] }),
    ['spec.clusterIPs: Invalid value: ["10.0.0.2"]: first value must match `clusterIP`'],
  ],
  [
    'two cluster IPs of one family',
    service({ clusterIP: '10.0.0.1', clusterIPs: ['10.0.0.1', '10.0.0.2'] }),
    ['spec.clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for each IP family'],
  ],
  [
    'a cluster IP of the other family',
    service({ clusterIP: 'fd00::1', clusterIPs: ['fd00::1'], ipFamilies: ['IPv4'] }),
    ['spec.clusterIPs[0]: Invalid value: "fd00::1": expected an IPv4 value as indicated by `ipFamilies[0]`'],
  ],
  ['families twice', service({ ipFamilies: ['IPv4', 'IPv4'] }), ['spec.ipFamilies[1]: Duplicate value: "IPv4"']],
  [
    'external IPs',
    service({ externalIPs: ['x', '127.0.0.1', '1.2.3.4'] }),
    [
      `spec.externalIPs[0]: Invalid value: "x": ${IP_RULE}`,
      'spec.externalIPs[1]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
    ],
  ],
  [
    'source ranges',
    service({ type: 'LoadBalancer', loadBalancerSourceRanges: ['10.0.0.0/8', '10.0.0.0/33'] }),
    ['spec.loadBalancerSourceRanges[1]: Invalid value: "10.0.0.0/33": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)'],
  ],
  [
    'traffic policies',
    service({ externalTrafficPolicy: 'Local', healthCheckNodePort: 30_000 }),
    [
      'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
      "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
    ],
  ],
  [
    'traffic distribution',
    service({ trafficDistribution: 'Near' }),
    ['spec.trafficDistribution: Unsupported value: "Near": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"'],
  ],

  ['good endpoints', endpoints({ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 80 }] }), []],
  [
    'a subset without addresses',
    endpoints({ ports: [{ port: 80 }] }),
    ['subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`'],
  ],
  [
    'endpoint addresses',
    endpoints({ addresses: [{ ip: '300.1.1.1' }, { ip: '169.254.0.1' }] }),
    [
      `subsets[0].addresses[0].ip: Invalid value: "300.1.1.1": ${IP_RULE}`,
      'subsets[0].addresses[1].ip: Invalid value: "169.254.0.1": may not be in the link-local range (169.254.0.0/16, fe80::/10)',
    ],
  ],
  [
    'endpoint ports',
    endpoints({ addresses: [{ ip: '10.0.0.1' }], ports: [{ port: 0, name: 'a' }, { port: 1 }] }),
    ['subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive', 'subsets[0].ports[1].name: Required value'],
  ],

  ['a good slice', slice({ endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }] }), []],
  [
    'the wrong family',
    slice({ endpoints: [{ addresses: ['fd00::1'] }] }),
    ['endpoints[0].addresses[0]: Invalid value: "fd00::1": must be an IPv4 address'],
  ],
  ['no address', slice({ endpoints: [{ addresses: [] }] }), ['endpoints[0].addresses: Required value: must contain at least 1 address']],
  [
    'too many endpoints',
    slice({ endpoints: Array.from({ length: 1001 }, () => ({ addresses: ['10.0.0.1'] })) }),
    ['endpoints: Too many: 1001: must have at most 1000 items'],
  ],
  ['ports without names', slice({ ports: [{ port: 1 }, { port: 2 }] }), ['ports[1].name: Duplicate value: ""']],
  ['an address type', slice({ addressType: 'IP' }), ['addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4", "IPv6"']],
];

for (const [what, found, problems] of ROWS) test(`service rules: ${what}`, () => assert.deepEqual(found, problems));

test('property: no service, endpoints or slice with the right structure makes the rules throw', () => {
  const all: readonly KindDefinition[] = [serviceKind, endpointsKind, endpointSliceKind];
  for (const definition of all) {
    fc.assert(fc.property(arbitraryOf(definition.schema, { depth: 6 }), (value) => void parseAs(definition, value)));
  }
});
