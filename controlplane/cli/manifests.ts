/** `kijabi manifests lint`: what the kubelet would say about manifests, before they are dropped into its directory. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { EMPTY_FILE_SET, updateFileSet, viewOf, type FileReading } from '#agent/kubelet/sources/fileSet.ts';
import { readManifest } from '#agent/kubelet/sources/manifests.ts';
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
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const context = { nodeName: values['node-name'] ?? hostname().toLowerCase(), seenAt: new Date(io.clock.nowMs()) };
  const readings = new Map<string, FileReading>();
  for (const file of files) readings.set(file, readManifest(await readFile(file), { ...context, file }));
  const { pods, refusals } = viewOf(updateFileSet(EMPTY_FILE_SET, readings, new Set(files)));
  if (values.output === 'json')
    io.out(`${JSON.stringify({ pods: pods.map(({ key, file }) => ({ key, file })), refusals }, undefined, 2)}\n`);
  else {
    for (const { file, problem } of refusals)
      io.out(`${problem.line === undefined ? file : `${file}:${problem.line}:${problem.column}`}: ${problem.message} (${problem.code})\n`);
    const refused = new Set(refusals.map((r) => r.file)).size;
    io.out(
      `${files.length} ${files.length === 1 ? 'file' : 'files'}, ${pods.length} ${pods.length === 1 ? 'pod' : 'pods'}${refused === 0 ? ', nothing to mend' : `, ${refused} refused`}\n`,
    );
  }
  return refusals.length > 0 ? 1 : 0;
};

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch((err: unknown) => {
    throw new AppError('MANIFEST_UNREADABLE', `Cannot read ${path}`, {}, err);
  });
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => !name.startsWith('.') && /\.(ya?ml|json)$/.test(name)).sort();
  return names.map((name) => join(path, name));
}
