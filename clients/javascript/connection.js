// Sends a control request to a mock.

import { request as overHttp } from "node:http";
import { request as overHttps } from "node:https";
import { text } from "node:stream/consumers";

/** The mock refused a request, could not be reached, or could not be started. */
export class MockError extends Error {
  name = "MockError";
}

/**
 * Send one control request and return the JSON of its answer.
 *
 * It has a connection of its own: `fetch` would share those that scenarios break. A string as the
 * body is YAML.
 */
export async function ask(url, method, name, body, apiKey, controlToken) {
  const content = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  const headers = {
    Authorization: `Bearer ${apiKey}`,
    ...(controlToken && { "X-Mock-Control-Token": controlToken }),
    ...(content !== undefined && {
      "Content-Type": typeof body === "string" ? "application/yaml" : "application/json",
      "Content-Length": Buffer.byteLength(content),
    }),
  };
  const { status, answer } = await send(new URL(`/_mock/${name}`, url), method, headers, content);
  let parsed;
  try {
    parsed = answer && JSON.parse(answer);
  } catch {
    throw new MockError(`the server at ${url} is not a relace-mock: check the URL`);
  }
  if (status >= 400) throw new MockError(`the mock refused: ${parsed?.error ?? `status ${status}`}`);
  return parsed;
}

async function send(url, method, headers, content) {
  const request = url.protocol === "https:" ? overHttps : overHttp;
  return new Promise((resolve, reject) => {
    const failed = (error) =>
      reject(new MockError(`no mock answers at ${url.origin}: ${error.message || error.code}`));
    const sent = request(url, { method, headers, agent: false }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode, answer }), failed);
    });
    sent.on("error", failed);
    sent.end(content);
  });
}
