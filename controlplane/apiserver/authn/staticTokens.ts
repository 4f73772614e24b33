/**
 * --token-auth-file: one line per token, "token,user,uid,\"group1,group2\"". Pure.
 * Throws: AppError TOKEN_FILE with every bad line.
 */
import { AppError } from '#base/errors.ts';
import type { UserInfo } from '../call.ts';
import type { TokenAuthenticator, TokenOwner } from './authenticator.ts';
import { SecretTable } from './secretTable.ts';

export interface StaticToken {
  readonly token: string;
  readonly user: UserInfo;
}

export function staticTokens(tokens: readonly StaticToken[]): TokenAuthenticator {
  const table = new SecretTable<TokenOwner>();
  for (const { token, user } of tokens) table.set(token, { user });
  return { name: 'static token', authenticate: (token) => table.get(token) };
}

export function parseTokenFile(text: string, file: string): readonly StaticToken[] {
  const problems: string[] = [];
  const out: StaticToken[] = [];
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const fields = csvFields(line);
    const [token = '', name = '', uid = '', groups = ''] = fields;
    if (token === '' || name === '' || fields.length < 3) {
      problems.push(`line ${i + 1}: want token,user,uid and perhaps "group1,group2"`);
      continue;
    }
    const list = groups
      .split(',')
      .map((g) => g.trim())
      .filter((g) => g !== '');
    out.push({ token, user: { name, ...(uid === '' ? {} : { uid }), groups: list } });
  }
  if (problems.length > 0) throw new AppError('TOKEN_FILE', `Cannot use ${file} (--token-auth-file): ${problems.join('; ')}`, { file });
  return out;
}

/** Fields may stand in double quotes; a doubled quote inside stands for one. Source: RFC 4180. */
function csvFields(line: string): readonly string[] {
  const out: string[] = [];
  for (const found of line.matchAll(/(?:^|,)\s*(?:"((?:[^"]|"")*)"|([^,]*))/g)) {
    out.push(found[1] === undefined ? (found[2] ?? '').trim() : found[1].replaceAll('""', '"'));
  }
  return out;
}
