/** Reads manifest files once, the way the kubelet would read them all together: for `kubelet --check` and `kijabi manifests lint`. */
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, explain } from '#base/errors.ts';
import { EMPTY_FILE_SET, updateFileSet, viewOf, type FileReading, type FileSetView } from './fileSet.ts';
import { readManifest, unreadableManifest } from './manifests.ts';

export interface Lint extends FileSetView {
  readonly files: readonly string[];
}

/** paths: files, and directories of them. Throws MANIFEST_UNREADABLE for a path that is not there. */
export async function readManifestFiles(
  paths: readonly string[],
  context: { readonly nodeName: string; readonly seenAt: Date },
): Promise<Lint> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const readings = new Map<string, FileReading>();
  for (const file of files) {
    const reading = await readFile(file).then(
      (bytes) => readManifest(bytes, { ...context, file }),
      (err: unknown) => unreadableManifest(`cannot be read: ${explain(err)}`),
    );
    readings.set(file, reading);
  }
  return { files, ...viewOf(updateFileSet(EMPTY_FILE_SET, readings, new Set(files))) };
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch((err: unknown) => {
    throw new AppError('MANIFEST_UNREADABLE', `Cannot read ${path}`, {}, err);
  });
  if (!found.isDirectory()) return [path];
  const names = (await readdir(path)).filter((name) => !name.startsWith('.') && /\.(ya?ml|json)$/.test(name)).sort();
  return names.map((name) => join(path, name));
}

/** "FILE:LINE:COLUMN: message (CODE)" for each refusal. */
export function refusalLines({ refusals }: Pick<FileSetView, 'refusals'>): string[] {
  return refusals.map(
    ({ file, problem }) =>
      `${problem.line === undefined ? file : `${file}:${problem.line}:${problem.column}`}: ${problem.message} (${problem.code})`,
  );
}
