import type { TestContext } from "node:test";
import type { Mock, MockOptions, Scenario } from "./index.js";

type Body = (mock: Mock, context: TestContext) => Promise<void> | void;
type Options = MockOptions & { scenario?: string | Scenario };

/** A test function for node:test that gets a mock with a new key. */
export function withMock(body: Body): (context: TestContext) => Promise<void>;
export function withMock(options: Options, body: Body): (context: TestContext) => Promise<void>;
