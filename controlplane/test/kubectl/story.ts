/**
 * What somebody does with a pod, from apply to delete, with one kubectl, on a real node: each step has to say what upstream's says.
 * The images of the node have busybox.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '#agent/test/harness/until.ts';
import type { Kubectl, Said } from './kit.ts';

export interface Place {
  readonly kubectl: Kubectl;
  readonly nodeName: string;
  /** Of the files that kubectl writes. */
  readonly dir: string;
}

/** One container serves a page, the other answers what it is told. */
const pod = (nodeName: string): string => `apiVersion: v1
kind: Pod
metadata:
  name: web
  labels: {app: web}
spec:
  nodeName: ${nodeName}
  terminationGracePeriodSeconds: 1
  containers:
  - name: web
    image: busybox
    command: [sh, -c, 'echo hello from $HOSTNAME; mkdir /www; echo page > /www/index.html; exec httpd -f -p 8080 -h /www']
    ports: [{containerPort: 8080, name: http}]
    readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
  - name: echo
    image: busybox
    stdin: true
    command: [sh, -c, 'while true; do if read line; then echo "got $line"; else sleep 0.2; fi; done']
`;

const service = (address: string): string => `apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  ports: [{port: 80, targetPort: 8080}]
---
apiVersion: v1
kind: Endpoints
metadata: {name: web}
subsets:
- addresses: [{ip: ${address}}]
  ports: [{port: 8080}]
`;

