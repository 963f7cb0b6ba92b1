// What the official TypeScript SDK does when the service fails, shown by the bundled scenarios.
//
// A key `mock.NAME.anything` plays the scenario NAME; `anything` makes it a namespace of its
// own. `@relace-ai/relace` was 0.6.0 when this was written. RELACE_BASE_URL is the mock's.

import assert from "node:assert/strict";
import { get } from "node:http";
import { json } from "node:stream/consumers";
import { describe, test } from "node:test";
import Relace from "@relace-ai/relace";

const input = ["def add(a, b): return a + b", "def sub(a, b): return a - b", "class Stack: pass"];
const SLACK = 50; // milliseconds by which a timer may be early
let count = 0;

/** A client whose key plays a scenario, and the journal of that key. */
function playing(scenario, options = {}) {
  const apiKey = `mock.${scenario}.typescript-${(count += 1)}`;
  const client = new Relace({ apiKey, timeout: 30_000, ...options });
  const embed = (fields = {}) =>
    client.post("/code/embed", { body: { model: "relace-embed-v1", input, ...fields } });
  const requests = async () => (await journal(apiKey)).requests;
  const statuses = async () => (await requests()).map(({ status }) => status);
  return { embed, requests, statuses };
}

/** The journal of a key, over a connection of its own, because scenarios break those of fetch. */
function journal(apiKey) {
  const url = new URL("/_mock/requests", process.env.RELACE_BASE_URL);
  const headers = { Authorization: `Bearer ${apiKey}` };
  return new Promise((resolve, reject) => {
    get(url, { agent: false, headers }, (answer) => resolve(json(answer))).on("error", reject);
  });
}

/** Milliseconds between the arrivals of requests. */
function gaps(requests) {
  const times = requests.map(({ time }) => Date.parse(time));
  return times.slice(1).map((time, at) => time - times[at]);
}

describe("retries", { concurrency: true }, () => {
  test("the SDK waits for Retry-After, and succeeds after two 429s", async () => {
    const { embed, requests, statuses } = playing("rate-limited-twice");
    assert.equal((await embed()).results.length, 3);
    assert.deepEqual(await statuses(), [429, 429, 200]);
    for (const gap of gaps(await requests())) assert.ok(gap >= 1000 - SLACK, `${gap} ms`);
  });

  test("the SDK ignores a Retry-After of more than a minute", async () => {
    const apiKey = "rlc-typescript-retry-after";
    const scenario = { steps: [{ status: 429, headers: { "Retry-After": "3600" } }] };
    const installed = await fetch(new URL("/_mock/scenario", process.env.RELACE_BASE_URL), {
      method: "PUT",
      headers: { Authorization: `Bearer ${apiKey}` },
      body: JSON.stringify(scenario),
    });
    assert.equal(installed.status, 200);
    const answer = await new Relace({ apiKey }).post("/code/embed", {
      body: { model: "relace-embed-v1", input },
    });
    assert.equal(answer.results.length, 3);
  });

  test("the SDK backs off when there is no Retry-After", async () => {
    const { embed, requests } = playing("rate-limited-without-retry-after");
    await embed();
    const [first, second] = gaps(await requests());
    assert.ok(first >= 375 - SLACK && second >= 750 - SLACK, `${first} ms, ${second} ms`);
  });

  for (const scenario of ["server-error-once", "bad-gateway"]) {
    test(`${scenario}: the SDK retries a 5xx`, async () => {
      const { embed, requests } = playing(scenario);
      assert.equal((await embed()).results.length, 3);
      assert.deepEqual((await requests()).map(({ attempt }) => attempt), [1, 2]);
    });
  }

  for (const scenario of ["connection-reset", "garbage"]) {
    test(`${scenario}: the SDK retries a connection that broke before the answer`, async () => {
      const { embed, statuses } = playing(scenario);
      assert.equal((await embed()).results.length, 3);
      assert.deepEqual(await statuses(), [null, 200]);
    });
  }

  test("the SDK times out a hanging request and retries", async () => {
    const { embed, statuses } = playing("hang", { timeout: 1500 });
    assert.equal((await embed()).results.length, 3);
    assert.deepEqual(await statuses(), [null, 200]);
  });

  test("the SDK replaces a closed connection without an error", async () => {
    const { embed, statuses } = playing("stale-connection");
    for (let call = 0; call < 3; call += 1) assert.equal((await embed()).results.length, 3);
    assert.deepEqual(await statuses(), [200, 200, 200]);
  });
});

