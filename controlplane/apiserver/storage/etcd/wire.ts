/**
 * The messages of etcd.proto as they come out of the loader, and the methods to call. Every int64 is a number: revisions stay far
 * below 2^53, and the ids of leases we make are chosen so. Foreign lease ids are not, so the lease methods exist with strings.
 */
import { loadPackageDefinition, type GrpcObject, type MethodDefinition } from '@grpc/grpc-js';
import { loadSync, type Options } from '@grpc/proto-loader';

export interface Header {
  readonly revision: number;
}

export interface KeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly create_revision: number;
  readonly mod_revision: number;
}

export interface Event {
  readonly type: 'PUT' | 'DELETE';
  readonly kv: KeyValue;
  readonly prev_kv: KeyValue | null;
}

export interface RangeRequest {
  readonly key: Buffer;
  readonly range_end?: Buffer;
  readonly limit?: number;
  readonly revision?: number;
  readonly count_only?: boolean;
}

export interface RangeResponse {
  readonly header: Header;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
}

export type RequestOp =
  | { readonly request_range: RangeRequest }
  | { readonly request_put: { readonly key: Buffer; readonly value: Uint8Array; readonly lease: number } }
  | { readonly request_delete_range: { readonly key: Buffer } };

export interface Compare {
  readonly result: 'EQUAL';
  readonly target: 'MOD';
  readonly key: Buffer;
  readonly mod_revision: number;
}

export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface TxnResponse {
  readonly header: Header;
  readonly succeeded: boolean;
  readonly responses: readonly { readonly response_range?: RangeResponse | null }[];
}

export interface WatchRequest {
  readonly create_request: {
    readonly key: Buffer;
    readonly range_end?: Buffer;
    readonly start_revision: number;
    readonly progress_notify: boolean;
    readonly prev_kv: boolean;
  };
}

export interface WatchResponse {
  readonly header: Header;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compact_revision: number;
  readonly cancel_reason: string;
  readonly events: readonly Event[];
}

export interface StatusResponse {
  readonly header: Header;
  readonly version: string;
  readonly dbSize: number;
  readonly dbSizeInUse: number;
}

export interface LeaseTimeToLive {
  readonly TTL: string;
  readonly keys: readonly Buffer[];
}

export type Method<Request, Response> = MethodDefinition<Request, Response>;

const LOADER: Options = { keepCase: true, enums: String, defaults: true, longs: Number };
const file = new URL('etcd.proto', import.meta.url).pathname;

function load(options: Options): (path: string) => unknown {
  const root = (loadPackageDefinition(loadSync(file, options))['etcdserverpb'] ?? {}) as GrpcObject;
  return (path) => {
    const [service = '', method = ''] = path.split('/');
    const found = root[service];
    const definition = typeof found === 'function' && 'service' in found ? found.service[method] : undefined;
    if (definition === undefined) throw new Error(`etcd.proto has no ${path}`);
    return definition;
  };
}

const numbers = load(LOADER);
const strings = load({ ...LOADER, longs: String });

export const RANGE = numbers('KV/Range') as Method<RangeRequest, RangeResponse>;
/** Without any comparison: only benchmarks write like that. */
export const PUT = numbers('KV/Put') as Method<
  { readonly key: Buffer; readonly value: Uint8Array; readonly lease: number },
  { readonly header: Header }
>;
export const TXN = numbers('KV/Txn') as Method<TxnRequest, TxnResponse>;
export const COMPACT = numbers('KV/Compact') as Method<
  { readonly revision: number; readonly physical: boolean },
  { readonly header: Header }
>;
export const WATCH = numbers('Watch/Watch') as Method<WatchRequest, WatchResponse>;
export const LEASE_GRANT = numbers('Lease/LeaseGrant') as Method<{ readonly TTL: number; readonly ID: number }, { readonly error: string }>;
export const LEASE_LEASES = strings('Lease/LeaseLeases') as Method<object, { readonly leases: readonly { readonly ID: string }[] }>;
export const LEASE_TIME_TO_LIVE = strings('Lease/LeaseTimeToLive') as Method<
  { readonly ID: string; readonly keys: boolean },
  LeaseTimeToLive
>;
export const STATUS = numbers('Maintenance/Status') as Method<object, StatusResponse>;
export const SNAPSHOT = numbers('Maintenance/Snapshot') as Method<object, { readonly blob: Buffer }>;

/** As a key: the first there can be. As the end of a range: none. */
export const NUL = Buffer.of(0);
