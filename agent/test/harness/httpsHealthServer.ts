/** Says that it is well, by HTTPS with a certificate that nobody can check. Run as a process of its own: node httpsHealthServer.ts PORT. */
import { createServer } from 'node:https';
import { makeSelfSigned } from '#agent/kubelet/server/selfSigned.ts';

const { certificate, key } = makeSelfSigned('elsewhere', [], Date.now());
createServer({ cert: certificate, key }, (request, response) => {
  response.writeHead(request.url === '/health' ? 200 : 404).end();
}).listen(Number(process.argv[2]), '127.0.0.1');
