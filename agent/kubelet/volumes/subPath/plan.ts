/**
 * Which part of a volume a mount shows: subPath as it is written, subPathExpr with the container's variables. Pure.
 * Throws: AppError VOLUME_FAILED in upstream's words; the container waits then (CreateContainerConfigError).
 */
import type { VolumeMount } from '#api/kinds/core/container.ts';
import { AppError } from '#base/errors.ts';
import { expand } from '../../pods/env.ts';

/** undefined: the whole volume. */
export function subPathOf({ subPath, subPathExpr }: VolumeMount, variables: ReadonlyMap<string, string>): string | undefined {
  if (subPathExpr === undefined || subPathExpr === '') return subPath === '' ? undefined : subPath;
  const missing: string[] = [];
  const path = expand(subPathExpr, (name) => {
    if (!variables.has(name)) missing.push(name);
    return variables.get(name);
  });
  const refuse = (message: string): never => {
    throw new AppError('VOLUME_FAILED', message, { subPathExpr });
  };
  const [first] = missing;
  if (first !== undefined) refuse(`missing value for "${first}"`);
  if (path.startsWith('/')) refuse(`error SubPath \`${path}\` must not be an absolute path`);
  if (path.split('/').includes('..')) refuse(`unable to provision SubPath \`${path}\`: must not contain '..'`);
  return path === '' ? undefined : path;
}
