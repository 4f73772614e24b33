/** The boundary of the client: a request goes out, an answer comes back. The real one is http.ts, the fake one is testing/fakeApi.ts. */
export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From the root of the API, with the query: "/api/v1/pods?limit=500". */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Ends the request and the reading of the body. */
  readonly signal: AbortSignal;
  /** The answer comes when its body is there as a whole: for what has an end, and costs half as much. */
  readonly whole?: boolean;
}

/** A list page of 500 large objects has some megabytes; nobody asks for a hundred times that on purpose. */
export const MOST_BYTES = 512 << 20;

export interface ApiResponse {
  readonly status: number;
  /** Names in small letters. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** To be read once. Leaving it early ends the connection. */
  readonly body: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface Transport {
  /** For messages: "https://10.0.0.1:6443". */
  readonly server: string;
  /** Throws: API_UNREACHABLE, API_TLS, CREDENTIALS_UNREADABLE, or the signal's reason. A refusal is an answer, not an error. */
  send(request: ApiRequest): Promise<ApiResponse>;
  close(): void;
}
