import { SystemClock } from '#base/clock.ts';
import { clientContract, configMaps } from './contract.ts';
import { unlimited } from './rateLimit.ts';
import { Client } from './rest.ts';
import { FakeApi } from './testing/fakeApi.ts';

clientContract('fake API', () => {
  const api = new FakeApi({ types: [configMaps] });
  return {
    client: new Client({ transport: api, clock: new SystemClock(), limiter: unlimited, userAgent: 'test' }),
    namespace: () => Promise.resolve('default'),
  };
});
