// The live journal: a list of exchanges, or their attempts as timelines, and one of them in detail.

import {Detail, badge} from "./detail.js";
import {counted, el, fill} from "./dom.js";
import {Filters, keyName} from "./filters.js";
import {VirtualList} from "./list.js";
import {gap, timeline} from "./timeline.js";
import {clock, seconds} from "./times.js";

const CONVERSATIONS = 40; // timelines that are shown at once, the latest
const HUES = 12;
const RANKS = new Map([["/v2/code/rank", "rank: "], ["/v1/code/rank", "rank, names only: "]]);

export class JournalView {
  #journal;
  #filters = new Filters(() => this.refresh());
  #list;
  #detail;
  #visible = [];
  #attempts = false;
  #open = null;
  #timelines = el("div", {class: "timelines", tabindex: 0, role: "region", "aria-label": "Attempts", hidden: true});
  #empty = el("div", {class: "empty"});
  #hint;

  /** `tools` are further buttons; `hint` says what to do while there is no entry. */
  constructor(journal, {edit = null, origin, tools = [], hint}) {
    this.#journal = journal;
    this.#hint = hint;
    this.#list = new VirtualList("Requests, the newest first", {
      version: (number) => journal.get(number),
      render: (number, row) => this.#row(journal.get(number), row),
      open: (number, how) => this.open(number, how),
    });
    this.#detail = new Detail(journal, {
      open: (number) => this.open(number), close: () => this.close(), edit, origin,
    });
    const mode = (label, attempts) => el("button", {
      type: "button", "aria-pressed": String(attempts === this.#attempts),
      onclick: () => this.#switch(attempts),
    }, label);
    this.#modes = [mode("List", false), mode("Attempts", true)];
    this.element = el("main", {class: "journal", id: "journal"},
      el("h1", {class: "unseen"}, "Live journal"),
      el("div", {class: "toolbar"}, this.#filters.element,
        el("div", {class: "segmented", role: "group", "aria-label": "Shown as"}, this.#modes), tools),
      el("div", {class: "columns"},
        el("div", {class: "left"},
          el("div", {class: "row head", "aria-hidden": "true"},
            ["#", "time", "key", "answer", "request", "scenario", "attempt", "took"].map((name) => el("span", {}, name))),
          this.#list.element, this.#timelines, this.#empty),
        this.#detail.element));
    this.element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#open !== null) this.close();
    });
    journal.onChange(() => this.refresh());
    this.refresh();
  }

  #modes;

  /** Puts the cursor into the text filter. */
  focus() {
    this.#filters.focus();
  }

  show() {
    this.refresh();
  }

  hide() {}

  /** Shows an entry in detail. */
  open(number, {focus = false, following = false} = {}) {
    if (following && this.#open === null) return; // the arrow keys open nothing by themselves
    if (!this.#journal.get(number)) return; // no longer kept
    this.#open = number;
    this.element.classList.add("has-detail");
    this.#list.choose(number);
    this.#detail.show(number, {focus});
  }

  close() {
    this.#open = null;
    this.element.classList.remove("has-detail");
    this.#detail.show(null);
    this.#list.element.focus({preventScroll: true});
  }

  refresh() {
    if (this.element.hidden) return;
    this.#filters.offer(this.#journal);
    const newest = this.#visible[0];
    this.#visible = this.#filters.chosen(this.#journal);
    const added = newest === undefined ? 0 : Math.max(this.#visible.indexOf(newest), 0);
    this.#list.show(this.#visible, added);
    if (this.#attempts) this.#showTimelines();
    this.#empty.hidden = this.#visible.length > 0;
    if (!this.#visible.length) {
      fill(this.#empty, this.#journal.size ? "No request passes these filters." : this.#hint);
    }
    if (this.#open !== null) {
      if (this.#journal.get(this.#open)) this.#detail.show(this.#open);
      else this.close();
    }
  }

  #switch(attempts) {
    this.#attempts = attempts;
    this.#modes.forEach((button, at) => button.setAttribute("aria-pressed", String((at === 1) === attempts)));
    this.element.classList.toggle("as-attempts", attempts);
    this.#timelines.hidden = !attempts;
    this.#list.element.hidden = attempts;
    this.refresh();
  }

  #showTimelines() {
    const seen = new Set();
    const cards = [];
    for (const number of this.#visible) {
      if (seen.has(number)) continue;
      const attempts = this.#journal.conversation(this.#journal.get(number));
      for (const each of attempts) seen.add(each.number);
      if (attempts.length > 1) {
        cards.push(el("article", {class: "card"},
          el("h3", {}, dot(attempts[0].namespace), ` ${keyName(attempts[0].namespace)}, ${clock(attempts[0])}: ${attempts.length} attempts`),
          timeline(attempts, (chosen) => this.open(chosen))));
      }
      if (cards.length === CONVERSATIONS) break;
    }
    fill(this.#timelines, cards.length ? cards : el("p", {class: "empty"}, "No request was retried yet."));
  }

  #row(entry, row) {
    const before = this.#journal.before(entry);
    const passed = before ? gap(before, entry) : null;
    row.append(
      el("span", {class: "number"}, `${entry.number}`),
      el("span", {class: "time"}, clock(entry)),
      el("span", {class: "key"}, dot(entry.namespace), keyName(entry.namespace)),
      el("span", {class: "status"}, badge(entry)),
      el("span", {class: "what"}, whatOf(entry)),
      el("span", {class: "scenario"}, playedOf(entry)),
      el("span", {class: "retry"}, entry.attempt > 1 ? `${entry.attempt}: ` : "",
        passed ? el("span", {class: passed.early ? "bad" : "muted"}, passed.text) : ""),
      el("span", {class: "took"}, entry.outcome === "pending" ? "…" : seconds(entry.duration)));
  }
}

/** A dot in a colour of the key's own. */
export function dot(namespace) {
  const hue = namespace === "anonymous" ? "none" : parseInt(namespace.slice(0, 4), 16) % HUES;
  return el("span", {class: `dot hue-${hue}`, "aria-hidden": "true"});
}

function whatOf(entry) {
  const {method, path} = entry.request;
  const usual = path === "/v1/code/embed" ? "" : RANKS.get(path);
  const target = method === "POST" && usual !== undefined ? usual : `${method} ${path} `;
  const counts = [];
  if (entry.inputs !== null) counts.push(counted(entry.inputs, RANKS.has(path) ? "file" : "input"));
  if (entry.tokens !== null) counts.push(counted(entry.tokens, "token"));
  const broken = entry.violations.length ? entry.violations[0] : "";
  return `${target}${counts.join(", ") || broken}`;
}

function playedOf(entry) {
  if (entry.scenario === null) return entry.chosen_by === "prefer" ? "Prefer" : "";
  if (entry.step === null) return `${entry.scenario}: normal`;
  return `${entry.scenario}: rule ${entry.rule} step ${entry.step}`;
}
