/**
 * JSON patch (RFC 6902): a list of operations, of which all succeed or none. Pure; the original is left as it is.
 * Throws: ApiError BadRequest for what is no patch, Invalid (422) for an operation that cannot be done, RequestEntityTooLarge.
 * Limits: 10,000 operations, and copies may add 3 MiB, as upstream has it; a few bytes of patch could double a document again and again.
 */
import library, { type Operation } from 'fast-json-patch';
import { ApiError, badRequest } from '../status.ts';
import { copy, isObject, type JsonObject } from './json.ts';

const MOST_OPERATIONS = 10_000;
const MOST_COPIED_BYTES = 3 * 1024 * 1024;
const OPERATIONS = new Set(['add', 'remove', 'replace', 'move', 'copy', 'test']);

export function jsonPatch(original: unknown, patch: unknown): unknown {
  const operations = checked(patch);
  const budget = { copiedBytes: 0 };
  let document: unknown = copy(original);
  for (const [i, operation] of operations.entries()) {
    if (operation.op === 'copy') chargeCopy(document, operation.from, budget);
    document = operate(document, operation, i);
  }
  return document;
}

function operate(document: unknown, operation: Operation, i: number): unknown {
  try {
    // A value that a later operation changes must not change the patch, which is applied again when the write is retried.
    const mine = 'value' in operation ? { ...operation, value: copy<unknown>(operation.value) } : operation;
    const result = library.applyOperation(document, mine, true, true, true, i);
    // Removing the root leaves null, as the library has it; nothing can follow and no kind accepts it.
    return result.newDocument;
  } catch (err) {
    throw rejected(`operation ${i} (${operation.op} ${operation.path}): ${firstLine(err)}`, err);
  }
}

/** The library ends its messages with the whole document. */
const firstLine = (err: unknown): string => (err instanceof Error ? (err.message.split('\n')[0] ?? '') : 'not possible');

/** Refused because of what the object is at the moment. */
export function rejected(why: string, cause?: unknown): ApiError {
  const message = `the server rejected our request due to an error in our request: ${why}`;
  return new ApiError('Invalid', message, { details: { causes: [{ reason: 'FieldValueInvalid', message: why, field: 'patch' }] }, cause });
}

function checked(patch: unknown): readonly Operation[] {
  if (!Array.isArray(patch))
    throw badRequest('error decoding patch: a JSON patch is a list of operations, such as [{"op": "remove", "path": "/spec/x"}]');
  if (patch.length > MOST_OPERATIONS) {
    const message = `The allowed maximum operations in a JSON patch is ${MOST_OPERATIONS}, got ${patch.length}`;
    throw new ApiError('RequestEntityTooLarge', `Request entity too large: ${message}`);
  }
  for (const [i, operation] of patch.entries()) {
    const problem = isObject(operation) ? problemOf(operation) : 'want an object with op and path';
    if (problem !== undefined) throw badRequest(`error decoding patch: operation ${i}: ${problem}`);
  }
  return patch as readonly Operation[];
}

function problemOf(operation: JsonObject): string | undefined {
  const { op, path, from } = operation;
  if (typeof op !== 'string' || !OPERATIONS.has(op)) return `op: want ${[...OPERATIONS].join(', ')}, got ${JSON.stringify(op)}`;
  if (!isPointer(path)) return `path: want a JSON pointer such as "/spec/replicas", got ${JSON.stringify(path)}`;
  if ((op === 'move' || op === 'copy') && !isPointer(from)) return `from: want a JSON pointer, got ${JSON.stringify(from)}`;
  const needsValue = op === 'add' || op === 'replace' || op === 'test';
  return needsValue && !Object.hasOwn(operation, 'value') ? `value: ${op} needs one` : undefined;
}

const isPointer = (value: unknown): boolean => typeof value === 'string' && (value === '' || value.startsWith('/'));

function chargeCopy(document: unknown, from: string, budget: { copiedBytes: number }): void {
  let value: unknown;
  try {
    value = library.getValueByPointer(document, from);
  } catch {
    return; // the operation itself says what is wrong
  }
  budget.copiedBytes += JSON.stringify(value ?? null).length;
  if (budget.copiedBytes > MOST_COPIED_BYTES) {
    throw rejected(`the copy operations add more than ${MOST_COPIED_BYTES} bytes; split the patch`);
  }
}
