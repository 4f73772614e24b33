import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { execa } from 'execa';
import fc from 'fast-check';
import { codeOf } from '#base/errors.ts';
import { fitsTogether, isStatic, readElf } from './elf.ts';
import { makeElf } from './elfFixture.ts';

const name = fc.stringMatching(/^lib[a-z0-9]{1,12}\.so(\.[0-9]{1,3})?$/);
const spec = fc.record(
  {
    bits: fc.constantFrom(32 as const, 64 as const),
    littleEndian: fc.boolean(),
    machine: fc.constantFrom(3, 40, 62, 183, 243),
    interpreter: fc.constantFrom('/lib64/ld-linux-x86-64.so.2', '/lib/ld-linux-aarch64.so.1'),
    soname: name,
    needed: fc.array(name, { maxLength: 6 }),
    runpath: fc.constantFrom('/usr/lib/x', '$ORIGIN/../lib:/opt/y'),
  },
  { requiredKeys: ['bits', 'littleEndian', 'machine', 'needed'] },
);

test('what was written is read, in every word size and byte order', () => {
  fc.assert(
    fc.property(spec, (s) => {
      const elf = readElf(makeElf(s));
      assert.deepEqual(elf, {
        bits: s.bits,
        littleEndian: s.littleEndian,
        machine: s.machine,
        interpreter: s.interpreter,
        soname: s.soname,
        needed: s.needed,
        runpath: s.runpath?.split(':') ?? [],
      });
    }),
  );
});

test('damaged files are refused with a code and never crash the reader', () => {
  let refused = 0;
  const damage = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(spec, damage, fc.nat(400), (s, changes, cut) => {
      const bytes = makeElf({ ...s, needed: [...s.needed, 'libz.so.1'] });
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
      try {
        readElf(cut < 350 ? bytes : bytes.subarray(0, bytes.length - (cut - 350)));
      } catch (err) {
        assert.equal(codeOf(err), 'IMAGES_ELF_INVALID');
        refused += 1;
      }
    }),
    { numRuns: 2_000 },
  );
  assert.ok(refused > 50, `only ${refused} of the damaged files were refused: the damage does not reach what is read`);
});

test('DT_RUNPATH hides DT_RPATH, which counts where it is alone', () => {
  assert.deepEqual(readElf(makeElf({ rpath: '/a' }))?.runpath, ['/a']);
  assert.deepEqual(readElf(makeElf({ rpath: '/a', runpath: '/b' }))?.runpath, ['/b']);
});

test('static means no interpreter and no libraries', () => {
  const read = (s: Parameters<typeof makeElf>[0]): boolean => isStatic(readElf(makeElf(s))!);
  assert.equal(read({}), true);
  assert.equal(read({ interpreter: '/lib/ld.so' }), false);
  assert.equal(read({ needed: ['libc.so.6'] }), false);
});

test('files fit together when word size, byte order and machine agree', () => {
  const elf = (s: Parameters<typeof makeElf>[0]) => readElf(makeElf(s))!;
  assert.equal(fitsTogether(elf({}), elf({ needed: ['libc.so.6'] })), true);
  for (const other of [{ bits: 32 }, { littleEndian: false }, { machine: 183 }] as const) {
    assert.equal(fitsTogether(elf({}), elf(other)), false);
  }
});

test('text is no ELF file, nor is an empty one', () => {
  assert.equal(readElf(Buffer.from('#!/bin/sh\n')), undefined);
  assert.equal(readElf(Buffer.alloc(0)), undefined);
});

test('of a real program: every library it names is one that the dynamic linker loads', async () => {
  const elf = readElf(readFileSync(process.execPath))!;
  const { stdout } = await execa('ldd', [process.execPath]);
  assert.ok(elf.needed.length > 0);
  for (const library of [...elf.needed, elf.interpreter!]) assert.ok(stdout.includes(library), `${library} is not in ${stdout}`);
});
