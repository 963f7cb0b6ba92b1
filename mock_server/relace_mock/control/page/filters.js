// The filters of the journal: key, status, scenario, and any text of request or answer.

import {el} from "./dom.js";

const texts = new WeakMap(); // of entries, in lower case: searched again with each key press

export class Filters {
  #change;
  #key = choice("Key", "All keys");
  #status = choice("Status", "Any status");
  #scenario = choice("Scenario", "Any scenario");
  #text = el("input", {type: "search", placeholder: "Text in request or answer", "aria-label": "Text", class: "grow"});

  constructor(change) {
    this.#change = change;
    this.element = el("div", {class: "filters", role: "search"},
      this.#key, this.#status, this.#scenario, this.#text);
    this.element.addEventListener("input", () => this.#change());
  }

  /** Puts the cursor into the text filter. */
  focus() {
    this.#text.focus();
  }

  /** Offers the values that there are. */
  offer(journal) {
    const keys = new Set();
    const statuses = new Set();
    const scenarios = new Set();
    for (const entry of journal) {
      keys.add(entry.namespace);
      statuses.add(entry.status === null ? "none" : String(entry.status));
      if (entry.scenario) scenarios.add(entry.scenario);
    }
    offer(this.#key, keys, keyName);
    offer(this.#status, statuses, (status) => (status === "none" ? "No answer" : status));
    offer(this.#scenario, scenarios, (name) => name);
  }

  /** The numbers of the entries that pass, the newest first. */
  chosen(journal) {
    const [key, status, scenario] = [this.#key.value, this.#status.value, this.#scenario.value];
    const text = this.#text.value.trim().toLowerCase();
    const numbers = [];
    for (const entry of journal) {
      if (key && entry.namespace !== key) continue;
      if (status && (entry.status === null ? "none" : String(entry.status)) !== status) continue;
      if (scenario && entry.scenario !== scenario) continue;
      if (text && !textOf(entry).includes(text)) continue;
      numbers.push(entry.number);
    }
    return numbers.reverse();
  }
}

/** A key's hash, short enough for a column. */
export function keyName(namespace) {
  return namespace === "anonymous" ? "no key" : namespace.slice(0, 8);
}

function choice(label, all) {
  return el("select", {"aria-label": label}, el("option", {value: ""}, all));
}

function known(select) {
  return [...select.options].slice(1).map((option) => option.value);
}

function offer(select, values, nameOf) {
  if (select.value) values.add(select.value);
  const wanted = [...values].sort();
  if (wanted.join("\n") === known(select).join("\n")) return;
  const chosen = select.value;
  select.replaceChildren(
    select.options[0],
    ...wanted.map((value) => el("option", {value}, nameOf(value))),
  );
  select.value = chosen;
}

function textOf(entry) {
  let text = texts.get(entry);
  if (text === undefined) {
    const {request, answer} = entry;
    text = [
      `#${entry.number}`, request.method, request.path, request.query, request.body, answer?.body,
      entry.fault, ...entry.mutations, ...entry.violations, entry.client, entry.namespace,
      ...request.headers.flat(),
    ].join("\n").toLowerCase();
    texts.set(entry, text);
  }
  return text;
}
