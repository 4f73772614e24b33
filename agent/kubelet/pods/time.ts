/** RFC 3339 in whole seconds, as the API writes times. */
export function time(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
