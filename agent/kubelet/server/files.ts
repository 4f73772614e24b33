/**
 * /logs/: the files below one directory, as a web server gives them: a list of links for a directory, the bytes of a file.
 * Differs: what lies outside the directory after all symbolic links is not given. Upstream follows them, and a pod that may write to
 * /var/log on its host reads every file of the host through it.
 * Throws: AppError NOT_FOUND.
 */
import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { join, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { AppError, codeOf } from '#base/errors.ts';

export async function serveFiles(root: string, segments: readonly string[], res: ServerResponse, signal: AbortSignal): Promise<void> {
  const asked = join(root, ...segments);
  const [top, path] = await Promise.all([realpath(root), realpath(asked)]).catch((err: unknown) => {
    throw new AppError('NOT_FOUND', `/${segments.join('/')}: not there`, {}, codeOf(err) === 'ENOENT' ? undefined : err);
  });
  if (path !== top && !path.startsWith(top + sep)) throw new AppError('NOT_FOUND', `/${segments.join('/')}: leads out of ${root}`);
  const found = await stat(path);
  if (found.isDirectory()) {
    if (segments.at(-1) !== '' && segments.length > 0)
      return void res.writeHead(301, { location: `${encodeURIComponent(segments.at(-1) ?? '')}/` }).end();
    const entries = (await readdir(path, { withFileTypes: true })).map((e) => (e.isDirectory() ? `${e.name}/` : e.name)).sort();
    const links = entries.map((name) => `<a href="${encodeURI(name).replace(/["#?]/g, encodeURIComponent)}">${escape(name)}</a>`);
    return void res
      .writeHead(200, { 'content-type': 'text/html; charset=utf-8' })
      .end(`<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${links.join('\n')}\n</pre>\n`);
  }
  if (!found.isFile()) throw new AppError('NOT_FOUND', `/${segments.join('/')}: no regular file`);
  res.writeHead(200, {
    'content-type': 'text/plain; charset=utf-8',
    'x-content-type-options': 'nosniff',
    'content-length': String(found.size),
  });
  if (found.size === 0) return void res.end();
  // What is appended meanwhile is not given: the length is told already.
  await pipeline(createReadStream(path, { end: found.size - 1 }), res, { signal }).catch((err: unknown) => {
    if (!res.destroyed && codeOf(err) !== 'ERR_STREAM_PREMATURE_CLOSE') throw err;
  });
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
