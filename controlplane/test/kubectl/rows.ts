/** What kubectl is asked to do, in order, and what it has to say. One row, one sentence. */
export interface Row {
  readonly what: string;
  readonly args: readonly string[];
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly out?: RegExp;
  readonly err?: RegExp;
  /** Default 0. */
  readonly code?: number;
  /** Clients from this minor version on, or up to it. */
  readonly from?: number;
  readonly until?: number;
}

const words = (text: string): string[] => text.split(' ');
const row = (what: string, args: string | readonly string[], out: RegExp, more: Partial<Row> = {}): Row => ({
  what,
  args: typeof args === 'string' ? words(args) : args,
  out,
  ...more,
});
const fails = (what: string, args: string | readonly string[], err: RegExp, more: Partial<Row> = {}): Row => ({
  what,
  args: typeof args === 'string' ? words(args) : args,
  err,
  code: 1,
  ...more,
});

const deployment = (replicas: number, more = ''): string => `apiVersion: apps/v1
kind: Deployment
metadata: {name: ap}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: ap}}
  template:
    metadata: {labels: {app: ap}}
    spec: {containers: [{name: c, image: nginx, ports: [{containerPort: 80}]${more}}]}
`;
const typo = 'apiVersion: v1\nkind: Pod\nmetadata: {name: typo}\nspec: {containers: [{name: c, image: nginx, prots: []}]}\n';
const PDB =
  'apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: pdb}\nspec: {minAvailable: 1, selector: {matchLabels: {app: web}}}\n';
const CRON = `apiVersion: batch/v1
kind: CronJob
metadata: {name: cj}
spec: {schedule: '*/5 * * * *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: busybox}]}}}}}
`;

const create: readonly Row[] = [
  row('create configmap', 'create configmap cm --from-literal=a=1', /^configmap\/cm created\n$/),
  row(
    'get -o yaml',
    'get configmap cm -o yaml',
    /^apiVersion: v1\ndata:\n {2}a: "1"\nkind: ConfigMap\nmetadata:\n {2}creationTimestamp: "20/,
  ),
  fails(
    'create what is there',
    'create configmap cm',
    /^(error: failed to create configmap|Error from server \(AlreadyExists\)): configmaps "cm" already exists/,
  ),
  row('create secret', 'create secret generic s --from-literal=p=w', /^secret\/s created\n$/),
  row('create deployment', 'create deployment web --image=nginx --replicas=2', /^deployment\.apps\/web created\n$/),
  row('create serviceaccount', 'create serviceaccount sa', /^serviceaccount\/sa created\n$/),
  row('create role', 'create role r --verb=get --resource=pods', /^role\.rbac\.authorization\.k8s\.io\/r created\n$/),
  row(
    'create rolebinding',
    'create rolebinding rb --role=r --serviceaccount=@NS:sa',
    /rolebinding\.rbac\.authorization\.k8s\.io\/rb created\n$/,
  ),
  row('create job', ['create', 'job', 'j', '--image=busybox', '--', 'true'], /^job\.batch\/j created\n$/),
  row('create ingress', 'create ingress ing --rule=foo.com/bar=web:80', /^ingress\.networking\.k8s\.io\/ing created\n$/),
  row('create quota', 'create quota q --hard=pods=10', /^resourcequota\/q created\n$/),
  row('create -f several documents', 'create -f -', /poddisruptionbudget\.policy\/pdb created\ncronjob\.batch\/cj created\n$/, {
    input: `${PDB}---\n${CRON}`,
  }),
  row('run', 'run p1 --image=nginx --labels=app=p --port=80', /^pod\/p1 created\n$/),
  row('run --dry-run=server makes nothing', 'run p2 --image=nginx --dry-run=server', /^pod\/p2 created \(server dry run\)\n$/),
  fails('... nothing', 'get pod p2', /^Error from server \(NotFound\): pods "p2" not found\n$/),
  row('expose a pod', 'expose pod p1 --port=80 --name=p1svc', /^service\/p1svc exposed\n$/),
  row('expose a deployment on a node port', 'expose deployment web --port=80 --type=NodePort', /^service\/web exposed\n$/),
];

