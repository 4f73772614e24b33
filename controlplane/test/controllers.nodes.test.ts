/** A node that falls silent, and what becomes of it and its pods, with a real API server. The times are short, the rest is real. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Event } from '#api/kinds/core/event.ts';
import { parseCidr } from '#api/ip.ts';
import { until } from '#agent/test/harness/until.ts';
import { BlockRange } from '../controllers/nodeIpam/ranges.ts';
import { NODE_LIFECYCLE } from '../controllers/nodeLifecycle/reconcile.ts';
import { controllersFor } from './runningControllers.ts';
import { mustTell } from './upstreamEvents.ts';

const NS = '/api/v1/namespaces/default';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
const WANTED = ['node-lifecycle-controller', 'taint-eviction-controller', 'node-ipam-controller'];

void describe('nodes', () => {
  const ranges = () => [new BlockRange(parseCidr('10.244.0.0/16')!, 24), new BlockRange(parseCidr('fd00::/56')!, 64)];
  const parts = { nodeLifecycle: { ...NODE_LIFECYCLE, graceMs: 2_000, startupGraceMs: 600_000 }, nodeRanges: ranges };
  const controllers = controllersFor(WANTED, parts);

  interface Node {
    readonly spec: {
      readonly podCIDRs?: readonly string[];
      readonly taints?: readonly { readonly key: string; readonly effect: string }[];
    };
    readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason: string }[] };
  }
  const node = async (name: string): Promise<Node> => (await controllers.client.get(`/api/v1/nodes/${name}`)).json as Node;
  const taints = async (name: string): Promise<string> =>
    ((await node(name)).spec.taints ?? [])
      .map(({ key, effect }) => `${key.slice(19)}:${effect}`)
      .toSorted()
      .join();
  const beat = async (name: string): Promise<void> => {
    const time = new Date(controllers.clock.nowMs()).toISOString();
    const conditions = [{ type: 'Ready', status: 'True', reason: 'KubeletReady', lastHeartbeatTime: time.replace(/\.\d+Z/, 'Z') }];
    assert.equal(
      (await controllers.client.patch(`/api/v1/nodes/${name}/status`, 'strategic-merge-patch', { status: { conditions } })).code,
      200,
    );
  };
  const renew = (name: string) =>
    controllers.client.patch(`${LEASES}/${name}`, 'merge-patch', {
      spec: { renewTime: new Date(controllers.clock.nowMs()).toISOString().replace('Z', '000Z') },
    });
  const reasons = async (reason: string): Promise<readonly string[]> =>
    ((await controllers.client.get('/api/v1/events')).json as { items: { reason: string; message: string }[] }).items
      .filter((e) => e.reason === reason)
      .map(({ message }) => message);

  test('a node gets its part of the network, falls silent, its pods are told and evicted, and it comes back', async () => {
    for (const name of ['lost', 'well']) {
      assert.equal((await controllers.client.post('/api/v1/nodes', { metadata: { name } })).code, 201);
      const spec = {
        holderIdentity: name,
        leaseDurationSeconds: 40,
        renewTime: new Date(controllers.clock.nowMs()).toISOString().replace('Z', '000Z'),
      };
      await controllers.client.post(LEASES, { metadata: { name }, spec });
      await beat(name);
    }
    await until('each has its blocks', async () => (await node('well')).spec.podCIDRs?.length === 2);
    const blocks = [...((await node('lost')).spec.podCIDRs ?? []), ...((await node('well')).spec.podCIDRs ?? [])];
    assert.deepEqual(blocks.toSorted(), ['10.244.0.0/24', '10.244.1.0/24', 'fd00:0:0:1::/64', 'fd00::/64']);
    const tolerations = ['not-ready', 'unreachable'].map((key) => ({
      key: `node.kubernetes.io/${key}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 1,
    }));
    const pod = { metadata: { name: 'p' }, spec: { nodeName: 'lost', tolerations, containers: [{ name: 'c', image: 'x' }] } };
    assert.equal((await controllers.client.post(`${NS}/pods`, pod)).code, 201);
    await controllers.client.patch(`${NS}/pods/p/status`, 'merge-patch', {
      status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
    });

    // The lease alone is a sign of life.
    const beating = setInterval(() => void renew('well'), 300);
    try {
      await until(
        'it is Unknown',
        async () => (await node('lost')).status.conditions.find(({ type }) => type === 'Ready')?.status === 'Unknown',
      );
      assert.equal((await node('lost')).status.conditions.find(({ type }) => type === 'MemoryPressure')?.reason, 'NodeStatusNeverUpdated');
      await until('its taints', async () => (await taints('lost')) === 'unreachable:NoExecute,unreachable:NoSchedule');
      interface Pod {
        readonly metadata: { readonly deletionTimestamp?: string };
        readonly status: { readonly conditions: readonly { readonly type: string; readonly status: string; readonly reason?: string }[] };
      }
      const found = async (): Promise<Pod> => (await controllers.client.get(`${NS}/pods/p`)).json as Pod;
      await until('the pod is told to go', async () => (await found()).metadata.deletionTimestamp !== undefined);
      const { conditions } = (await found()).status;
      assert.equal(conditions.find(({ type }) => type === 'Ready')?.status, 'False');
      assert.equal(conditions.find(({ type }) => type === 'DisruptionTarget')?.reason, 'DeletionByTaintManager');
      await until('the other has none', async () => (await taints('well')) === '');
      await until(
        'the events',
        async () => (await reasons('TaintManagerEviction')).length > 0 && (await reasons('NodeNotReady')).length >= 2,
      );
      assert.deepEqual(await reasons('TaintManagerEviction'), ['Marking for deletion Pod default/p']);
      const told = await reasons('NodeNotReady');
      assert.ok(told.includes('Node is not ready') && told.includes('Node lost status is now: NodeNotReady'), told.join());
      await beat('lost');
      await until('no taints', async () => (await taints('lost')) === '');
    } finally {
      clearInterval(beating);
    }
    await controllers.client.patch('/api/v1/nodes/well', 'merge-patch', { spec: { unschedulable: true } });
    await until('cordoned', async () => (await taints('well')).includes('unschedulable:NoSchedule'));
    await controllers.client.delete('/api/v1/nodes/lost');
    await until('its end is told', async () => (await reasons('RemovingNode')).length > 0);
    mustTell(((await controllers.client.get('/api/v1/events')).json as { items: Event[] }).items, [
      ...['RegisteredNode', 'NodeNotReady', 'RemovingNode'].map((reason) => `node-controller Node ${reason}`),
      'node-controller Pod NodeNotReady',
      'taint-eviction-controller Pod TaintManagerEviction',
    ]);
    assert.deepEqual(
      controllers.complaints().filter((line) => !/A node has fallen silent/.test(line)),
      [],
    );
  });
});
