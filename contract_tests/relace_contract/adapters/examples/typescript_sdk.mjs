// The adapter of the official TypeScript SDK, @relace-ai/relace. Run it in a folder that has the
// SDK installed: node …/typescript_sdk.mjs
//
// The SDK has no method for embeddings, so the request goes through its generic `post`. The SDK
// makes the request, retries, waits, times out, and chooses the error. The adapter does what any
// user would write: it reads the vectors from `results` as they come, and translates the SDK's
// errors into the protocol. It does not sort, count or check anything that the SDK does not; an
// error that is not the SDK's is `other`.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const require = createRequire(pathToFileURL(`${process.cwd()}/`));
const sdk = require("@relace-ai/relace");
const { version } = JSON.parse(
  readFileSync(new URL("package.json", pathToFileURL(require.resolve("@relace-ai/relace")))),
);
const { Relace } = sdk;

const IDENTITY = {
  client: "@relace-ai/relace",
  version,
  language: "typescript",
  features: ["retry", "retry_after", "timeout", "binary", "rate_limit"],
};

// The first class that fits counts; some classes are subclasses of others.
const KINDS = [
  [sdk.APIConnectionTimeoutError, "timeout"],
  [sdk.APIConnectionError, "connection"],
  [sdk.BadRequestError, "bad_request"],
  [sdk.AuthenticationError, "authentication"],
  [sdk.NotFoundError, "key_not_found"],
  [sdk.RateLimitError, "rate_limit"],
  [sdk.InternalServerError, "server"],
];

let kept; // the client and its connections, as a user would keep them

function clientFor({ base_url: baseURL, api_key: apiKey }) {
  if (kept?.baseURL !== baseURL || kept?.apiKey !== apiKey) kept = new Relace({ baseURL, apiKey });
  return kept;
}

async function embed(request) {
  const { model, input, output_dtype } = request;
  const answer = await clientFor(request).post("/code/embed", {
    body: { model, input, output_dtype },
    timeout: request.timeout_ms,
    maxRetries: request.max_retries,
  });
  return {
    outcome: "ok",
    embeddings: answer.results.map((result) => result.embedding),
    total_tokens: answer.usage?.total_tokens,
  };
}

function failure(error) {
  const [, kind] = KINDS.find(([type]) => error instanceof type) ?? [null, "other"];
  const limit = (name) => error.headers?.get?.(`x-ratelimit-${name}`);
  return {
    outcome: "error",
    kind,
    status: error.status,
    message: `${error.constructor.name}: ${error.message}`,
    rate_limit: { limit: limit("limit"), remaining: limit("remaining"), reset: limit("reset") },
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const { seq, cmd, ...request } = JSON.parse(line);
  if (cmd === "stop") break;
  const answer = cmd === "start" ? IDENTITY : await embed(request).catch(failure);
  process.stdout.write(`${JSON.stringify({ seq, ...answer })}\n`);
}
process.exit(0);
