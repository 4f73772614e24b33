/**
 * Loaded in front of the proxy (node --import): offers mode ipvs where modes.ts does not yet. With a modes.ts that does, it changes nothing.
 */
import { registerHooks } from 'node:module';

const MODES = new URL('../../kube-proxy/modes.ts', import.meta.url).href;
const WITH_IPVS = new URL('modesWithIpvs.ts', import.meta.url).href;

registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    return found.url === MODES && context.parentURL !== WITH_IPVS ? { ...found, url: WITH_IPVS } : found;
  },
});
