// Scenarios: what there is, what is installed where and at which step; install, edit, reset, and
// move the clock.

import {ask} from "./api.js";
import {actionButton, download, el, fill} from "./dom.js";
import {Editor} from "./editor.js";
import {keyName} from "./filters.js";
import {dot} from "./journal_view.js";
import {Target} from "./targets.js";

const PAUSE = 1000; // milliseconds between two looks at what is installed

export class ScenariosView {
  #target = new Target();
  #editor = new Editor();
  #installed = el("tbody");
  #library = el("ul", {class: "library"});
  #search = el("input", {type: "search", placeholder: "Find a scenario", "aria-label": "Find a scenario"});
  #seconds = el("input", {type: "number", min: 0, step: "any", value: 60, "aria-label": "Seconds"});
  #scenarios = [];
  #shown = "";
  #done = el("p", {class: "done", role: "status", hidden: true});
  #timer = null;

  #watch;

  /** `watch()` is called when the user opens the journal to see what clients send now. */
  constructor(watch) {
    this.#watch = watch;
    this.#search.addEventListener("input", () => this.#list());
    const act = (label, action, attributes) => actionButton(label, () => this.#act(action), attributes);
    this.element = el("main", {class: "scenarios", id: "scenarios", hidden: true},
      el("h1", {class: "unseen"}, "Scenarios"),
      this.#done,
      el("section", {class: "panel wide"},
        el("h2", {}, "What is played where"),
        el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "What is played where"}, el("table", {class: "table"},
          el("thead", {}, el("tr", {}, ["key", "scenario", "position", "clock", "requests", ""].map((name) =>
            el("th", {scope: "col"}, name || el("span", {class: "unseen"}, "choose"))))),
          this.#installed))),
      el("section", {class: "panel"},
        el("h2", {}, "Scenarios that have a name"), this.#search, this.#library),
      el("section", {class: "panel"},
        el("h2", {}, "Play or change a scenario"),
        el("div", {class: "actions"}, this.#target.element),
        this.#editor.element,
        el("div", {class: "actions"},
          act("Install", async (options) => {
            this.#tellPlayed(await ask("PUT", "scenario", {...options, body: this.#editor.text}));
            return "Installed";
          }, {class: "primary"}),
          act("Remove", async (options) => { await ask("DELETE", "scenario", options); return "Removed"; }),
          act("Reset", async (options) => { await ask("POST", "reset", options); return "Reset"; },
            {title: "Back to the beginning: script, attempts, quota, clock and journal"}),
          actionButton("Save the file", () => {
            download(this.#editor.text, `${this.#editor.name}.yaml`, "application/yaml");
            return "Saved";
          })),
        el("div", {class: "actions"},
          act("Move the clock", async (options) => {
            const {now} = await ask("POST", "clock", {...options, body: {advance: Number(this.#seconds.value)}});
            return `It is ${now.slice(11, 19)} UTC`;
          }),
          "by", this.#seconds, "seconds")));
  }

  /** Opens a text in the editor, for a key that the mock has seen. */
  async edit(text, namespace) {
    this.#done.hidden = true;
    this.#editor.text = text;
    this.#editor.focus();
    await this.#look();
    this.#target.choose(namespace);
  }

  async show() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), PAUSE);
    await this.#look();
    if (!this.#scenarios.length) {
      ({scenarios: this.#scenarios} = await ask("GET", "scenarios"));
      this.#list();
    }
  }

  hide() {
    this.#done.hidden = true;
    clearInterval(this.#timer);
  }

  async #act(action) {
    this.#done.hidden = true;
    const missing = this.#target.problem;
    if (missing) {
      this.#editor.say("bad", missing);
      return null;
    }
    try {
      const said = await action(this.#target.options);
      this.#look();
      return said;
    } catch (error) {
      this.#editor.say("bad", error.message);
      return null;
    }
  }

  /** Says what to do next. It stays in sight while the user scrolls. */
  #tellPlayed({name}) {
    fill(this.#done, el("strong", {}, name), ` is played for ${this.#target.words} now. Let your client send a request, and `,
      el("a", {href: "#journal", onclick: this.#watch}, "watch it arrive"), ".");
    this.#done.hidden = false;
  }

  async #look() {
    let answer;
    try {
      answer = await ask("GET", "namespaces");
    } catch {
      return; // the line at the top says that the mock does not answer
    }
    const text = JSON.stringify(answer, (key, value) => (key === "now" ? undefined : value));
    if (text === this.#shown) return; // so that nothing moves under the cursor
    this.#shown = text;
    this.#target.offer(answer.namespaces);
    const rows = [this.#row("", ["Default", el("small", {class: "muted"}, " every key without its own")], answer.default, "")];
    for (const each of answer.namespaces) {
      rows.push(this.#row(each.namespace, [dot(each.namespace), keyName(each.namespace)], each, each.requests));
    }
    if (answer.more) rows.push(el("tr", {}, el("td", {colspan: 6}, `and ${answer.more} more keys`)));
    fill(this.#installed, rows);
  }

  #row(namespace, name, {name: scenario, chosen_by: by, position = [], advanced}, requests) {
    const follows = by === "default" ? " (the default)" : by === "key" ? " (by the key itself)" : "";
    return el("tr", {},
      el("td", {class: "key"}, name),
      el("td", {}, scenario ? `${scenario}${follows}` : el("span", {class: "muted"}, "normal service")),
      el("td", {}, position.map((rule) => ruleOf(rule, position.length > 1))),
      el("td", {}, advanced ? `+${advanced} s` : ""),
      el("td", {}, `${requests}`),
      el("td", {}, el("button", {type: "button", onclick: () => this.#choose(namespace, scenario)}, "Choose")));
  }

  async #choose(namespace, name) {
    this.#target.choose(namespace);
    this.#editor.focus();
    if (!name) return;
    if (this.#scenarios.some((each) => each.name === name)) {
      await this.#load(name);
      return;
    }
    try {
      const {scenario} = await ask("GET", "scenario", namespace ? {namespace} : {});
      if (scenario) this.#editor.text = `${JSON.stringify(scenario, null, 2)}\n`;
    } catch (error) {
      this.#editor.say("bad", error.message);
    }
  }

  #list() {
    const wanted = this.#search.value.trim().toLowerCase();
    const found = this.#scenarios.filter(({name, description}) =>
      `${name} ${description}`.toLowerCase().includes(wanted));
    fill(this.#library, found.map(({name, description}) => el("li", {},
      el("div", {}, el("strong", {}, name), el("p", {class: "muted"}, description)),
      el("button", {type: "button", "aria-label": `Open ${name}`, onclick: () => { this.#editor.focus(); this.#load(name); }}, "Open"),
      actionButton("Play", () => this.#act(async (options) => {
        this.#tellPlayed(await ask("PUT", "scenario", {...options, body: {name}}));
        return "Plays";
      }), {"aria-label": `Play ${name}`}))));
  }

  async #load(name) {
    try {
      const {scenarios} = await ask("GET", `scenarios?name=${encodeURIComponent(name)}`);
      this.#editor.text = scenarios[0].text ?? "";
    } catch (error) {
      this.#editor.say("bad", error.message);
    }
  }
}

function ruleOf({rule, steps}, several) {
  const at = steps.findIndex(({given, times}) => times === "forever" || given < times);
  const words = at < 0
    ? `all ${steps.length === 1 ? "answers" : "steps"} given`
    : `next: step ${at}, ${steps[at].given} of ${steps[at].times} given`;
  return el("div", {}, several ? `rule ${rule}: ` : "", words);
}
