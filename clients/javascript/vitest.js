// For Vitest: `import { test } from "relace-mock/vitest"; test("waits", async ({ mock }) => …)`.

import { test as base } from "vitest";
import { startMock } from "./index.js";

/**
 * Vitest's `test` with the fixture `mock`, which has a new key in each test.
 *
 * With a new key no test meets the story of another one, in watch mode and in parallel too. Options
 * are those of `startMock`; `scenario` is played before the test. The key is forgotten at the end.
 */
export function testWith(options = {}) {
  return base.extend({
    // Vitest reads from the first argument which other fixtures this one needs.
    mock: async ({}, use) => {
      const mock = await startMock(options);
      if (options.scenario !== undefined) await mock.play(options.scenario);
      await use(mock);
      await mock.forget();
    },
  });
}

/** Vitest's `test` with the fixture `mock`. */
export const test = testWith();
