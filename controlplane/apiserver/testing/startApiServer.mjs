// The door of the package for those who installed it. Node does not run TypeScript below node_modules; there the types are stripped here,
// from the files of this package alone. Plain JavaScript, because it runs before that.
import { readFileSync } from 'node:fs';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

// What was compiled once is read from the disk the next time: half of what loading costs.
module.enableCompileCache();

const root = new URL('../../../', import.meta.url).href;
if (root.includes('/node_modules/')) {
  module.registerHooks({
    load(url, context, next) {
      if (!url.startsWith(root) || !url.endsWith('.ts') || url.slice(root.length).startsWith('node_modules/')) return next(url, context);
      return { format: 'module', shortCircuit: true, source: module.stripTypeScriptTypes(readFileSync(fileURLToPath(url), 'utf8')) };
    },
  });
}

export const { startApiServer } = await import('./startApiServer.ts');
