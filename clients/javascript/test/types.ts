// Compiled, never run: what the types allow and what they refuse.

import { startMock, type RecordedRequest, type Verdict } from "relace-mock";
import { withMock } from "relace-mock/node-test";
import { test } from "relace-mock/vitest";

const mock = await startMock({ serve: ["--dimensions", "256"] });
await mock.play("flaky");
await mock.play({ steps: [{ status: 429, times: 2 }] });
const requests: RecordedRequest[] = await mock.requests({ status: "429" });
const verdict: Verdict = await mock.verdict();
verdict.assertOk();
const status: number | null | undefined = requests[0]?.status;
withMock({ scenario: "ok" }, async (own) => own.reset());
test("typed", async ({ mock: own }) => own.advance(60));
// @ts-expect-error - a list is no scenario
await mock.play([{ status: 429 }]);
// @ts-expect-error - seconds are a number
await mock.advance("60");
console.log(status);
