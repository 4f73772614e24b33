import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Pod } from '#api/kinds/core/pod.ts';
import { describePod } from './describePod.ts';

const NOW = Date.UTC(2026, 0, 1);
const POD = {
  metadata: { name: 'web-n1', namespace: 'default', labels: { app: 'web' } },
  spec: {
    nodeName: 'n1',
    initContainers: [{ name: 'setup', image: 'busybox' }],
    containers: [
      {
        name: 'web',
        image: 'nginx',
        ports: [{ containerPort: 80, hostPort: 8080 }],
        livenessProbe: { httpGet: { path: '/up', port: 80 }, periodSeconds: 5 },
        readinessProbe: { exec: { command: ['test', '-e', '/ready'] } },
        volumeMounts: [{ name: 'data', mountPath: '/data' }],
      },
    ],
    volumes: [
      { name: 'data', persistentVolumeClaim: { claimName: 'disk' } },
      { name: 'settings', configMap: { name: 'settings', optional: true } },
    ],
  },
  status: {
    phase: 'Running',
    qosClass: 'BestEffort',
    containerStatuses: [
      {
        name: 'web',
        ready: false,
        restartCount: 2,
        state: { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 20s' } },
        lastState: { terminated: { exitCode: 1, reason: 'Error' } },
      },
    ],
    conditions: [{ type: 'Ready', status: 'False', reason: 'ContainersNotReady', message: 'containers with unready status: [web]' }],
  },
} as unknown as Pod;
const end = { reason: 'Error', exitCode: 1, lastLines: ['a', 'bind: in use'] };
const TERMINATIONS = {
  web: [
    { ...end, attempt: 0, finishedAtMs: NOW - 120_000 },
    { ...end, attempt: 1, finishedAtMs: NOW - 60_000, lastLines: [] },
  ],
};

test('describe pod: what is asked of the pod, what it does, and how its containers ended before', () => {
  const text = describePod(POD, { events: [], terminations: TERMINATIONS }, NOW);
  const at = text.indexOf('  web:');
  assert.equal(
    text.slice(at, text.indexOf('QoS Class')),
    `  web:
    Container ID:
    Image:          nginx
    Image ID:
    Ports:          80/TCP (host 8080)
    State:          Waiting
      Reason:       CrashLoopBackOff
      Message:      back-off 20s
    Last State:     Terminated
      Reason:       Error
      Exit Code:    1
      Started:
      Finished:
    Ready:          False
    Restart Count:  2
    Last Ends:
      run 0: Error (exit code 1) 2m ago: bind: in use
      run 1: Error (exit code 1) 60s ago
    Liveness:       http-get http://:80/up delay=0s timeout=1s period=5s #success=1 #failure=3
    Readiness:      exec [test -e /ready] delay=0s timeout=1s period=10s #success=1 #failure=3
    Environment:    <none>
    Mounts:
      /data from data (rw)
Conditions:
  Type    Status
  Ready   False  (ContainersNotReady: containers with unready status: [web])
Volumes:
  data:
    Type:           PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)
    claimName:      disk
  settings:
    Type:           ConfigMap (a volume populated by a ConfigMap)
    name:           settings
    optional:       true
`,
  );
  assert.match(text, /^Init Containers:\n {2}setup:\n/m);
  assert.match(text, /^Events: +<none>$/m);
});
