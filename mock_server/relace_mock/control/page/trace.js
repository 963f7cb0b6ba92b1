// A trace: the journal in a file of its own, shown by the page's modules without a server.

import {counted, el} from "./dom.js";
import {Journal, LIMIT} from "./journal.js";
import {JournalView} from "./journal_view.js";

const about = JSON.parse(document.getElementById("about").textContent);
const entries = JSON.parse(document.getElementById("entries").textContent);
const journal = new Journal();
for (const entry of entries.slice(-LIMIT)) journal.put(entry);
const lost = about.dropped + Math.max(entries.length - LIMIT, 0);
document.body.append(
  el("header", {class: "top"},
    el("strong", {class: "brand"}, about.title),
    el("span", {class: "state"},
      `${counted(entries.length, "request")}, written ${about.written.replace("T", " ").slice(0, 19)} UTC by relace-mock ${about.version}`,
      lost ? `; ${counted(lost, "earlier request")} left out` : "")),
  new JournalView(journal, {
    origin: "http://127.0.0.1:8080", hint: "No request arrived before this trace was written.",
  }).element);
