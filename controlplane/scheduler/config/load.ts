/**
 * Reads and checks a KubeSchedulerConfiguration: structure, then rules, every problem with its line. Pure.
 * Throws: AppError CONFIG_INVALID.
 */
import { formatProblem, type Problem } from '#api/problem.ts';
import { compile } from '#api/validate.ts';
import { locateProblem, readDocuments } from '#api/yamlSource.ts';
import { AppError } from '#base/errors.ts';
import { API_VERSION, ARGS, KIND, kubeSchedulerConfiguration, type KubeSchedulerConfiguration } from './schedulerConfiguration.ts';

export function loadConfig(file: string, content: Uint8Array): KubeSchedulerConfiguration {
  const read = readDocuments(content);
  const problems: string[] = [];
  if (read.kind === 'problems') for (const p of read.problems) problems.push(`${file}:${p.line}:${p.column}: ${p.message}`);
  const documents = read.kind === 'documents' ? read.documents : [];
  const [document] = documents;
  if (read.kind === 'documents' && documents.length !== 1) problems.push(`${file}: want one ${KIND} document, got ${documents.length}`);
  if (document !== undefined) {
    const structure = compile(kubeSchedulerConfiguration)(document.value);
    const found = structure.length > 0 ? structure : rules(document.value as KubeSchedulerConfiguration);
    for (const problem of found) {
      const { line, column } = locateProblem(document, problem);
      problems.push(`${file}:${line}:${column}: ${formatProblem(problem)}`);
    }
  }
  if (problems.length > 0) throw refuse(problems, file);
  return document?.value ?? {};
}

export function refuse(problems: readonly string[], file = ''): AppError {
  return new AppError('CONFIG_INVALID', `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}\n${problems.join('\n')}`, {
    file,
  });
}

type Path = readonly (string | number)[];
type Refuse = (path: Path, value: unknown, want: string) => void;

/** Source: upstream's validation of extenders; the rules about urlPrefix are ours. */
function extenderRules({ extenders = [] }: KubeSchedulerConfiguration, refuseAt: Refuse): void {
  const resources = new Set<string>();
  for (const [i, { urlPrefix, prioritizeVerb = '', weight, managedResources = [], enableHTTPS, tlsConfig }] of extenders.entries()) {
    const at = ['extenders', i] as const;
    if (prioritizeVerb !== '' && !((weight ?? 0) > 0)) refuseAt([...at, 'weight'], weight, 'must have a positive weight applied to it');
    for (const [j, { name }] of managedResources.entries()) {
      const path = [...at, 'managedResources', j, 'name'];
      if (resources.has(name)) refuseAt(path, name, 'duplicate extender managed resource name');
      resources.add(name);
      if (!/^[^/]+\/[^/]+$/.test(name) || /(^|\.)kubernetes\.io\//.test(name))
        refuseAt(path, name, 'want the name of an extended resource, such as example.com/gpu');
    }
    const url = URL.canParse(urlPrefix) ? new URL(urlPrefix) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol))
      refuseAt([...at, 'urlPrefix'], urlPrefix, 'want a URL that begins with http:// or https://');
    else if (url.protocol === 'http:' && (enableHTTPS === true || tlsConfig !== undefined))
      refuseAt([...at, 'urlPrefix'], urlPrefix, 'enableHTTPS and tlsConfig are about https:// URLs');
  }
  const binders = extenders.filter(({ bindVerb = '' }) => bindVerb !== '').length;
  if (binders > 1) refuseAt(['extenders'], binders, 'only one extender can implement bind');
}

/** What upstream's file can say and this scheduler does not do, each with its reason. A value that changes nothing is taken. */
function rules(config: KubeSchedulerConfiguration): Problem[] {
  const problems: Problem[] = [];
  const refuseAt = (path: Path, value: unknown, want: string): void =>
    void problems.push({ path, kind: 'invalid', value, message: `${want}, got ${JSON.stringify(value) ?? 'nothing'}` });
  const only = <T>(path: Path, value: T | undefined, taken: readonly T[], why: string): void => {
    if (value !== undefined && !taken.includes(value)) refuseAt(path, value, why);
  };
  if (config.apiVersion !== API_VERSION) refuseAt(['apiVersion'], config.apiVersion, `want ${API_VERSION}`);
  if (config.kind !== KIND) refuseAt(['kind'], config.kind, `want ${KIND}`);
  only(['leaderElection', 'resourceLock'], config.leaderElection?.resourceLock, ['leases', ''], 'leaders hold a Lease: want leases');
  const json = ['', 'application/json'];
  only(['clientConnection', 'contentType'], config.clientConnection?.contentType, json, 'the server is asked for JSON');
  only(['clientConnection', 'acceptContentTypes'], config.clientConnection?.acceptContentTypes, json, 'the server is asked for JSON');
  only(['enableProfiling'], config.enableProfiling, [false], 'there is no profiling over HTTP: start Node with --inspect');
  only(['enableContentionProfiling'], config.enableContentionProfiling, [false], 'there are no locks to profile');
  only(['delayCacheUntilActive'], config.delayCacheUntilActive, [false], 'one that stands by follows the cluster, to lead at once');
  const { podInitialBackoffSeconds: first = 1, podMaxBackoffSeconds: most = 10 } = config;
  if (first > most) refuseAt(['podMaxBackoffSeconds'], most, `want at least podInitialBackoffSeconds (${first})`);
  extenderRules(config, refuseAt);
  const names = new Set<string>();
  for (const [i, { schedulerName = 'default-scheduler', pluginConfig = [] }] of (config.profiles ?? []).entries()) {
    if (names.has(schedulerName)) refuseAt(['profiles', i, 'schedulerName'], schedulerName, 'two profiles have this name');
    names.add(schedulerName);
    for (const [j, { name, args = {} }] of pluginConfig.entries()) {
      const at = ['profiles', i, 'pluginConfig', j];
      if (!Object.hasOwn(ARGS, name)) continue; // one of the user's own, or refused as unknown when the profile is made
      for (const problem of compile(ARGS[name as keyof typeof ARGS])(args))
        problems.push({ ...problem, path: [...at, 'args', ...problem.path] });
      if (name === 'VolumeBinding' && Array.isArray(args['shape']) && args['shape'].length > 0)
        refuseAt([...at, 'args', 'shape'], args['shape'], 'nodes are not scored by the capacity of their volumes: remove it');
    }
  }
  return problems;
}
