/** The mock refused a request, could not be reached, or could not be started. */
export class MockError extends Error {}

export interface MockOptions {
  /** Address of a running mock. By default `RELACE_MOCK_URL`; without it, a mock is started. */
  url?: string;
  /** API key of the mock. By default a new one. */
  apiKey?: string;
  /** Token of the running mock. By default `RELACE_MOCK_CONTROL_TOKEN`. */
  controlToken?: string;
  /** Program that starts the mock, with its first arguments. By default `relace-mock`, or `uvx`. */
  command?: readonly string[];
  /** Options of `relace-mock serve`, such as `["--dimensions", "256"]`. */
  serve?: readonly string[];
}

/** A scenario: see the guide "Write a scenario", or the server's `/_mock/scenario.schema.json`. */
export interface Scenario {
  name?: string;
  description?: string;
  seed?: number;
  dimensions?: number;
  rate_limit?: Record<string, unknown> | string;
  steps?: readonly Record<string, unknown>[];
  rules?: readonly Record<string, unknown>[];
  repeat?: boolean;
  [key: string]: unknown;
}

/** One request in the journal. The server's `/_mock/openapi.json` describes every field. */
export interface RecordedRequest {
  number: number;
  /** Time of arrival, ISO 8601, on the clock of the key. */
  time: string;
  outcome: "pending" | "answered" | "refused" | "faulted" | "client_aborted";
  /** Null if no status line was sent. */
  status: number | null;
  /** The n-th request with this body since its last success. */
  attempt: number;
  scenario: string | null;
  rule: number | null;
  step: number | null;
  fault: string | null;
  /** Seconds. */
  duration: number | null;
  violations: unknown[];
  request: {
    method: string;
    path: string;
    headers: unknown;
    body: string | null;
    [key: string]: unknown;
  };
  [key: string]: unknown;
}

export interface Finding {
  rule: string;
  level: "fail" | "warn";
  message: string;
  /** Numbers of requests in the journal. */
  requests: number[];
}

export interface Verdict {
  ok: boolean;
  /** Whether the journal still has every request of this key. */
  complete: boolean;
  /** How many requests were judged. */
  requests: number;
  findings: Finding[];
  /** Throw an AssertionError that lists the findings, unless `ok`. */
  assertOk(): void;
}

export interface Filters {
  status?: string;
  scenario?: string;
  since?: string;
  limit?: string;
  settle?: string;
}

/** One API key of a mock: its scenario, journal, quota and clock. */
export class Mock {
  private constructor();
  /** The base URL for the client under test. */
  readonly baseURL: string;
  /** The API key for the client under test. */
  readonly apiKey: string;
  /** The environment variables that lead Relace's SDKs to this mock. */
  readonly env: { RELACE_BASE_URL: string; RELACE_API_KEY: string };
  /** Another mock on the same server, with a new key. */
  fresh(): Mock;
  /** Play a scenario from its beginning: the name of a bundled one, YAML text, or an object. */
  play(scenario: string | Scenario): Promise<void>;
  /** Remove the scenario of this key. The key then follows the server's default. */
  stopPlaying(): Promise<void>;
  /** The requests of this key, oldest first. Waits for requests that are still under way. */
  requests(filters?: Filters): Promise<RecordedRequest[]>;
  /** Judge how the client behaved: contract, retries, waits. */
  verdict(): Promise<Verdict>;
  /** Move the clock of this key, and so its quota, without waiting. */
  advance(seconds: number): Promise<void>;
  /** Count attempts from 1 again: the next request is a new call, not a retry. */
  newCall(): Promise<void>;
  /** Return script, quota, clock and journal of this key to their beginning. */
  reset(): Promise<void>;
  /** Let the server forget this key. */
  forget(): Promise<void>;
  /** Stop the server, if this process started it. */
  stop(): Promise<void>;
}

/** Start a mock, or use the running one that `RELACE_MOCK_URL` or `options.url` names. */
export function startMock(options?: MockOptions): Promise<Mock>;