/** Everything in a namespace of its own, which it leaves behind. */
export async function tellStory({ kubectl, nodeName, dir }: Place): Promise<void> {
  const ns = ['-n', kubectl.namespace];
  const run = (args: readonly string[], input?: string): Promise<Said> =>
    kubectl.run([...ns, ...args], input === undefined ? {} : { input });
  const say = async (args: readonly string[], pattern: RegExp, input?: string): Promise<string> => {
    const said = await run(args, input);
    const all = `kubectl ${args.join(' ')}\n${said.out}${said.err}`;
    assert.equal(said.code, 0, all);
    assert.match(said.out, pattern, all);
    return said.out;
  };
  const eventually = (args: readonly string[], pattern: RegExp): Promise<void> =>
    until(`kubectl ${args.join(' ')} says ${pattern}`, async () => {
      const { code, out } = await run(args);
      return code === 0 && pattern.test(out);
    });

  await say(['cluster-info'], /is running at .*https:\/\/127\.0\.0\.1:\d+/);
  await say(['api-versions'], /^v1$/m);
  await say(['api-resources', '--namespaced=true', '-o', 'name'], /^pods$/m);
  await say(['config', 'view'], /certificate-authority-data: DATA\+OMITTED/);
  await say(['create', 'namespace', kubectl.namespace], /created/);
  // Whoever makes a pod in a namespace that is this new finds no service account in it, here as with upstream.
  await eventually(['get', 'serviceaccount', 'default', '-o', 'name'], /default/);

  const file = kubectl.file('pod.yaml', pod(nodeName));
  await say(['apply', '-f', file], /^pod\/web created$/m);
  await say(['apply', '-f', file], /^pod\/web unchanged$/m);
  await say(['wait', 'pod/web', '--for=condition=Ready', '--timeout=60s'], /condition met/);
  await say(['get', 'pods', '-o', 'wide'], new RegExp(`^web +2/2 +Running +0 .* ${nodeName} `, 'm'));
  const described = await say(['describe', 'pod', 'web'], new RegExp(`^Node: +${nodeName}/`, 'm'));
  for (const reason of ['Pulled', 'Created', 'Started']) assert.match(described, new RegExp(`Normal +${reason} `));
  await say(['logs', 'web', '-c', 'web'], /^hello from web$/m);
  await say(['exec', 'web', '-c', 'web', '--', 'cat', '/www/index.html'], /^page$/m);
  await say(['exec', '-i', 'web', '-c', 'web', '--', 'cat'], /^told$/m, 'told\n');
  const failed = await run(['exec', 'web', '-c', 'web', '--', 'sh', '-c', 'echo no >&2; exit 7']);
  assert.equal(failed.code, 7, failed.err);
  assert.match(failed.err, /^no$/m);
  const attached = kubectl.follow([...ns, 'attach', '-i', 'web', '-c', 'echo'], { input: 'attached\n' });
  await attached.says(/^got attached$/m);
  await attached.stop();
  // A container that comes into the pod later; what it says is shown for as long as stdin is open (stdin ends the session, not the container).
  if (kubectl.minor >= 26) {
    const debug = kubectl.follow([...ns, 'debug', '-i', 'web', '--image=busybox', '-c', 'debugger', '--target=web', '--', 'cat'], {
      input: 'debugged\n',
    });
    await debug.says(/^debugged$/m);
    await debug.stop();
    await say(['get', 'pod', 'web', '-o', 'jsonpath={.status.ephemeralContainerStatuses[0].state}'], /^\{"running":/);
    await say(['logs', 'web', '-c', 'debugger'], /^debugged$/m);
    await say(['exec', 'web', '-c', 'debugger', '--', 'sh', '-c', 'grep -l httpd /proc/[0-9]*/cmdline'], /\/proc\/\d+\/cmdline/);
  }
  // A terminal of a size of its own, and the exit code of what ran in it.
  const script = 'while [ "$(stty size)" != "33 77" ]; do sleep 0.05; done; tty; stty size; exit 5';
  const typed = kubectl.follow([...ns, 'exec', '-it', 'web', '-c', 'web', '--', 'sh', '-c', script], {
    terminal: { rows: 33, columns: 77 },
  });
  await typed.says(/\/dev\/pts\/\d+\r?\n33 77/);
  assert.equal(await typed.ended(), 5);

  const sent = kubectl.file('sent.txt', 'as it was');
  await say(['cp', sent, 'web:/www/sent.txt', '-c', 'web'], /^/);
  await say(['cp', 'web:/www/sent.txt', join(dir, 'received.txt'), '-c', 'web'], /^/);
  assert.equal(readFileSync(join(dir, 'received.txt'), 'utf8'), 'as it was');

  const forward = kubectl.follow([...ns, 'port-forward', 'pod/web', ':8080']);
  try {
    const port = await forward.port();
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'page\n');
  } finally {
    await forward.stop();
  }

  const address = await say(['get', 'pod', 'web', '-o', 'jsonpath={.status.podIP}'], /^\d/);
  await say(['apply', '-f', kubectl.file('service.yaml', service(address))], /service\/web created/);
  const clusterIp = await say(['get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}'], /^10\./);
  // Not -T: Debian's static busybox crashes with it.
  const inPod = ['exec', 'web', '-c', 'web', '--', 'timeout', '5'];
  // With its namespace: the pod has the name of the service, and finds itself in its own hosts file.
  await eventually([...inPod, 'wget', '-qO-', `http://web.${kubectl.namespace}/`], /^page$/m);
  await eventually([...inPod, 'wget', '-qO-', `http://${clusterIp}/`], /^page$/m);
  const name = `web.${kubectl.namespace}.svc.cluster.local`;
  await eventually([...inPod, 'nslookup', clusterIp], new RegExp(`name = ${name.replaceAll('.', '\\.')}$`, 'm'));
  await eventually([...inPod, 'sh', '-c', 'nslookup nothing 2>&1 || true'], /can't find nothing\.svc\.cluster\.local: NXDOMAIN/);

  await eventually(['top', 'pod', 'web', '--containers'], /^web +echo +\d+m +\d+Mi/m);
  await eventually(['top', 'node', nodeName], new RegExp(`^${nodeName} +\\d+m`, 'm'));
  await say(kubectl.minor >= 26 ? ['events', '--for', 'pod/web'] : ['get', 'events'], /Started +[Pp]od\/web/);

  await say(['delete', 'pod', 'web'], /pod "web" deleted/);
  const gone = await run(['get', 'pod', 'web']);
  assert.match(gone.err, /NotFound/);
}
