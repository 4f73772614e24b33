/** How the start of a node looks, line by line. Pure; the same lines on a terminal and in a file. */
import type { TimelineStep } from '#agent/host/kubeletClient.ts';
import { DEFAULT_NODE, nodePaths } from '#agent/host/paths.ts';
import { STEPS, type PodView, type Serving, type StepName } from '#agent/host/progress.ts';
import { netnsPath } from '#agent/linux/netns.ts';
import { podTable } from '../get.ts';

const TITLES: Readonly<Record<StepName, string>> = {
  machine: 'Machine',
  packages: 'Packages',
  node: 'Node',
  images: 'Images',
  kubelet: 'Kubelet',
  proxy: 'Proxy',
  pod: 'Pod',
  http: 'HTTP',
  apiserver: 'API',
};
const TITLE_WIDTH = Math.max(...Object.values(TITLES).map((title) => title.length));

export type Mark = '✓' | '…' | '✗';

export function stepLine(step: StepName, mark: Mark, text: string, tookMs?: number): string {
  const number = step === 'apiserver' ? '   ' : `${STEPS.indexOf(step) + 1}/${STEPS.length}`;
  return `${number} ${mark} ${TITLES[step].padEnd(TITLE_WIDTH)} ${tookMs === undefined ? ''.padStart(9) : milliseconds(tookMs)}  ${text}`;
}

/** "   12 ms", and seconds when nobody would count milliseconds any more. */
export function milliseconds(ms: number): string {
  return (ms < 10_000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`).padStart(9);
}

/** Under the pod step: what happened inside the pod, which is named where there are several. */
export function podStepLine({ step, container, tookMs, detail, failed }: TimelineStep, pod?: string): string {
  const mark = failed === true ? '✗' : tookMs === undefined ? '…' : '✓';
  const what = [[pod, container].filter((part) => part !== undefined).join('/'), detail]
    .filter((part) => part !== undefined && part !== '')
    .join(': ');
  const name = step.padEnd(TITLE_WIDTH);
  return `      ${mark} ${name.slice(0, Math.max(TITLE_WIDTH, step.length))} ${tookMs === undefined ? ''.padStart(7) : milliseconds(tookMs).slice(2)}  ${what}`.trimEnd();
}

/** Which step of which pod it is, whatever became of it. */
export function podStepKey(view: PodView, step: TimelineStep): string {
  return [view.pod.metadata.uid, step.step, step.container, step.startedAtMs].join(' ');
}

/** What is there now, where, and what to do with it. */
export function servingText(serving: Serving, nowMs: number): string {
  return [table(serving, nowMs), answer(serving), where(serving), tries(serving)].filter((part) => part !== '').join('\n');
}

function table({ pods, manifestsDir }: Serving, nowMs: number): string {
  if (pods.length === 0) return `No pod yet: put a manifest into ${manifestsDir}\n`;
  const all = pods.some(({ metadata }) => metadata.namespace !== 'default');
  return podTable(pods, { wide: true, all }, nowMs);
}

function answer({ url, answer }: Serving): string {
  if (url === undefined) return '';
  if (answer === undefined) return `${url} leads to the pod\n`;
  const lines = [answer.statusLine, ...(answer.server === undefined ? [] : [`Server: ${answer.server}`])];
  if (answer.title !== undefined) lines.push(`<title>${answer.title}</title>`);
  return `${url} answers:\n${lines.map((line) => `  ${line}\n`).join('')}`;
}

function where({ tookMs, manifestsDir, servicesDir, podLogsDir, logs, kubeconfig }: Serving): string {
  const places = [
    ...(kubeconfig === undefined ? [] : [['kubeconfig', kubeconfig]]),
    ['manifests', manifestsDir],
    ...(kubeconfig === undefined ? [['services', servicesDir]] : []),
    ['pod logs', podLogsDir],
    ['kubelet', logs['kubelet'] ?? ''],
    ['kube-proxy', logs['proxy'] ?? ''],
    ['containerd', logs['containerd'] ?? ''],
    ...(kubeconfig === undefined ? [] : [['apiserver', logs['apiserver'] ?? '']]),
  ];
  return `After ${(tookMs / 1000).toFixed(1)} s. Where things are:\n${places.map(([name = '', path]) => `  ${name.padEnd(10)}  ${path}\n`).join('')}`;
}

/** What to do with the control plane. */
function cluster(kubeconfig: string): string {
  return `The node has joined a control plane: API server, scheduler, controllers and DNS. In another terminal:
  export KUBECONFIG=${kubeconfig}
  kubectl get nodes,pods -A -o wide
  kubectl create deployment web --image=nginx --replicas=3
  kubectl expose deployment web --port=80
`;
}

/** Commands that work as they stand, in any order, again and again. */
function tries({ example, service, cgroupDir, name, kubeconfig }: Serving): string {
  if (kubeconfig !== undefined) return cluster(kubeconfig);
  if (example === undefined) return '';
  const kill = `find ${cgroupDir} -path '*pod*' -name cgroup.procs -exec cat {} + | while read p; do if grep -qsx nginx /proc/$p/comm; then kill -9 $p; fi; done`;
  const nodeFlag = name === DEFAULT_NODE ? '' : `KIJABI_NODE=${name} `;
  const more =
    service === undefined
      ? ''
      : `  Ask the service that leads to the pod, and see which rules of the kernel do that:
    nsenter --net=${netnsPath(nodePaths(name).netns)} curl -sI http://${service}/
    ${nodeFlag}npx kijabi explain service nginx
`;
  return `${service === undefined ? 'Three' : 'Four'} things to try, as root in another terminal:
  Edit the manifest; a new pod takes the place of the old one, and the URL leads to it:
    sed -i 's/image: nginx$/&\\n    env: [{name: GREETING, value: hello}]/' ${example}
  Kill nginx; its container is started again:
    ${kill}
  Delete the manifest; the pod goes, and putting it back brings it back:
    rm ${example}
${more}`;
}
