/**
 * Runs inside a network namespace (nsenter) and leads connections of a unix socket to a TCP port there, so that a test outside reaches it.
 * Arguments: the socket's path, host, port. Says "ready" when it listens; ends with its stdin.
 */
import { connect, createServer } from 'node:net';

const [path = '', host = '', port = ''] = process.argv.slice(2);
createServer({ allowHalfOpen: true }, (near) => {
  const far = connect({ host, port: Number(port), allowHalfOpen: true });
  const end = (): void => (near.destroy(), void far.destroy());
  near.on('error', end).pipe(far);
  far.on('error', end).pipe(near);
}).listen(path, () => process.stdout.write('ready\n'));
process.stdin.on('end', () => process.exit(0)).resume();
