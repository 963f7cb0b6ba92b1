// A text field for a scenario. The server's own loader checks the text while the user types: each
// mistake is marked at its line, and the scenario is described in words.

import {ask} from "./api.js";
import {el, fill} from "./dom.js";

const EXAMPLE = "steps:\n  - status: 429\n    retry_after: 2s\n    times: 2";
const PAUSE = 300; // milliseconds after a key press

export class Editor {
  #area = el("textarea", {
    "aria-label": "Scenario as YAML", spellcheck: "false", wrap: "off", rows: 14, "aria-describedby": "scenario-said",
    placeholder: EXAMPLE,
  });
  #gutter = el("div", {class: "gutter", "aria-hidden": "true"});
  #said = el("div", {class: "said", id: "scenario-said", role: "status"});
  #timer = null;
  #asked = 0;
  #mistakes = [];

  constructor() {
    this.element = el("div", {class: "editor"},
      el("div", {class: "page"}, this.#gutter, this.#area), this.#said);
    this.#area.addEventListener("input", () => this.#later());
    this.#area.addEventListener("scroll", () => { this.#gutter.scrollTop = this.#area.scrollTop; });
    this.#number();
  }

  get text() {
    return this.#area.value;
  }

  set text(value) {
    this.#area.value = value;
    this.#later(0);
  }

  /** The name of the scenario, for a file. */
  get name() {
    return /^name: *["']?([\w.-]+)/m.exec(this.text)?.[1] ?? "scenario";
  }

  focus() {
    this.#area.focus();
  }

  /** Shows a message that is not about a line. */
  say(level, text) {
    fill(this.#said, el("p", {class: level}, text));
  }

  #later(pause = PAUSE) {
    this.#number();
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), pause);
  }

  async #check() {
    this.#asked += 1;
    const asked = this.#asked;
    if (!this.text.trim()) {
      this.#mistakes = [];
      fill(this.#said);
      this.#number();
      return;
    }
    let answer;
    try {
      answer = await ask("POST", "check", {body: this.text});
    } catch (error) {
      this.say("bad", error.message);
      return;
    }
    if (asked !== this.#asked) return; // typed on meanwhile
    this.#mistakes = answer.mistakes;
    this.#area.setAttribute("aria-invalid", String(!answer.ok));
    this.#number();
    if (answer.ok) fill(this.#said, el("p", {class: "good"}, "✓ valid"), el("pre", {}, answer.words));
    else fill(this.#said, el("ul", {class: "mistakes"}, answer.mistakes.map((one) => this.#mistake(one))));
  }

  #mistake({line, column, key, problem}) {
    const text = `${key ? `${key}: ` : ""}${problem}`;
    if (!line) return el("li", {}, text);
    return el("li", {}, el("button", {type: "button", class: "link", onclick: () => this.#goto(line, column)}, `line ${line}`), ` ${text}`);
  }

  #goto(line, column) {
    const lines = this.text.split("\n");
    const at = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0) + column - 1;
    this.#area.focus();
    this.#area.setSelectionRange(at, at);
  }

  #number() {
    const bad = new Set(this.#mistakes.map(({line}) => line));
    const count = this.text.split("\n").length;
    fill(this.#gutter, Array.from({length: count}, (_, at) =>
      el("div", {class: bad.has(at + 1) ? "wrong" : null}, bad.has(at + 1) ? `✗${at + 1}` : `${at + 1}`)));
  }
}
