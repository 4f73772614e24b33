/**
 * Which fields of a Pod this kubelet honours. Pure. A manifest that sets another one is refused by name: nothing is ignored silently.
 *
 * The tree names what is honoured; a list of values honours only those; a function says what is wrong with a value.
 * Differs: upstream takes such a pod and drops or half-does what it cannot do.
 */
import type { Segment } from '#api/fieldPath.ts';
import { KNOWN_CLASSES } from '../pods/priority.ts';
import { SECURITY } from './supportSecurity.ts';

export interface Unsupported {
  readonly path: readonly Segment[];
  readonly message: string;
}

/** true: whatever it holds; an array: only these values; an object: only these fields (for lists: of each element). */
export type Support = true | readonly unknown[] | ((value: unknown) => string | undefined) | { readonly [field: string]: Support };

const FIELD_PATHS = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];

const FILE_FIELD_PATHS = ['metadata.name', 'metadata.namespace', 'metadata.uid', 'metadata.labels', 'metadata.annotations'];

const fieldRef = (paths: readonly string[]): Support => ({
  apiVersion: ['v1'],
  fieldPath: (path) =>
    // Of the wrong type: told by validation.
    typeof path !== 'string' || paths.includes(path) || /^metadata\.(labels|annotations)\['[^']+'\]$/.test(path)
      ? undefined
      : `want one of ${paths.join(', ')}, metadata.labels['KEY'], metadata.annotations['KEY']`,
});

const noApiServer =
  (what: string): Support =>
  (value) =>
    value === '' || value === null ? undefined : `a static pod has no ${what}, there is no API server to ask: remove it`;

const resourceList = { cpu: true, memory: true, 'ephemeral-storage': true, 'hugepages-*': true } as const;

/** Of the whole pod (KEP-2837). */
const wholeList = { cpu: true, memory: true, 'hugepages-*': true } as const;

/** Of containers of every kind. */
export const CONTAINER: Support = {
  name: true,
  image: true,
  command: true,
  args: true,
  workingDir: true,
  ports: true,
  env: {
    name: true,
    value: true,
    valueFrom: {
      fieldRef: fieldRef(FIELD_PATHS),
      resourceFieldRef: true,
      configMapKeyRef: true,
      secretKeyRef: true,
    },
  },
  envFrom: true,
  securityContext: SECURITY.container,
  resources: { limits: resourceList, requests: resourceList },
  volumeMounts: {
    name: true,
    mountPath: true,
    readOnly: true,
    mountPropagation: true,
    subPath: true,
    subPathExpr: true,
    recursiveReadOnly: true,
  },
  terminationMessagePath: true,
  terminationMessagePolicy: true,
  imagePullPolicy: true,
  livenessProbe: true,
  readinessProbe: true,
  startupProbe: true,
  lifecycle: true,
  restartPolicy: ['Always', 'OnFailure', 'Never'],
  restartPolicyRules: { action: ['Restart'], exitCodes: true },
  stdin: true,
  stdinOnce: true,
  tty: true,
};

const podFiles: Support = { items: { path: true, mode: true, fieldRef: fieldRef(FILE_FIELD_PATHS), resourceFieldRef: true } };
const volumes: Support = {
  name: true,
  emptyDir: true,
  hostPath: true,
  configMap: true,
  secret: true,
  downwardAPI: { ...podFiles, defaultMode: true },
  projected: { defaultMode: true, sources: { configMap: true, secret: true, downwardAPI: podFiles } },
  persistentVolumeClaim: true,
  ephemeral: true,
};

/** For the table in the README too. */
export const POD: Support = {
  apiVersion: true,
  kind: true,
  metadata: { name: true, namespace: true, uid: true, labels: true, annotations: true, creationTimestamp: true },
  spec: {
    containers: CONTAINER,
    initContainers: CONTAINER,
    volumes,
    restartPolicy: true,
    terminationGracePeriodSeconds: true,
    activeDeadlineSeconds: true,
    priority: true,
    priorityClassName: KNOWN_CLASSES,
    resources: { limits: wholeList, requests: wholeList },
    runtimeClassName: true,
    overhead: true,
    preemptionPolicy: ['PreemptLowerPriority'],
    imagePullSecrets: { name: true },
    nodeSelector: true,
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: true } },
    dnsPolicy: true,
    dnsConfig: true,
    hostAliases: true,
    subdomain: true,
    setHostnameAsFQDN: true,
    hostnameOverride: true,
    readinessGates: (gates) =>
      Array.isArray(gates) && gates.length > 0
        ? 'nobody can set the conditions of a static pod, so it would never be ready: remove them'
        : undefined,
    serviceAccountName: noApiServer('service account'),
    serviceAccount: noApiServer('service account'),
    hostNetwork: true,
    hostPID: true,
    hostIPC: true,
    hostUsers: [true], // false asks for a user namespace
    shareProcessNamespace: true,
    hostname: true,
    nodeName: true,
    enableServiceLinks: true, // a node without services has no links to give
    schedulerName: true, // the pod is here already
    tolerations: true, // static pods stay on their node whatever its taints
    os: { name: ['linux'] },
    automountServiceAccountToken: [false],
    securityContext: SECURITY.pod,
  },
  status: true,
};

export function unsupportedFields(pod: unknown, support: Support = POD): Unsupported[] {
  const found: Unsupported[] = [];
  look(pod, support, [], found);
  return found;
}

function look(value: unknown, support: Support, path: readonly Segment[], found: Unsupported[]): void {
  if (support === true || value === undefined || value === null) return;
  if (typeof support === 'function') {
    const message = support(value);
    if (message !== undefined) found.push({ path, message: `this kubelet does not honour this value yet: ${message}` });
    return;
  }
  if (Array.isArray(support)) {
    if (!support.includes(value))
      found.push({
        path,
        message: `this kubelet does not honour this value yet: want ${support.map((v) => JSON.stringify(v)).join(' or ')}, got ${JSON.stringify(value)}`,
      });
    return;
  }
  if (Array.isArray(value)) {
    value.forEach((item, i) => look(item, support, [...path, i], found));
    return;
  }
  if (typeof value !== 'object') return; // of the wrong type: told by validation
  for (const [field, inner] of Object.entries(value)) {
    const known = fieldOf(support as Readonly<Record<string, Support>>, field);
    if (known !== undefined) look(inner, known, [...path, field], found);
    else if (!isEmpty(inner)) found.push({ path: [...path, field], message: 'this kubelet does not honour this field yet: remove it' });
  }
}

/** A name that ends in a star stands for all that begin so. Own fields only: a manifest may call a field toString. */
function fieldOf(support: Readonly<Record<string, Support>>, field: string): Support | undefined {
  if (Object.hasOwn(support, field)) return support[field];
  return Object.entries(support).find(([name]) => name.endsWith('*') && field.startsWith(name.slice(0, -1)))?.[1];
}

/** Asks for nothing. */
function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined || value === '' || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
