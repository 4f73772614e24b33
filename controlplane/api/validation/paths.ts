/**
 * Rules for paths and other small things that many fields share. Pure.
 * Source: texts of the core validation of Kubernetes 1.36.
 */
import type { FieldPath } from '#api/fieldPath.ts';
import { portName, portNumber } from '#api/names.ts';
import type { Problems } from '#api/problem.ts';

export function validateNoBacksteps(problems: Problems, path: string, at: FieldPath): void {
  if (path.split('/').includes('..')) problems.invalid(at, path, "must not contain '..'");
}

/** A path below something: relative, and never upwards. */
export function validateDescendingPath(problems: Problems, path: string, at: FieldPath): void {
  if (path.startsWith('/')) problems.invalid(at, path, 'must be a relative path');
  validateNoBacksteps(problems, path, at);
}

/** A path of a file that the kubelet writes: names with ".." in front are its own. */
export function validateWritablePath(problems: Problems, path: string, at: FieldPath): void {
  validateDescendingPath(problems, path, at);
  if (path.startsWith('..') && !path.startsWith('../') && path !== '..') problems.invalid(at, path, "must not start with '..'");
}

export function validateFileMode(problems: Problems, mode: number | undefined, at: FieldPath): void {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) {
    problems.invalid(at, mode, 'must be a number between 0 and 0777 (octal), both inclusive');
  }
}

export function validatePort(problems: Problems, port: number | string, at: FieldPath): void {
  problems.invalidAll(at, port, typeof port === 'number' ? portNumber(port) : portName(port));
}

export function validateNonNegative(problems: Problems, value: number | undefined, at: FieldPath): void {
  if (value !== undefined && value < 0) problems.invalid(at, value, 'must be greater than or equal to 0');
}

/** Reports a required text that is there but empty; one that is missing was reported by the structure. */
export function validatePresent(problems: Problems, value: string | undefined, at: FieldPath, detail = ''): boolean {
  if (value !== undefined && value !== '') return true;
  problems.required(at, detail);
  return false;
}
