// The package under Vitest, as a user would write tests with it.

import { describe, expect } from "vitest";
import { test, testWith } from "relace-mock/vitest";

async function embed(mock) {
  const answer = await fetch(`${mock.baseURL}/code/embed`, {
    method: "POST",
    headers: { Authorization: `Bearer ${mock.apiKey}`, "Content-Type": "application/json" },
    body: JSON.stringify({ model: "relace-embed-v1", input: ["def add(a, b): return a + b"] }),
  });
  return answer.status;
}

describe.concurrent("parallel tests", () => {
  for (const status of [429, 500, 401]) {
    test(`a mock of its own plays ${status}`, async ({ mock }) => {
      await mock.play({ steps: [{ status }] });
      expect([await embed(mock), await embed(mock)]).toEqual([status, 200]);
      expect((await mock.requests()).map((request) => request.status)).toEqual([status, 200]);
    });
  }
});

const limited = testWith({ scenario: "rate-limited-twice" });

limited("a scenario is played before the test", async ({ mock }) => {
  expect(await embed(mock)).toBe(429);
});
