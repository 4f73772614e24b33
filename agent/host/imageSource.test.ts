import assert from 'node:assert/strict';
import { test } from 'node:test';
import { imagesOf, registryHost } from './imageSource.ts';

const hosts: [ref: string, host: string | undefined][] = [
  ['nginx', 'registry-1.docker.io'],
  ['docker.io/library/nginx:1.29', 'registry-1.docker.io'],
  ['registry.k8s.io/pause:3.10', 'registry.k8s.io'],
  ['localhost:5000/x', 'localhost:5000'],
  ['NOT AN IMAGE', undefined],
];
for (const [ref, host] of hosts) test(`registryHost: ${ref}`, () => assert.equal(registryHost(ref), host));

const POD = `kind: Pod
spec:
  initContainers:
  - image: busybox
  containers:
  - {name: a, image: "nginx:1.29"}
  - {name: b}
`;
const rows: [why: string, text: string, images: string[]][] = [
  ['containers and init containers', POD, ['busybox', 'nginx:1.29']],
  [
    'several documents and lists',
    `${POD}---\nkind: List\nitems:\n- spec: {containers: [{image: redis}]}\n`,
    ['busybox', 'nginx:1.29', 'redis'],
  ],
  ['JSON', '{"spec":{"containers":[{"image":"nginx"}]}}', ['nginx']],
  ['what is no manifest is left to the kubelet', 'a: [', []],
  ['wrong types', 'spec: {containers: {image: nginx}, initContainers: [1, {image: 5}]}', []],
  ['nothing', '', []],
  ['a bomb of aliases', 'a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n', []],
];
for (const [why, text, images] of rows) test(`imagesOf: ${why}`, () => assert.deepEqual(imagesOf(text), images));
