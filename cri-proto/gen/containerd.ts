// Made by generate.ts from the .proto files. Do not edit.
import type { CallOptions, Input, Int64 } from '../values.ts';

export interface Events {
  subscribe(request: Input<SubscribeRequest>, options?: CallOptions): AsyncIterable<Envelope>;
}

export interface SubscribeRequest {
  readonly filters: readonly string[];
}

export interface Envelope {
  readonly timestamp: Timestamp | null;
  readonly namespace: string;
  readonly topic: string;
  readonly event: Any | null;
}

export interface Content {
  listStatuses(request: Input<ListStatusesRequest>, options?: CallOptions): Promise<ListStatusesResponse>;
}

export interface ListStatusesRequest {
  readonly filters: readonly string[];
}

export interface ListStatusesResponse {
  readonly statuses: readonly IngestStatus[];
}

export interface IngestStatus {
  readonly started_at: Timestamp | null;
  readonly updated_at: Timestamp | null;
  readonly ref: string;
  readonly offset: Int64;
  readonly total: Int64;
  readonly expected: string;
}

export interface TaskStart {
  readonly container_id: string;
  readonly pid: number;
}

export interface TaskExit {
  readonly container_id: string;
  readonly id: string;
  readonly pid: number;
  readonly exit_status: number;
  readonly exited_at: Timestamp | null;
}

export interface TaskOOM {
  readonly container_id: string;
}

export interface TaskDelete {
  readonly container_id: string;
  readonly pid: number;
  readonly exit_status: number;
  readonly exited_at: Timestamp | null;
  readonly id: string;
}

export interface TaskPaused {
  readonly container_id: string;
}

export interface TaskResumed {
  readonly container_id: string;
}

export interface Any {
  readonly type_url: string;
  readonly value: Buffer;
}

export interface Timestamp {
  readonly seconds: Int64;
  readonly nanos: number;
}
