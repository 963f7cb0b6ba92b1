// Control requests. The token is typed once and kept for the tab; it is a header, never in a URL.

const KEPT = "relace-mock control token";

/** A request that the server refused, with its message. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }

  /** Whether the server wants a token, or another one. */
  get wantsToken() {
    return this.status === 403 && this.message.includes("X-Mock-Control-Token");
  }
}

export function keepToken(token) {
  sessionStorage.setItem(KEPT, token);
}

/** Sends a request below `/_mock/`. `namespace` is a key's hash, and `key` a key itself. */
export async function send(method, name, {body, namespace, key, headers = {}, signal} = {}) {
  const fields = {...headers};
  const token = sessionStorage.getItem(KEPT);
  if (token) fields["X-Mock-Control-Token"] = token;
  if (key) fields.Authorization = `Bearer ${key}`;
  else if (namespace) fields["X-Mock-Namespace"] = namespace;
  const content = body === undefined || typeof body === "string" ? body : JSON.stringify(body);
  let response;
  try {
    response = await fetch(name, {method, headers: fields, body: content, signal, cache: "no-store"});
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refused(0, "the mock does not answer: is it still running?");
  }
  if (!response.ok) throw new Refused(response.status, await problemOf(response));
  return response;
}

/** The same, for an answer in JSON. */
export async function ask(method, name, options) {
  const response = await send(method, name, options);
  return response.status === 204 ? null : response.json();
}

async function problemOf(response) {
  const text = await response.text();
  try {
    return JSON.parse(text).error;
  } catch {
    return `status ${response.status}`;
  }
}
