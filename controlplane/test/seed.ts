/**
 * Loaded before every test file of the gate: one seed for all properties, so that the gate gives the same verdict for the same tree
 * on every machine. `FC_SEED=random npm test` explores; `FC_SEED=12345 npm test` goes where a report pointed to. What exploring finds
 * becomes a row of a table, and is then met by everybody.
 */
import fc from 'fast-check';

const FIXED_SEED = 20_261_125;

const asked = process.env['FC_SEED'] ?? String(FIXED_SEED);
if (asked !== 'random') {
  const seed = Number(asked);
  if (!Number.isInteger(seed)) throw new Error(`FC_SEED: want "random" or an integer, got ${JSON.stringify(asked)}`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed });
}
