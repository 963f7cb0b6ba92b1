// A template: replace `embed` by your own client, and list its features in IDENTITY.
// Run it with: relace-mock verify-client --stdio 'node fetch.mjs'
//
// The client here is the one that most people write first. It has no types of errors, does not
// retry, trusts the order of the results, and checks nothing in the answer.

import { createInterface } from "node:readline";

const IDENTITY = {
  client: "plain fetch",
  version: process.version,
  language: "javascript",
  features: [], // of: retry, retry_after, timeout, batch, binary, rate_limit
};

async function embed(texts, { base_url: baseUrl, api_key: apiKey, model }) {
  const response = await fetch(`${baseUrl}/code/embed`, {
    method: "POST",
    headers: { Authorization: `Bearer ${apiKey}`, "Content-Type": "application/json" },
    body: JSON.stringify({ model, input: texts }),
  });
  if (!response.ok) {
    throw new Error(`Relace answered ${response.status}: ${await response.text()}`);
  }
  const { results, usage } = await response.json();
  return { vectors: results.map((result) => result.embedding), tokens: usage?.total_tokens };
}

// The protocol. Only answers go to standard output; send logs to console.error.

async function answer({ cmd, ...request }) {
  if (cmd === "start") return IDENTITY;
  try {
    const { vectors, tokens } = await embed(request.input, request);
    return { outcome: "ok", embeddings: vectors, total_tokens: tokens };
  } catch (error) {
    // If your client tells errors apart, translate them into `kind` and `status`.
    return { outcome: "error", kind: "other", message: String(error) };
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { seq, ...request } = JSON.parse(line);
  if (request.cmd === "stop") break;
  process.stdout.write(`${JSON.stringify({ seq, ...(await answer(request)) })}\n`);
}
process.exit(0);
