/**
 * Streams of one kubectl under load and over restarts, on a real node: SPDY with the one of Debian, WebSockets with current ones.
 * The images of the node have busybox.
 */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '#agent/test/harness/until.ts';
import type { Kubectl } from './kit.ts';

export interface StreamsPlace {
  readonly kubectl: Kubectl;
  readonly nodeName: string;
  readonly dir: string;
  /** Kills the kubelet; resolves when another one works. */
  readonly restartKubelet: () => Promise<void>;
}

/** One container counts its lives and ends when it is told, the other serves what lies in the volume of both. */
const pod = (name: string, nodeName: string): string => `apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  nodeName: ${nodeName}
  terminationGracePeriodSeconds: 0
  volumes: [{name: v, emptyDir: {}}]
  containers:
  - name: mortal
    image: busybox
    volumeMounts: [{name: v, mountPath: /v}]
    command: [sh, -c, 'echo >> /v/lives; n=$(wc -l < /v/lives); echo life $n; while ! test -f /v/end$n; do sleep 0.1; done; echo end $n; exit 1']
  - name: files
    image: busybox
    volumeMounts: [{name: v, mountPath: /v}]
    command: [httpd, -f, -p, '8080', -h, /v]
`;

const SESSIONS = 20;

export async function tryStreams(
  { kubectl, nodeName, dir, restartKubelet }: StreamsPlace,
  { megabytes }: { readonly megabytes: number },
): Promise<void> {
  const name = `streams-${kubectl.minor}`;
  const say = async (args: readonly string[], input?: string): Promise<string> => {
    const { code, out, err } = await kubectl.run(args, input === undefined ? {} : { input });
    assert.equal(code, 0, `kubectl ${args.join(' ')}\n${err}`);
    return out;
  };
  const inside = (script: string): Promise<string> => say(['exec', name, '-c', 'files', '--', 'sh', '-c', script]);
  await say(['apply', '-f', kubectl.file(`${name}.yaml`, pod(name, nodeName))]);
  await say(['wait', `pod/${name}`, '--for=condition=Ready', '--timeout=60s']);
  const served = await say(['get', 'pod', name, '-o', 'jsonpath={.status.containerStatuses[?(@.name=="files")].containerID}']);

  // A container ends and begins again: what follows its log comes to the end, a terminal in the other one stays.
  const [first, terminal] = [
    kubectl.follow(['logs', '-f', name, '-c', 'mortal']),
    kubectl.follow(
      ['exec', '-it', name, '-c', 'files', '--', 'sh', '-c', 'echo open; while ! test -f /v/close; do sleep 0.1; done; exit 4'],
      {
        terminal: { rows: 24, columns: 80 },
      },
    ),
  ];
  await Promise.all([first.says(/^life 1$/m), terminal.says(/open/)]);
  await inside('touch /v/end1');
  await first.says(/^end 1$/m);
  assert.equal(await first.ended(), 0);
  const second = kubectl.follow(['logs', '-f', name, '-c', 'mortal']);
  await second.says(/^life 2$/m).catch(() => undefined);
  await until('the log of the second life', async () => /^life 2$/m.test((await kubectl.run(['logs', name, '-c', 'mortal'])).out));
  assert.match(await say(['logs', '--previous', name, '-c', 'mortal']), /^life 1\nend 1$/m);
  await second.stop();
  await inside('touch /v/close');
  assert.equal(await terminal.ended(), 4);

  // Many at once, each with its own bytes.
  const texts = Array.from({ length: SESSIONS }, () => randomBytes(32_000).toString('base64'));
  const echoed = await Promise.all(texts.map((text) => say(['exec', '-i', name, '-c', 'files', '--', 'cat'], text)));
  assert.ok(echoed.every((text, i) => text === texts[i]));

  // A big file there and back again.
  const [sent, received] = [join(dir, 'big'), join(dir, 'big.back')];
  writeFileSync(sent, randomBytes(megabytes << 20));
  const digest = createHash('sha256').update(readFileSync(sent)).digest('hex');
  await say(['cp', sent, `${name}:/v/big`, '-c', 'files']);
  assert.equal((await inside('sha256sum < /v/big')).split(' ')[0], digest);
  await say(['cp', `${name}:/v/big`, received, '-c', 'files']);
  assert.equal(createHash('sha256').update(readFileSync(received)).digest('hex'), digest);

  // A forwarded port with many connections, small and big ones beside each other.
  await inside('head -c 100000 /v/big > /v/small');
  const small = readFileSync(sent).subarray(0, 100_000);
  const forward = kubectl.follow(['port-forward', `pod/${name}`, ':8080']);
  const port = await forward.port();
  const fetched = async (file: string): Promise<Buffer> => {
    const answer = await fetch(`http://127.0.0.1:${port}/${file}`, { headers: { connection: 'close' } });
    return Buffer.from(await answer.arrayBuffer());
  };
  const [bigs, smalls] = await Promise.all([
    Promise.all(['big', 'big'].map(fetched)),
    Promise.all(Array.from({ length: 3 * SESSIONS }, () => fetched('small'))),
  ]);
  for (const big of bigs) assert.equal(createHash('sha256').update(big).digest('hex'), digest);
  assert.ok(smalls.every((text) => text.equals(small)));

  // The kubelet goes and comes: its streams end and say so, nothing that runs is touched, and new ones work.
  const open = kubectl.follow(['exec', name, '-c', 'files', '--', 'sh', '-c', 'echo open; sleep 3600']);
  const followed = kubectl.follow(['logs', '-f', name, '-c', 'mortal']);
  await Promise.all([open.says(/open/), followed.says(/^life 2$/m)]);
  await restartKubelet();
  await open.ended(); // over SPDY kubectl takes a lost connection for the end of the command, so its exit code says nothing
  await followed.ended();
  await until('its streams again', async () => (await kubectl.run(['exec', name, '-c', 'files', '--', 'echo', 'again'])).out === 'again\n');
  assert.match(await say(['logs', name, '-c', 'mortal']), /^life 2$/m);
  assert.equal(await say(['get', 'pod', name, '-o', 'jsonpath={.status.containerStatuses[?(@.name=="files")].containerID}']), served);
  await forward.stop();
  await say(['delete', 'pod', name]);
}
