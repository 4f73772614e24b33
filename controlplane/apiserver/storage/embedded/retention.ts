/**
 * What of the past an embedded store still keeps. Three marks in its state, each at or before the one above it:
 *   compacted   reads and watches reach back to here
 *   purged      versions that were over by here are gone, unless their key is one whose history is kept
 *   trimmed     versions that were over by here are gone, whatever their key
 * Each step looks at the next few log records and says what to remove; the caller commits that together with the new mark.
 * Units: milliseconds since 1970.
 */
import type { LmdbFile } from './database.ts';
import { pastKey, type State } from './layout.ts';
import { readLog, type LogSlice } from './reads.ts';

export interface HistoryOptions {
  /** How long versions are kept after they were replaced; 0: only until compaction. */
  readonly keepMs: number;
  /** When the data take more than this, the oldest versions go, whatever their age. */
  readonly maxBytes: number;
  /** Which keys; heartbeats are not worth the space. */
  readonly keep: (key: string) => boolean;
}

export const DEFAULT_HISTORY: HistoryOptions = {
  keepMs: 24 * 3_600_000,
  maxBytes: 512 * 1_024 * 1_024,
  keep: (key) => !/^\/registry\/(leases|events|masterleases)\//.test(key),
};

export interface RetentionStep {
  readonly state: State;
  readonly removeLog: readonly Buffer[];
  readonly removePast: readonly Buffer[];
}

/** Small enough that a write waiting behind it does not notice. */
const STEP_RECORDS = 500;

/** undefined: nothing to do. */
export function retentionStep(db: LmdbFile, state: State, history: HistoryOptions, nowMs: number): RetentionStep | undefined {
  const keep = history.keepMs > 0 ? history.keep : () => false;
  if (state.purged < state.compacted) {
    const slice = readLog(db, state.purged, state.compacted, STEP_RECORDS);
    return { state: { ...state, purged: slice.through }, ...removals(slice, keep) };
  }
  if (state.trimmed >= state.purged) return undefined;
  const slice = readLog(db, state.trimmed, state.purged, STEP_RECORDS);
  const cutoffMs = db.usage().usedBytes > history.maxBytes ? nowMs : nowMs - history.keepMs;
  const through = history.keepMs === 0 ? slice.through : oldEnough(slice, state.trimmed, cutoffMs);
  if (through === state.trimmed) return undefined;
  const old = { records: slice.records.filter((r) => r.stamp.readUIntBE(0, 6) <= through), through };
  return { state: { ...state, trimmed: through }, ...removals(old, () => false) };
}

/** The last revision of the slice before the first write that is younger than the cutoff. */
function oldEnough(slice: LogSlice, after: number, cutoffMs: number): number {
  const young = slice.records.find(({ record }) => record.atMs > cutoffMs);
  return young === undefined ? slice.through : Math.max(after, young.stamp.readUIntBE(0, 6) - 1);
}

function removals({ records }: LogSlice, keep: (key: string) => boolean): Omit<RetentionStep, 'state'> {
  const removeLog: Buffer[] = [];
  const removePast: Buffer[] = [];
  for (const { stamp, record } of records) {
    if (keep(record.key)) continue;
    if (record.previous !== undefined) {
      removeLog.push(record.previous);
      removePast.push(pastKey(record.key, record.previous));
    }
    if (record.deleted) removeLog.push(stamp);
  }
  return { removeLog, removePast };
}
