// For node:test: `test("waits", withMock(async (mock) => …))`.

import { startMock } from "./index.js";

/**
 * A test function that gets a mock with a new key, and the test's context.
 *
 * With a new key no test meets the story of another one, in watch mode and in parallel too. Options
 * are those of `startMock`; `scenario` is played before the test. The key is forgotten at the end.
 */
export function withMock(...args) {
  const [options, body] = args.length > 1 ? args : [{}, args[0]];
  return async (context) => {
    const mock = await startMock(options);
    try {
      if (options.scenario !== undefined) await mock.play(options.scenario);
      await body(mock, context);
    } finally {
      await mock.forget();
    }
  };
}
