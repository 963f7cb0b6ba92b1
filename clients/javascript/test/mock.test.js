// The package under node:test, as a user would write tests with it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { MockError, startMock } from "relace-mock";
import { withMock } from "relace-mock/node-test";

async function embed(mock) {
  const answer = await fetch(`${mock.baseURL}/code/embed`, {
    method: "POST",
    headers: { Authorization: `Bearer ${mock.apiKey}`, "Content-Type": "application/json" },
    body: JSON.stringify({ model: "relace-embed-v1", input: ["def add(a, b): return a + b"] }),
  });
  await answer.text();
  return answer.status;
}

test("a scenario is played, and the journal has what came", withMock(async (mock) => {
  await mock.play("server-error-once");
  assert.deepEqual([await embed(mock), await embed(mock)], [500, 200]);
  const requests = await mock.requests();
  assert.deepEqual(requests.map(({ status }) => status), [500, 200]);
  assert.deepEqual(requests.map(({ attempt }) => attempt), [1, 2]);
  assert.equal((await mock.requests({ status: "500" })).length, 1);
}));

test("a scenario may be an object, YAML text, or an option of the test",
  withMock({ scenario: { steps: [{ status: 429 }] } }, async (mock, context) => {
    assert.ok(context.name.startsWith("a scenario may be"));
    assert.equal(await embed(mock), 429);
    await mock.play("steps:\n- status: 401\n");
    assert.equal(await embed(mock), 401);
    await mock.stopPlaying();
    assert.equal(await embed(mock), 200);
  }),
);

test("each mock has a key, and so a story, of its own", withMock(async (mock) => {
  const other = mock.fresh();
  await mock.play({ steps: [{ status: 500, times: "forever" }] });
  assert.notEqual(mock.apiKey, other.apiKey);
  assert.deepEqual([await embed(mock), await embed(other)], [500, 200]);
  assert.equal((await other.requests()).length, 1);
}));

test("a verdict says what the client did wrong", withMock(async (mock) => {
  assert.throws((await mock.verdict()).assertOk, /no request arrived/);
  await mock.play("unauthorized");
  for (let request = 0; request < 3; request += 1) await embed(mock);
  const verdict = await mock.verdict();
  assert.equal(verdict.ok, false);
  assert.throws(verdict.assertOk, /fail retried_non_retryable: .*\(request \d+/);
}));

test("the clock moves, and reset rewinds a story", withMock(async (mock) => {
  await mock.play({ rate_limit: { requests: 1, per: "60s" } });
  assert.deepEqual([await embed(mock), await embed(mock)], [200, 429]);
  await mock.advance(60);
  assert.equal(await embed(mock), 200);
  await mock.reset();
  assert.equal(await embed(mock), 200);
  await mock.newCall();
  assert.equal((await mock.requests()).length, 1);
}));

test("a mistake is told in one line", withMock(async (mock) => {
  await assert.rejects(mock.play("no-such"), { name: "MockError", message: /no-such/ });
  await assert.rejects(mock.play([{ status: 429 }]), { name: "TypeError", message: /steps/ });
  await assert.rejects(startMock({ url: "http://127.0.0.1:9" }).then((nobody) => nobody.reset()), {
    message: /no mock answers at http:\/\/127\.0\.0\.1:9: .*ECONNREFUSED/,
  });
  await assert.rejects(startMock({ serve: ["--dimensions", "no"] }), {
    name: "MockError",
    message: /cannot start .*'no' is not a valid integer/s,
  });
  await assert.rejects(startMock({ command: ["/no/such/file"] }), MockError);
}));

test("a running mock is used, with and without /v1", withMock(async (mock) => {
  for (const url of [mock.baseURL, mock.baseURL.replace("/v1", "/"), new URL(mock.baseURL).host]) {
    const same = await startMock({ url, apiKey: mock.apiKey });
    assert.equal(same.baseURL, mock.baseURL);
    await same.reset();
  }
  assert.deepEqual(mock.env, { RELACE_BASE_URL: mock.baseURL, RELACE_API_KEY: mock.apiKey });
}));

test("stop ends the server that was started, and the next start starts another one", async () => {
  const options = { serve: ["--dimensions", "8"] };
  const [mock, same] = await Promise.all([startMock(options), startMock(options)]);
  assert.equal(mock.baseURL, same.baseURL);
  await mock.stop();
  await assert.rejects(same.reset(), MockError);
  const next = await startMock(options);
  assert.equal(await embed(next), 200);
  await next.stop();
});
