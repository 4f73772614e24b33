import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { listeningInodes, whoListens } from './listener.ts';

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:2808 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000000000000000 100 0 0 10 0
   1: 0100007F:2808 0100007F:9C40 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0000000000000000 20 4 30 10 -1
   2: 00000000:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0000000000000000 100 0 0 10 0
`;

test('listeningInodes: sockets that listen on the port, not connections over it', () => {
  assert.deepEqual(listeningInodes(TABLE, 10_248), ['4711']);
  assert.deepEqual(listeningInodes(TABLE, 80), []);
});

test('whoListens: this process, while it does', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  assert.equal((await whoListens(port))?.pid, process.pid);
  await new Promise((resolve) => server.close(resolve));
  assert.equal(await whoListens(port), undefined);
});
