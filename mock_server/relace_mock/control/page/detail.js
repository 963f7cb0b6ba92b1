// Everything about one entry: why this answer, its attempts, the request, the answer, the time.

import {curl} from "./curl.js";
import {actionButton, copied, counted, download, el, fill} from "./dom.js";
import {keyName} from "./filters.js";
import {obstacle, scenario} from "./recipe.js";
import {answerOf, kind, timeline} from "./timeline.js";
import {clock, seconds, wait} from "./times.js";
import {why} from "./why.js";

export class Detail {
  #journal;
  #open;
  #edit;
  #origin;
  #shown = null;
  #copy = null;

  /** `edit(text)` opens a scenario in the editor, where there is one. */
  constructor(journal, {open, close, edit, origin}) {
    this.#journal = journal;
    this.#open = open;
    this.#edit = edit;
    this.#origin = origin;
    this.body = el("div", {class: "detail-body"});
    this.title = el("h2", {tabindex: -1});
    this.element = el("section", {class: "detail", "aria-label": "Request", hidden: true},
      el("header", {},
        this.title,
        el("button", {type: "button", class: "close", "aria-label": "Close the request", onclick: close}, "✕")),
      this.body);
  }

  /** Shows an entry; again only if it has changed. */
  show(number, {focus = false} = {}) {
    const entry = number === null ? undefined : this.#journal.get(number);
    this.element.hidden = entry === undefined;
    if (entry === undefined) {
      this.#shown = null;
      return;
    }
    const attempts = this.#journal.conversation(entry);
    const version = [entry, attempts.length, attempts.at(-1)];
    if (!this.#shown || this.#shown.some((each, at) => each !== version[at])) {
      this.#fill(entry, attempts);
      if (this.#shown?.[0].number !== number) this.body.scrollTop = 0;
      this.#shown = version;
    }
    if (focus) this.title.focus();
  }

  #fill(entry, attempts) {
    // The same button for the same request: it may just be saying that it has copied.
    if (this.#shown?.[0].number !== entry.number) {
      this.#copy = actionButton("Copy as curl", () => copied(curl(this.#shown[0], this.#origin)));
    }
    fill(this.title, `#${entry.number} `, badge(entry));
    fill(this.body,
      this.#actions(entry, attempts),
      section("Why this answer", el("ul", {class: "why"}, why(entry).map(([level, text]) => el("li", {class: level || null}, text)))),
      entry.violations.length ? section("Violations of the contract", lines(entry.violations, "bad")) : null,
      entry.notes.length ? section("Accepted, though only observed to work", lines(entry.notes)) : null,
      attempts.length > 1 ? section("Attempts", timeline(attempts, (number) => this.#open(number))) : null,
      section("Request",
        el("p", {class: "line"}, `${entry.request.method} ${entry.request.path}${entry.request.query ? `?${entry.request.query}` : ""}`),
        headers(entry.request.headers),
        content(entry.request, "Body of the request")),
      section("Answer", this.#answer(entry)),
      section("Timing", this.#timing(entry)));
  }

  #actions(entry, attempts) {
    const problem = obstacle(entry);
    return el("div", {class: "actions"},
      this.#copy,
      el("button", {
        type: "button", disabled: problem !== null, title: problem ?? "",
        onclick: () => this.#makeScenario(attempts.filter((each) => obstacle(each) === null)),
      }, "Make this a scenario"),
      problem ? el("p", {class: "muted"}, problem) : null);
  }

  #makeScenario(attempts) {
    const text = scenario(attempts);
    const name = /^name: (.*)$/m.exec(text)[1];
    const dialog = el("dialog", {class: "recipe", "aria-label": "Scenario"},
      el("h2", {}, "This conversation as a scenario"),
      el("p", {}, "The mock answers the same again when it plays this file. ",
        el("code", {}, `relace-mock scenario check ${name}.yaml`), " accepts it, and ",
        el("code", {}, `relace-mock serve --scenario ${name}.yaml`), " plays it for every key."),
      el("pre", {tabindex: 0, role: "region", "aria-label": "Scenario as YAML"}, text),
      el("div", {class: "actions"},
        actionButton("Copy", () => copied(text)),
        actionButton("Save the file", () => { download(text, `${name}.yaml`, "application/yaml"); return "Saved"; }),
        this.#edit ? el("button", {type: "button", onclick: () => { dialog.close(); this.#edit(text, attempts[0].namespace); }}, "Open in the editor") : null,
        el("button", {type: "button", onclick: () => dialog.close()}, "Close")));
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  #answer(entry) {
    if (entry.outcome === "pending" && !entry.answer) return el("p", {class: "muted"}, "Not yet.");
    const said = el("p", {class: "line"}, entry.status === null ? "No status line was sent" : `HTTP ${entry.status}`,
      entry.fault ? `, then the fault ${entry.fault}` : "");
    const {answer} = entry;
    if (!answer) return said;
    return [said, headers(answer.headers), content(answer, "Body of the answer")];
  }

  #timing(entry) {
    const before = this.#journal.before(entry);
    const rows = [
      ["Arrived", `${entry.time.slice(0, 10)} ${clock(entry)}`],
      ["Took", entry.duration === null ? "still under way" : seconds(entry.duration)],
      ["Outcome", entry.outcome.replace("_", " ")],
      ["Attempt", entry.attempt ?? "not counted"],
      ["Key", keyName(entry.namespace)],
      ["From", entry.client],
    ];
    if (before) {
      const {gap, asked, early} = wait(before, entry);
      rows.push(["Gap before", el("span", {class: early ? "bad" : null},
        asked === null ? seconds(gap) : `${seconds(gap)}, told to wait ${seconds(asked)}`)]);
    }
    return el("dl", {}, rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
  }
}

/** The status of an entry as a coloured mark. */
export function badge(entry) {
  return el("span", {class: `badge ${kind(entry)}`}, answerOf(entry));
}

function section(title, ...children) {
  return el("section", {}, el("h3", {}, title), children);
}

function lines(texts, level = "") {
  return el("ul", {class: "why"}, texts.map((text) => el("li", {class: level || null}, text)));
}

function headers(fields) {
  return el("details", {}, el("summary", {}, counted(fields.length, "header field")),
    el("table", {class: "fields"}, el("tbody", {}, fields.map(([name, value]) =>
      el("tr", {}, el("th", {scope: "row"}, name), el("td", {}, value))))));
}

/** A body, indented if it is JSON, with a word about what is not shown. */
function content({body, body_base64: encoded, length}, label) {
  if (!length) return el("p", {class: "muted"}, "No body.");
  const text = encoded ?? pretty(body);
  const kept = encoded ? atob(encoded).length : new TextEncoder().encode(body).length;
  const notes = [counted(length, "byte")];
  if (encoded) notes.push("shown in Base64");
  if (kept < length) notes.push(`only the first ${kept.toLocaleString("en")} are kept`);
  return [
    el("p", {class: "muted"}, notes.join(", ")),
    el("pre", {tabindex: 0, role: "region", "aria-label": label}, text),
  ];
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
