/** `kijabi manifests lint`: what the kubelet would say about manifests, before they are dropped into its directory. */
import { hostname } from 'node:os';
import { parseArgs } from 'node:util';
import { readManifestFiles, refusalLines } from '#agent/kubelet/sources/observe.ts';
import { AppError } from '#base/errors.ts';
import type { Command } from './io.ts';

export const USAGE = `Usage: kijabi manifests lint PATH... [--node-name NAME] [-o json]

Says what the kubelet would refuse, with file, line and column; of a directory all its manifests (*.yaml, *.yml, *.json), together.
Ends with 0 when it would take everything, with 1 when it would refuse something.
`;

const OPTIONS = { 'node-name': { type: 'string' }, output: { type: 'string', short: 'o' }, help: { type: 'boolean', short: 'h' } } as const;

export const manifestsCommand: Command = async (argv, io) => {
  const { values, positionals } = parseArgs({ args: [...argv], options: OPTIONS, allowPositionals: true });
  if (values.help === true) return (io.out(USAGE), 0);
  const [verb, ...paths] = positionals;
  if (verb !== 'lint' || paths.length === 0) throw new AppError('USAGE', `say what to check\n${USAGE}`);
  if (values.output !== undefined && values.output !== 'json')
    throw new AppError('USAGE', `-o: want json, got ${JSON.stringify(values.output)}`);
  const context = { nodeName: values['node-name'] ?? hostname().toLowerCase(), seenAt: new Date(io.clock.nowMs()) };
  const { files, pods, refusals } = await readManifestFiles(paths, context);
  if (values.output === 'json')
    io.out(`${JSON.stringify({ pods: pods.map(({ key, file }) => ({ key, file })), refusals }, undefined, 2)}\n`);
  else {
    for (const line of refusalLines({ refusals })) io.out(`${line}\n`);
    const refused = new Set(refusals.map((r) => r.file)).size;
    io.out(
      `${files.length} ${files.length === 1 ? 'file' : 'files'}, ${pods.length} ${pods.length === 1 ? 'pod' : 'pods'}${refused === 0 ? ', nothing to mend' : `, ${refused} refused`}\n`,
    );
  }
  return refusals.length > 0 ? 1 : 0;
};
