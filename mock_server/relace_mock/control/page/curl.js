// An entry as a command for a shell. The journal has no key, so the command takes it from a variable.

const SENT = new Set(["content-type", "content-encoding", "prefer", "x-mock-scenario", "accept"]);

/** The command that sends this request again to the mock at `origin`. */
export function curl(entry, origin) {
  const {method, path, query, headers, body, body_base64: encoded, length} = entry.request;
  const url = `${origin}${path}${query ? `?${query}` : ""}`;
  const parts = ["curl -sS -i", quoted(url)];
  const text = encoded || !body?.includes("\0") ? body : undefined;
  const bytes = encoded ?? (text === undefined && body ? inBase64(body) : undefined);
  if (method === "HEAD") parts.push("--head");
  else if (method !== (body || encoded ? "POST" : "GET")) parts.push(`-X ${quoted(method)}`);
  if (headers.some(([name]) => name === "authorization")) {
    parts.push('-H "Authorization: Bearer $RELACE_API_KEY"');
  }
  for (const [name, value] of headers) {
    if (SENT.has(name) && value !== "<hidden>") parts.push(`-H ${quoted(`${name}: ${value}`)}`);
  }
  if (!headers.some(([name]) => name === "content-type") && (body || encoded)) {
    parts.push("-H 'Content-Type:'"); // else curl writes one
  }
  let command = "";
  let note = "";
  if (bytes) {
    command = `printf %s ${quoted(bytes)} | base64 -d | `;
    parts.push("--data-binary @-");
  } else if (text) {
    parts.push(`--data-raw ${quoted(text)}`);
  }
  const kept = encoded ? atob(encoded).length : new TextEncoder().encode(body).length;
  if (kept < length) note = `# The journal kept ${kept} of the ${length} bytes of the body.\n`;
  return note + command + parts.join(" \\\n  ");
}

/** A word for a POSIX shell. */
function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function inBase64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
