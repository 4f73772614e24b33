import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { ManualClock } from '#base/clock.ts';
import { Credentials } from './credentials.ts';
import { HttpTransport } from './http.ts';
import { recorder } from './testing/kit.ts';

test('an answer that is too long is one that makes no sense, on a new connection and on a kept one; the server was reached', async (t) => {
  const server = createServer((req, res) => void res.end('x'.repeat(req.url === '/long' ? 1_001 : 1_000)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const config = { server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, namespace: 'default' };
  const transport = new HttpTransport(config, new Credentials({ config, clock: new ManualClock(), log: recorder([]) }), 1_000);
  t.after(() => {
    transport.close();
    server.close();
  });
  const { signal } = new AbortController();
  const get = async (path: string): Promise<number> => {
    const { body } = await transport.send({ method: 'GET', path, headers: {}, signal, whole: true });
    let size = 0;
    for await (const chunk of body) size += chunk.length;
    return size;
  };
  const tooLong = {
    code: 'API_ANSWER_INVALID',
    message: "The API server's answer to GET /long makes no sense: it is longer than 1000 bytes",
  };
  await assert.rejects(get('/long'), tooLong);
  assert.equal(await get('/short'), 1_000);
  await assert.rejects(get('/long'), tooLong);
  assert.equal(await get('/short'), 1_000);
});
