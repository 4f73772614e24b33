/** A reporter of node:test that writes the files with a failed test, a line each, in the order of their first failure. */
import type { TestEvent } from 'node:test/reporters';

// oxlint-disable-next-line import/no-default-export -- the test runner takes nothing else
export default async function* failedFiles(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const seen = new Set<string>();
  for await (const event of source) {
    if (event.type !== 'test:fail') continue;
    const { file, todo } = event.data;
    if (file === undefined || todo !== undefined || seen.has(file)) continue;
    seen.add(file);
    yield `${file}\n`;
  }
}
