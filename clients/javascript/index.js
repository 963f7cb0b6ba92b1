// Controls a relace-mock server from a test: `startMock()` finds or starts one, and gives a `Mock`.

import { randomBytes } from "node:crypto";
import { AssertionError } from "node:assert";
import { ask, MockError } from "./connection.js";
import { findServer } from "./server.js";

export { MockError };

/** The most that the mock waits for requests that are still under way. */
const SETTLE = "2s";

/**
 * Start a mock, or use the running one that `RELACE_MOCK_URL` or `options.url` names.
 *
 * The processes of one test run share one server; each mock has an API key, and so a scenario, a
 * quota, a clock and a journal of its own.
 */
export async function startMock(options = {}) {
  const server = await findServer(options);
  return new Mock(server, options.apiKey ?? freshKey(), options.controlToken);
}

/** A key that no test has used before, as Relace's keys look. */
function freshKey() {
  return `rlc-${randomBytes(16).toString("hex")}`;
}

/** One API key of a mock: its scenario, journal, quota and clock. */
export class Mock {
  #server;
  #controlToken;

  constructor(server, apiKey, controlToken = process.env.RELACE_MOCK_CONTROL_TOKEN) {
    this.#server = server;
    this.#controlToken = controlToken;
    /** The base URL for the client under test. */
    this.baseURL = server.baseURL;
    /** The API key for the client under test. */
    this.apiKey = apiKey;
  }

  /** The environment variables that lead Relace's SDKs to this mock. */
  get env() {
    return { RELACE_BASE_URL: this.baseURL, RELACE_API_KEY: this.apiKey };
  }

  /** Another mock on the same server, with a new key. */
  fresh() {
    return new Mock(this.#server, freshKey(), this.#controlToken);
  }

  /** Play a scenario from its beginning: the name of a bundled one, YAML text, or an object. */
  async play(scenario) {
    const isText = typeof scenario === "string";
    const isYaml = isText && /\n|: |^\s*\{/.test(scenario);
    if (!isText && (typeof scenario !== "object" || scenario === null || Array.isArray(scenario))) {
      throw new TypeError(
        "play() takes a name, YAML text, or an object such as {steps: [{status: 429}]}",
      );
    }
    await this.#ask("PUT", "scenario", isYaml ? scenario : isText ? { name: scenario } : scenario);
  }

  /** Remove the scenario of this key. The key then follows the server's default. */
  async stopPlaying() {
    await this.#ask("DELETE", "scenario");
  }

  /** The requests of this key, oldest first. Waits for requests that are still under way. */
  async requests(filters = {}) {
    const query = new URLSearchParams({ settle: SETTLE, ...filters });
    return (await this.#ask("GET", `requests?${query}`)).requests;
  }

  /** Judge how the client behaved: contract, retries, waits. */
  async verdict() {
    await this.requests({ limit: "1" });
    const verdict = await this.#ask("GET", "verdict");
    return { ...verdict, assertOk: () => assertOk(verdict) };
  }

  /** Move the clock of this key, and so its quota, without waiting. */
  async advance(seconds) {
    await this.#ask("POST", "clock", { advance: seconds });
  }

  /** Count attempts from 1 again: the next request is a new call, not a retry. */
  async newCall() {
    await this.#ask("POST", "new-call");
  }

  /** Return script, quota, clock and journal of this key to their beginning. */
  async reset() {
    await this.#ask("POST", "reset");
  }

  /** Let the server forget this key. */
  async forget() {
    await this.#ask("DELETE", "namespace");
  }

  /** Stop the server, if this process started it. */
  async stop() {
    await this.#server.stop();
  }

  #ask(method, name, body) {
    return ask(this.#server.url, method, name, body, this.apiKey, this.#controlToken);
  }
}

function assertOk(verdict) {
  if (verdict.ok) return;
  const findings = verdict.findings.map(
    ({ level, rule, message, requests }) =>
      `  ${level} ${rule}: ${message}${requests.length ? ` (request ${requests.join(", ")})` : ""}`,
  );
  const count = `the mock's verdict on ${verdict.requests} request${verdict.requests === 1 ? "" : "s"}`;
  const message = [`${count} is not ok`, ...(findings.length ? findings : ["  no request arrived"])];
  throw new AssertionError({ message: message.join("\n"), stackStartFn: assertOk });
}
