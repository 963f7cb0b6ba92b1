// Reads the events of the journal, with `fetch`, so that the token can be a header.

import {Refused, send} from "./api.js";

const FIRST_PAUSE = 500; // milliseconds before the stream is opened again
const LONGEST_PAUSE = 5000;

/**
 * Follows the journal, and connects again when the stream ends, until the mock refuses the request.
 * `tell(state, detail)` is called with changes of the connection.
 */
export async function follow(journal, tell) {
  let last = null;
  let pause = FIRST_PAUSE;
  for (;;) {
    try {
      const headers = last ? {"Last-Event-ID": last} : {};
      const response = await send("GET", "events", {headers});
      tell("loading");
      for await (const event of events(response.body)) {
        if (event.id) last = event.id;
        if (event.data === "") continue;
        pause = FIRST_PAUSE;
        handle(event.name, JSON.parse(event.data), journal, tell);
      }
      tell("lost", "the mock closed the connection");
    } catch (error) {
      if (error instanceof Refused && error.status) {
        tell("refused", error);
        return;
      }
      tell("lost", "the mock does not answer");
    }
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    pause = Math.min(pause * 1.5, LONGEST_PAUSE);
  }
}

function handle(name, data, journal, tell) {
  if (name === "entry") journal.put(data);
  else if (name === "snapshot") journal.clear();
  else if (name === "cleared") journal.clear(data.namespace);
  else if (name === "behind") tell("behind", data.missed);
  else if (name === "live") tell("live", data.dropped);
}

/** The events of a stream: name, data and id. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const {done, value} = await reader.read();
    if (done) return;
    text += value;
    let from = 0;
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n", from)) {
      yield eventOf(text.slice(from, end));
      from = end + 2;
    }
    text = text.slice(from);
  }
}

function eventOf(lines) {
  const event = {name: "message", data: "", id: null};
  for (const line of lines.split("\n")) {
    if (line.startsWith("data: ")) event.data = line.slice(6);
    else if (line.startsWith("event: ")) event.name = line.slice(7);
    else if (line.startsWith("id: ")) event.id = line.slice(4);
  }
  return event;
}
