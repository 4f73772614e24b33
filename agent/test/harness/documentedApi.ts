/**
 * Which requests upstream documents, out of a client that upstream generates from its API description: @kubernetes/client-node. What our
 * daemons ask an API server has to be among them, or another server would not know what they want.
 */
import { readdirSync, readFileSync } from 'node:fs';

const GENERATED = new URL('../../../node_modules/@kubernetes/client-node/dist/gen/apis/', import.meta.url);

interface Operation {
  readonly method: string;
  readonly path: RegExp;
  readonly query: ReadonlySet<string>;
}

/** Paths that every server answers and that are no operations of the description. */
const ALWAYS = /^\/(api|apis|version|healthz|livez|readyz)$/;

/** undefined: it is documented; otherwise what is not. */
export function makeDocumented(): (method: string, uri: string) => string | undefined {
  const operations = readdirSync(GENERATED)
    .filter((file) => file.endsWith('Api.js'))
    .flatMap((file) => operationsOf(readFileSync(new URL(file, GENERATED), 'utf8')));
  if (operations.length < 500) throw new Error(`found only ${operations.length} operations in ${GENERATED.pathname}`);
  return (method, uri) => {
    const { pathname, searchParams } = new URL(uri, 'https://server');
    if (method === 'GET' && ALWAYS.test(pathname)) return undefined;
    const known = operations.filter((o) => o.method === method && o.path.test(pathname));
    if (known.length === 0) return `${method} ${pathname}`;
    const strange = [...searchParams.keys()].filter((name) => !known.some((o) => o.query.has(name)));
    return strange.length === 0 ? undefined : `${method} ${pathname}: ${strange.join(', ')}`;
  };
}

function operationsOf(source: string): Operation[] {
  return source.split('const localVarPath = ').flatMap((block, i): Operation[] => {
    const path = /^'([^']+)'/.exec(block)?.[1];
    const method = /HttpMethod\.([A-Z]+)/.exec(block)?.[1];
    if (i === 0 || path === undefined || method === undefined) return [];
    const pattern = path.replaceAll('.', '\\.').replaceAll(/\{[^}]+\}/g, '[^/]+');
    const query = new Set([...block.matchAll(/setQueryParam\("([^"]+)"/g)].map((m) => m[1] ?? ''));
    return [{ method, path: new RegExp(`^${pattern}$`), query }];
  });
}
