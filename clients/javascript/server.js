// Finds a running mock, or starts one for this process.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { MockError } from "./connection.js";

const READY = "relace-mock ready: ";
/** The servers that this process started, by their command line. */
const started = new Map();

/**
 * The server for `options`: the one at a URL, or one that is started with `options.serve`.
 *
 * All calls of one process with the same options share one server.
 */
export async function findServer({ url = process.env.RELACE_MOCK_URL, command, serve = [] }) {
  if (url) return { ...addresses(url), stop: async () => {} };
  const words = [...(command ?? defaultCommand()), "serve", "--port", "0", "--stop-with-stdin", ...serve];
  const key = JSON.stringify(words);
  if (!started.has(key)) {
    const server = start(words, () => started.delete(key));
    started.set(key, server);
    server.catch(() => started.delete(key));
  }
  return started.get(key);
}

/** The command on the path; else `uvx`, which installs and runs it. */
function defaultCommand() {
  if (isOnPath("relace-mock")) return ["relace-mock"];
  if (isOnPath("uvx")) return ["uvx", "--from", "relace-mock", "relace-mock"];
  throw new MockError(
    "there is no relace-mock: install it with `pip install relace-mock`, or install uv, " +
      "or set RELACE_MOCK_URL to a running mock",
  );
}

function isOnPath(name) {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** The URLs of a mock, from its address with or without `/v1`. */
function addresses(given) {
  const text = /^[a-z]+:\/\//i.test(given) ? given : `http://${given}`;
  if (!URL.canParse(text)) throw new MockError(`${JSON.stringify(given)} is not a URL of a mock`);
  const url = text.replace(/\/+$/, "").replace(/\/v1$/, "");
  return { url, baseURL: `${url}/v1` };
}

/** Start a server that ends with this process: its standard input closes then. */
async function start([file, ...words], forget) {
  const child = spawn(file, words, { stdio: ["pipe", "pipe", "pipe"] });
  let errors = "";
  child.stderr.setEncoding("utf-8").on("data", (text) => {
    errors = (errors + text).slice(-4000);
  });
  child.stdin.on("error", () => {}); // the server may end first
  const exit = new Promise((resolve) => child.once("exit", resolve));
  const failure = new Promise((resolve) => child.once("error", (error) => resolve(error.message)));
  const ready = new Promise((resolve) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith(READY)) resolve(line.slice(READY.length).trim());
    });
  });
  const outcome = await Promise.race([
    ready.then((url) => ({ url })),
    failure.then((reason) => ({ reason })),
    once(child, "close").then(() => ({ reason: errors.trim() || "it ended" }), () => ({ reason: "it ended" })),
  ]);
  if (!outcome.url) {
    throw new MockError(`cannot start ${[file, ...words].join(" ")}: ${outcome.reason}`);
  }
  // The server must not keep this process alive.
  child.unref();
  for (const stream of child.stdio) stream.unref?.();
  return {
    ...addresses(outcome.url),
    stop: async () => {
      forget();
      child.ref();
      child.stdin.end();
      child.kill("SIGTERM");
      await exit;
    },
  };
}