describe("errors", { concurrency: true }, () => {
  const refusals = [
    ["bad-request", Relace.BadRequestError, 400, "Invalid JSON in request body"],
    ["unauthorized", Relace.AuthenticationError, 401, "Authorized header required"],
    ["unauthorized-once", Relace.AuthenticationError, 401, "Authorized header required"],
    ["key-not-found", Relace.NotFoundError, 404, "API key not found"],
  ];
  for (const [scenario, kind, status, message] of refusals) {
    test(`${scenario}: the SDK raises a non-retryable error after one request`, async () => {
      const { embed, statuses } = playing(scenario);
      await assert.rejects(embed(), (error) => {
        assert.ok(error instanceof kind, error);
        assert.deepEqual(error.error, { error: message });
        return true;
      });
      assert.deepEqual(await statuses(), [status]);
    });
  }

  const outages = [
    ["rate-limited", Relace.RateLimitError, 429],
    ["server-error", Relace.InternalServerError, 500],
  ];
  for (const [scenario, kind, status] of outages) {
    test(`${scenario}: the SDK gives up after maxRetries with the last error`, async () => {
      for (const maxRetries of [0, 1]) {
        const { embed, statuses } = playing(scenario, { maxRetries });
        await assert.rejects(embed(), kind);
        assert.deepEqual(await statuses(), Array(maxRetries + 1).fill(status));
      }
    });
  }

  test("the SDK raises a connection error when the connection stays broken", async () => {
    const reset = playing("connection-reset", { maxRetries: 0 });
    await assert.rejects(reset.embed(), Relace.APIConnectionError);
    const hang = playing("hang", { maxRetries: 0, timeout: 300 });
    await assert.rejects(hang.embed(), Relace.APIConnectionTimeoutError);
  });

  test("calls fail during an outage and succeed after it", async () => {
    const { embed, statuses } = playing("outage-then-recovery");
    await assert.rejects(embed(), Relace.InternalServerError); // reset, reset, 500
    await assert.rejects(embed(), Relace.RateLimitError); // 500, 500, 429
    assert.equal((await embed()).results.length, 3);
    assert.deepEqual(await statuses(), [null, null, 500, 500, 500, 429, 200]);
  });

  test("the SDK raises a RateLimitError with the quota headers", async () => {
    const { embed } = playing("rate-limit-free-tier", { maxRetries: 0 });
    for (let call = 0; call < 3; call += 1) await embed();
    await assert.rejects(embed(), (error) => {
      assert.ok(error instanceof Relace.RateLimitError, error);
      assert.equal(error.headers.get("x-ratelimit-remaining"), "0");
      return true;
    });
  });
});

describe("what the SDK leaves to its user", { concurrency: true }, () => {
  for (const scenario of ["truncated-body", "reset-mid-body"]) {
    test(`${scenario}: half an answer is a TypeError of fetch, which the SDK does not retry`, async () => {
      const { embed, requests } = playing(scenario);
      await assert.rejects(embed(), { name: "TypeError", message: "terminated" });
      assert.equal((await requests()).length, 1);
    });
  }

  test("the timeout covers the headers only, and not a slow body", async () => {
    const { embed, requests } = playing("slow-drip", { timeout: 800, maxRetries: 0 });
    const answer = await embed({ output_dtype: "binary" });
    assert.equal(answer.results.length, 3);
    const [{ duration }] = await requests();
    assert.ok(duration > 1, `${duration} s`);
  });

  test("the SDK returns a wrong 200 unchecked", async () => {
    const seen = (scenario) => playing(scenario).embed();
    const shuffled = await seen("shuffled-results");
    assert.deepEqual(shuffled.results.map(({ index }) => index), [1, 2, 0]); // to be sorted by index
    assert.equal((await seen("missing-result")).results.length, 2);
    assert.equal((await seen("nested-results")).results[0].length, 3);
    assert.equal((await seen("wrong-dimension")).results[0].embedding.length, 1280);
    assert.equal((await seen("missing-usage")).usage, undefined);
  });

  test("a 200 that is not JSON is a SyntaxError, not an error of the SDK", async () => {
    const { embed, statuses } = playing("not-a-number");
    await assert.rejects(embed(), SyntaxError);
    assert.deepEqual(await statuses(), [200]);
  });
});
