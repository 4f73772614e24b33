/** Node's http, for daemons: to import it by name has Node load its fetch and WebSocket, 4 MB of memory and a tenth of a start. */
import type * as NodeHttp from 'node:http';

export const http: typeof NodeHttp = process.getBuiltinModule('node:http');
