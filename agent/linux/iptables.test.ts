import { FakeIptables } from './fake/iptables.ts';
import { iptablesContract } from './fake/iptablesContract.ts';

iptablesContract('fake iptables', async () => ({ iptables: new FakeIptables(), dispose: async () => undefined }));
