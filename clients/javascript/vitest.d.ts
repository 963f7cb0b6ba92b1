import type { TestAPI } from "vitest";
import type { Mock, MockOptions, Scenario } from "./index.js";

type Options = MockOptions & { scenario?: string | Scenario };

/** Vitest's `test` with the fixture `mock`, which has a new key in each test. */
export function testWith(options?: Options): TestAPI<{ mock: Mock }>;
export const test: TestAPI<{ mock: Mock }>;
