// The adapter of the official TypeScript SDK, @relace-ai/relace. Run it in a folder that has the
// SDK installed: node …/typescript_sdk.mjs
//
// The SDK has no method for embeddings, so the request goes through its generic `post`. What is
// the SDK's: the request, retries, waits, timeouts, and which error comes. What is the adapter's,
// as any user would write it: the vectors are read from `results` as they come, and each of the
// SDK's errors is called by the protocol's word for it. Nothing is put in order, counted or
// checked that the SDK does not look at; an error that is not the SDK's is `other`.

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

// The first that fits; the classes are a tree.
const KINDS = [
  [sdk.APIConnectionTimeoutError, "timeout"],
  [sdk.APIConnectionError, "connection"],
  [sdk.BadRequestError, "bad_request"],
  [sdk.AuthenticationError, "authentication"],
  [sdk.NotFoundError, "key_not_found"],
  [sdk.RateLimitError, "rate_limit"],
  [sdk.InternalServerError, "server"],
];

let kept; // as a user's client would be, with its connections

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
