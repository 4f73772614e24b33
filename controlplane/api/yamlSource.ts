/**
 * A file of YAML or JSON documents: bytes in, plain values out, and for every problem a line and a column. Pure; never throws.
 * Units: lines and columns start at 1; a column counts characters.
 * Limits: 10 MiB, 100 levels of nesting, 250,000 tokens (options), 100,000 nodes made by aliases: a hostile file costs a moment, not a hang.
 * The texts of the values follow Go's YAML 1.1 as Kubernetes reads it (yamlValues.ts), so that 0644 is octal and `yes` is true.
 * Differs: duplicate keys, unknown tags, control characters and UTF-16 are refused here; upstream takes some of them silently.
 */
import { Composer, Lexer, Parser, type Document, type ParsedNode } from 'yaml';
import type { Segment } from '#api/fieldPath.ts';
import { keyOf } from '#api/fieldPath.ts';
import { findInJson, readJson } from '#api/jsonSource.ts';
import type { Problem } from '#api/problem.ts';
import { findNode, toValue, type Wanted } from '#api/yamlValues.ts';

export interface Position {
  readonly line: number;
  readonly column: number;
}

export interface SourceProblem extends Position {
  readonly message: string;
}

export interface SourceDocument {
  readonly value: unknown;
  /** Where something stands: the value at a path, or the key in front of it. What is not there is looked for in what surrounds it. */
  locate(path: readonly Segment[], wanted?: Wanted): Position;
}

export type Source =
  | { readonly kind: 'documents'; readonly documents: readonly SourceDocument[] }
  | { readonly kind: 'problems'; readonly problems: readonly SourceProblem[] };

export interface ReadOptions {
  /** Words and signs of YAML; JSON is not limited by it. A line of a manifest has five to ten. */
  readonly maxTokens?: number;
}

const MOST_BYTES = 10 * 1024 * 1024;
const MOST_TOKENS = 250_000;
const MOST_PROBLEMS = 20;
const DEEPEST = 100;
/** What no text file has: C0 controls other than tab and line breaks, and DEL. */
// oxlint-disable-next-line no-control-regex -- these characters are what is looked for
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

export function readDocuments(bytes: Uint8Array, { maxTokens = MOST_TOKENS }: ReadOptions = {}): Source {
  if (bytes.length > MOST_BYTES) return problem(`the file has ${bytes.length} bytes, want no more than ${MOST_BYTES} (10 MiB)`);
  const decoded = decode(bytes);
  if (typeof decoded !== 'string') return decoded;
  if (/^\s*[{[]/.test(decoded)) {
    const json = readJsonDocument(decoded);
    if (json !== undefined) return json;
  }
  try {
    return readYaml(decoded, maxTokens);
  } catch (err) {
    if (err instanceof RangeError) return problem('the file is nested too deeply');
    throw err;
  }
}

const problem = (message: string, at: Position = { line: 1, column: 1 }): Source => ({ kind: 'problems', problems: [{ ...at, message }] });

function decode(bytes: Uint8Array): string | Source {
  const [a, b, c, d] = bytes;
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff) || (a === 0 && b !== 0 && c === 0) || (a !== 0 && b === 0 && d === 0)) {
    return problem('the file is UTF-16, want UTF-8: save it in that encoding');
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    const control = CONTROL.exec(text);
    if (control === null) return text;
    const code = (control[0].codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    return problem(`control character U+${code} cannot stand in a text file`, positionAt(text, control.index));
  } catch {
    return problem('the bytes here are not UTF-8: save the file in that encoding', firstBadByte(bytes));
  }
}

function firstBadByte(bytes: Uint8Array): Position {
  const again = new TextEncoder().encode(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes));
  const at = bytes.findIndex((byte, i) => byte !== again[i]);
  const before = new TextDecoder('utf-8').decode(bytes.subarray(0, at));
  return positionAt(before, before.length);
}

export function positionAt(text: string, offset: number): Position {
  let line = 1;
  let start = 0;
  for (let next = text.indexOf('\n'); next >= 0 && next < offset; next = text.indexOf('\n', start)) {
    line += 1;
    start = next + 1;
  }
  return { line, column: offset - start + 1 };
}

/** undefined: not JSON, so YAML may say better what is wrong with it. */
function readJsonDocument(text: string): Source | undefined {
  const read = readJson(text);
  switch (read.kind) {
    case 'other':
      return undefined;
    case 'problem':
      return problem(read.message, positionAt(text, read.offset));
    default: {
      const locate = (path: readonly Segment[], wanted: Wanted = 'value'): Position =>
        positionAt(text, findInJson(text, path.map(keyOf), wanted));
      return { kind: 'documents', documents: [{ value: read.value, locate }] };
    }
  }
}

const OPTIONS = { schema: 'failsafe', uniqueKeys: false, prettyErrors: false, logLevel: 'silent' } as const;

function readYaml(text: string, maxTokens: number): Source {
  const documents = compose(text, maxTokens);
  if (!Array.isArray(documents)) return documents;
  const problems: SourceProblem[] = [];
  const out: SourceDocument[] = [];
  for (const document of documents) {
    for (const error of document.errors)
      problems.push({ ...positionAt(text, error.pos[0]), message: syntaxText(error.code, error.message) });
    if (document.errors.length > 0 || document.contents === null) continue;
    const read = toValue(document);
    for (const { offset, message } of read.problems) problems.push({ ...positionAt(text, offset), message });
    if (read.value === null && isEmpty(document.contents)) continue; // comments only
    const locate = (path: readonly Segment[], wanted: Wanted = 'value'): Position => positionAt(text, findNode(document, path, wanted));
    out.push({ value: read.value, locate });
  }
  return problems.length > 0 ? { kind: 'problems', problems: problems.slice(0, MOST_PROBLEMS) } : { kind: 'documents', documents: out };
}

const isEmpty = (node: ParsedNode): boolean => 'source' in node && node.source === '';

function compose(text: string, maxTokens: number): Document.Parsed[] | Source {
  const parser = new Parser();
  const composer = new Composer(OPTIONS);
  const out: Document.Parsed[] = [];
  let tokens = 0;
  let depth = 0;
  for (const lexeme of new Lexer().lex(text)) {
    tokens += 1;
    if (tokens > maxTokens) return problem(`the file has more than ${maxTokens} words and signs: split it into several files`);
    if (lexeme === '[' || lexeme === '{') depth += 1;
    else if (lexeme === ']' || lexeme === '}') depth -= 1;
    if (depth > DEEPEST) return problem(`brackets are nested more than ${DEEPEST} levels deep`);
    for (const token of parser.next(lexeme)) out.push(...(composer.next(token) as Iterable<Document.Parsed>));
  }
  for (const token of parser.end()) out.push(...(composer.next(token) as Iterable<Document.Parsed>));
  out.push(...(composer.end(false, text.length) as Iterable<Document.Parsed>));
  return out;
}

const SYNTAX: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'a tab cannot indent YAML: use spaces',
  MULTILINE_IMPLICIT_KEY: 'a key must stand on one line: is a colon or a quote missing?',
};

function syntaxText(code: string, message: string): string {
  if (message.includes('call stack')) return 'the file is nested too deeply'; // the parser's recursion ran out of stack
  const known = SYNTAX[code];
  return known === undefined ? `not YAML: ${message}` : `not YAML: ${known} (${message})`;
}

/** Where to point for a problem that the schema or the rules found: at the key when the field itself is wrong, else at its value. */
export function locateProblem(document: SourceDocument, { kind, path }: Problem): Position {
  return document.locate(path, kind === 'unknown' || kind === 'forbidden' ? 'key' : 'value');
}
