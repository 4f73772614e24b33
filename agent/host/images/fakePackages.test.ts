import { testPackageSource } from './contract.ts';
import { FakePackages } from './fakePackages.ts';

testPackageSource(
  'memory',
  () =>
    new FakePackages([
      { name: 'nginx', version: '1.22.1-9', depends: ['libc6', 'libssl3'], files: { 'usr/sbin/nginx': 'x' } },
      { name: 'catatonit', version: '0.1.7-1', files: { 'usr/bin/catatonit': 'x' } },
    ]),
);