const read: readonly Row[] = [
  row(
    'get all',
    'get all',
    /pod\/p1 +0\/1 +Pending[\s\S]*service\/web +NodePort +10\.\d+\.\d+\.\d+ +<none> +80:3\d{4}\/TCP[\s\S]*deployment\.apps\/web +0\/2[\s\S]*job\.batch\/j +/,
  ),
  row(
    'get -o wide',
    'get pods,services,deployments -o wide',
    /NODE +NOMINATED NODE +READINESS GATES[\s\S]*SELECTOR\n[\s\S]*CONTAINERS +IMAGES +SELECTOR\n/,
  ),
  row('get -o name', 'get pods -o name', /^pod\/p1\n$/),
  row('get -o json', 'get pods -o json', /^\{\n {4}"apiVersion": "v1",\n {4}"items": \[/),
  row('get -o jsonpath', 'get pods -o jsonpath={.items[*].spec.containers[0].image}', /^nginx$/),
  row('get -o custom-columns', 'get pods -o custom-columns=N:.metadata.name,I:.spec.containers[0].image', /^N +I\np1 +nginx\n$/),
  row('get by label and field', 'get pods -l app=p --field-selector=status.phase=Pending --show-labels', /p1 .* app=p\n$/),
  row('get by a field that does not match', 'get pods --field-selector=status.phase=Running', /^$/, { err: /^No resources found in / }),
  fails('a field that cannot be selected', 'get pods --field-selector=spec.volumes=x', /field label not supported/),
  row('get in chunks', 'get configmaps,secrets --chunk-size=1', /configmap\/cm [\s\S]*secret\/s /),
  row('get --sort-by', 'get services --sort-by=.metadata.name -o name', /^service\/p1svc\nservice\/web\n$/),
  row('get --raw', 'get --raw /readyz', /^ok$/),
  row('get --raw of a list', 'get --raw /api/v1/namespaces/@NS/pods?limit=1', /"kind":"PodList"/),
  row('describe a pod', 'describe pod p1', /^Name: +p1\n[\s\S]*Events:\n[\s\S]*Warning +FailedScheduling +.*no nodes available/),
  row('describe a service', 'describe service web', /Type: +NodePort\n[\s\S]*Session Affinity: +None/),
  row('get events', 'get events', /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n.*Warning +FailedScheduling +pod\/p1 +no nodes available\n$/),
  row('events', 'events --for=pod/p1', /Warning +FailedScheduling +Pod\/p1 +no nodes available/, { from: 26 }),
];

const change: readonly Row[] = [
  row('label', 'label pod p1 x=y', /^pod\/p1 labeled\n$/),
  row('take a label away', 'label pod p1 x-', /^pod\/p1 (un)?labeled\n$/),
  fails('label over a value', 'label pod p1 app=q', /'app' already has a value \(p\), and --overwrite is false/),
  row('annotate', 'annotate pod p1 note=hello', /^pod\/p1 annotated\n$/),
  row('apply', 'apply -f -', /^deployment\.apps\/ap created\n$/, { input: deployment(1) }),
  row('apply the same', 'apply -f -', /^deployment\.apps\/ap unchanged\n$/, { input: deployment(1) }),
  row('diff', 'diff -f -', /\n- {2}replicas: 1\n\+ {2}replicas: 3\n/, { input: deployment(3), code: 1 }),
  row('diff of the same', 'diff -f -', /^$/, { input: deployment(1) }),
  row('apply --dry-run=server', 'apply --dry-run=server -f -', /^deployment\.apps\/ap configured \(server dry run\)\n$/, {
    input: deployment(3),
  }),
  row('apply a change', 'apply -f -', /^deployment\.apps\/ap configured\n$/, { input: deployment(3) }),
  row('apply --server-side', 'apply --server-side -f -', /^deployment\.apps\/ap serverside-applied\n$/, { input: deployment(3) }),
  fails(
    'a conflict of appliers',
    'apply --server-side --field-manager=other -f -',
    /Apply failed with \d conflicts?: .*conflicts? with "kubectl"[\s\S]*\.spec\.replicas/,
    { input: deployment(5) },
  ),
  row(
    'force the conflict',
    'apply --server-side --field-manager=other --force-conflicts -f -',
    /^deployment\.apps\/ap serverside-applied\n$/,
    { input: deployment(5) },
  ),
  row('view-last-applied', 'apply view-last-applied deployment ap', /^apiVersion: apps\/v1\nkind: Deployment\n[\s\S]*replicas: 3\n/),
  row(
    'strategic merge patch',
    ['patch', 'deployment', 'ap', '-p', '{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"nginx:2"}]}}}}'],
    /^deployment\.apps\/ap patched\n$/,
  ),
  row(
    '... keeps the rest of the container',
    'get deployment ap -o jsonpath={.spec.template.spec.containers[0].image}{.spec.template.spec.containers[0].ports[0].containerPort}',
    /^nginx:280$/,
  ),
  row('merge patch', ['patch', 'deployment', 'ap', '--type=merge', '-p', '{"spec":{"replicas":2}}'], /^deployment\.apps\/ap patched\n$/),
  row(
    'JSON patch',
    [
      'patch',
      'deployment',
      'ap',
      '--type=json',
      '-p',
      '[{"op":"test","path":"/spec/replicas","value":2},{"op":"replace","path":"/spec/replicas","value":1}]',
    ],
    /patched\n$/,
  ),
  fails(
    'JSON patch whose test fails',
    ['patch', 'deployment', 'ap', '--type=json', '-p', '[{"op":"test","path":"/spec/replicas","value":9}]'],
    /test/,
  ),
  row(
    'patch --subresource',
    ['patch', 'deployment', 'ap', '--subresource=status', '--type=merge', '-p', '{"status":{"replicas":1}}'],
    /^deployment\.apps\/ap patched\n$/,
    { from: 27 },
  ),
  row('scale', 'scale deployment ap --replicas=7', /^deployment\.apps\/ap scaled\n$/),
  row('set image', 'set image deployment/ap c=nginx:3', /^deployment\.apps\/ap image updated\n$/),
  row('set env', 'set env deployment/ap A=B', /^deployment\.apps\/ap env updated\n$/),
  row('rollout restart', 'rollout restart deployment/ap', /^deployment\.apps\/ap restarted\n$/),
  row('rollout pause', 'rollout pause deployment/ap', /^deployment\.apps\/ap paused\n$/),
  row('rollout resume', 'rollout resume deployment/ap', /^deployment\.apps\/ap resumed\n$/),
  row('rollout history', 'rollout history deployment/ap', /^deployment\.apps\/ap \n/),
  row('autoscale', 'autoscale deployment ap --min=1 --max=3', /^horizontalpodautoscaler\.autoscaling\/ap autoscaled\n$/),
  row('edit', 'edit deployment ap', /^deployment\.apps\/ap edited\n$/, { env: { EDITOR: 'sed -i s/replicas:.*/replicas:\\ 9/' } }),
  row('... as it was edited', 'get deployment ap -o jsonpath={.spec.replicas}', /^9$/),
  row('edit without a change', 'edit deployment ap', /^(Edit cancelled, no changes made\.\n)?$/, { env: { EDITOR: 'true' } }),
  row('replace', 'replace -f -', /^deployment\.apps\/ap replaced\n$/, { input: deployment(4) }),
  fails(
    'replace with an old version',
    'replace -f -',
    /\(Conflict\): .*the object has been modified; please apply your changes to the latest version and try again/,
    { input: deployment(4).replace('{name: ap}', '{name: ap, resourceVersion: "1"}') },
  ),
  fails(
    'change what is immutable',
    'replace -f -',
    /The Deployment "ap" is invalid: .*spec\.selector: Invalid value: .*field is immutable/s,
    { input: deployment(4).replaceAll('app: ap', 'app: other') },
  ),
  row('replace --force', 'replace --force --grace-period=0 -f -', /deployment\.apps\/ap replaced\n$/, { input: deployment(4) }),
];

const checked: readonly Row[] = [
  fails('an unknown field, strictly', 'create -f -', /unknown field "(spec\.containers\[0\]\.)?prots"/, { input: typo }),
  row('an unknown field, with a warning', 'create --validate=warn --dry-run=server -f -', /created \(server dry run\)/, {
    input: typo,
    err: /^Warning: unknown field "spec\.containers\[0\]\.prots"/,
    from: 25,
  }),
  row('an unknown field, ignored', 'create --validate=ignore --dry-run=server -f -', /created \(server dry run\)/, {
    input: typo,
    err: /^$/,
    from: 25,
  }),
  row('an unknown field, without validation by the client', 'create --validate=false --dry-run=server -f -', /created \(server dry run\)/, {
    input: typo,
  }),
  fails(
    'every broken rule with its field',
    'create -f -',
    /The Service "Bad" is invalid: ?\n\* metadata\.name: Invalid value: "Bad": [\s\S]*\* spec\.ports: Required value/,
    { input: 'apiVersion: v1\nkind: Service\nmetadata: {name: Bad}\nspec: {}\n' },
  ),
];

const about: readonly Row[] = [
  row('explain a field', 'explain pod.spec.containers', /FIELD(S)?: ?[\s\S]*args\t<\[\]string>/),
  row('explain --recursive', 'explain deployment --recursive', /KIND: +Deployment\n[\s\S]*rollingUpdate\t<[\s\S]*maxSurge\t</),
  fails('explain what is not there', 'explain pod.spec.nope', /field "nope" does not exist/),
  row('auth can-i', 'auth can-i create pods', /^yes\n$/),
  row('auth can-i for others', 'auth can-i get pods --as=system:serviceaccount:@NS:sa', /^yes\n$/),
  row('auth can-i: no', 'auth can-i get secrets --as=system:serviceaccount:@NS:sa', /^no( - .*)?\n$/, { code: 1 }),
  row('auth can-i --list', 'auth can-i --list --as=system:serviceaccount:@NS:sa', /\npods +\[\] +\[\] +\[get\]\n/),
  row('auth whoami', 'auth whoami', /Username +kubernetes-admin\nGroups +\[system:masters system:authenticated\]/, { from: 27 }),
  row('auth reconcile', 'auth reconcile -f -', /reconciled/, {
    input:
      'apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: r, namespace: @NS}\nrules: [{apiGroups: [""], resources: [pods], verbs: [get, list]}]\n',
  }),
  row('create token', 'create token sa --duration=1h --audience=x', /^eyJ[\w-]+\.eyJ[\w-]+\.[\w-]+$/, { from: 24 }),
  row(
    'api-resources',
    'api-resources',
    /\nconfigmaps +cm +v1 +true +ConfigMap\n[\s\S]*\ndeployments +deploy +apps\/v1 +true +Deployment\n/,
  ),
  row('api-resources that can be listed', 'api-resources --verbs=list -o name', /(^|\n)pods\n[\s\S]*deployments\.apps\n/),
  row('api-versions', 'api-versions', /(^|\n)apps\/v1\n[\s\S]*(^|\n)v1\n$/),
  row('cluster-info', 'cluster-info', /is running at .*https:\/\/127\.0\.0\.1:\d+/),
  row('version', 'version', /Server Version: .*v?1\.?36|Minor:"36"/),
  row('config view', 'config view', /certificate-authority-data: DATA\+OMITTED\n {4}server: https:\/\/127\.0\.0\.1:/),
  row('cordon, taint, drain know nodes', 'get nodes', /^$/, { err: /^No resources found/ }),
];

export const ROWS = { create, read, change, checked, about };
