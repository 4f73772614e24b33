/** The real helm with a chart of our own: install, upgrade, roll back, uninstall. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startDevServer, type DevServer } from '../apiserver/dev/start.ts';
import { TestClient } from '../apiserver/testing/client.ts';
import { helmOf } from './kubectl/clients.ts';
import { makeProgram, type Program } from './kubectl/kit.ts';

let server: DevServer;
let client: TestClient;
let dir: string;
before(async () => {
  server = await startDevServer();
  client = new TestClient(server);
  dir = mkdtempSync(join(tmpdir(), 'kijabi-helm-'));
});
after(async () => {
  client.close();
  await server.stop();
  rmSync(dir, { recursive: true, force: true });
});

const TEMPLATE = `apiVersion: v1
kind: ConfigMap
metadata: {name: "{{ .Release.Name }}-config", labels: {release: "{{ .Release.Name }}"}}
data: {greeting: "{{ .Values.greeting }}", version: "{{ .Capabilities.KubeVersion.Version }}"}
---
apiVersion: v1
kind: Service
metadata: {name: "{{ .Release.Name }}"}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
{{- if .Capabilities.APIVersions.Has "apps/v1/Deployment" }}
apiVersion: apps/v1
kind: Deployment
metadata: {name: "{{ .Release.Name }}"}
spec:
  replicas: {{ .Values.replicas }}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: nginx}]}
{{- end }}
`;

function chart(kit: Program): string {
  mkdirSync(join(dir, 'chart/templates'), { recursive: true });
  kit.file('chart/Chart.yaml', 'apiVersion: v2\nname: hello\nversion: 1.0.0\nkubeVersion: ">=1.30.0-0"\n');
  kit.file('chart/values.yaml', 'greeting: hi\nreplicas: 1\n');
  kit.file('chart/templates/all.yaml', TEMPLATE);
  return join(dir, 'chart');
}

test('helm installs, upgrades, rolls back and uninstalls', async () => {
  const helm = makeProgram({ program: await helmOf('1.36'), kubeconfig: server.kubeconfig, dir });
  const path = chart(helm);
  const says = async (args: string, out: RegExp): Promise<void> => {
    const said = await helm.run(args.split(' '));
    assert.equal(said.code, 0, said.err);
    assert.match(said.out, out, args);
  };
  const greeting = async (): Promise<unknown> => {
    const { json, code } = await client.get('/api/v1/namespaces/shop/configmaps/web-config');
    return code === 404 ? undefined : (json as { data: { greeting: string } }).data.greeting;
  };
  await says(`install web ${path} --namespace shop --create-namespace`, /STATUS: deployed\n(.*\n)*REVISION: 1/);
  assert.equal(await greeting(), 'hi');
  await says(`upgrade web ${path} --namespace shop --set greeting=hello,replicas=3`, /REVISION: 2/);
  assert.equal(await greeting(), 'hello');
  const deployment = (await client.get('/apis/apps/v1/namespaces/shop/deployments/web')).json as { spec: { replicas: number } };
  assert.equal(deployment.spec.replicas, 3);
  await says('list --namespace shop', /^NAME.*\nweb\s+shop\s+2\s+.*deployed\s+hello-1\.0\.0/);
  await says('rollback web 1 --namespace shop', /Rollback was a success/);
  assert.equal(await greeting(), 'hi');
  await says('history web --namespace shop', /\n3\s.*Rollback to 1/);
  await says('get manifest web --namespace shop', /greeting: "?hi/);
  await says('uninstall web --namespace shop', /release "web" uninstalled/);
  assert.equal(await greeting(), undefined);
  assert.equal((await client.get('/apis/apps/v1/namespaces/shop/deployments/web')).code, 404);
  const again = await helm.run(['uninstall', 'web', '--namespace', 'shop']);
  assert.match(again.err, /release: not found/);
});
