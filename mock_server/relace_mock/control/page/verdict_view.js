// The verdict of each key, with the requests that led to it.

import {ask} from "./api.js";
import {counted, el, fill} from "./dom.js";
import {keyName} from "./filters.js";
import {dot} from "./journal_view.js";

const SHOWN = 12; // numbers of requests beside a finding
const PAUSE = 2000; // milliseconds between two looks

export class VerdictView {
  #cards = el("div", {class: "verdicts"});
  #open;
  #timer = null;
  #shown = "";

  /** `open(number)` shows a request in the journal. */
  constructor(open) {
    this.#open = open;
    this.element = el("main", {class: "verdict", id: "verdict", hidden: true},
      el("h1", {class: "unseen"}, "Verdict of each key"), this.#cards);
  }

  async show() {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#look(), PAUSE);
    await this.#look();
  }

  hide() {
    clearInterval(this.#timer);
  }

  async #look() {
    let answer;
    try {
      answer = await ask("GET", "verdicts");
    } catch (error) {
      fill(this.#cards, el("p", {class: "empty"}, error.message));
      return;
    }
    const text = JSON.stringify(answer);
    if (text === this.#shown) return;
    this.#shown = text;
    // Those that broke a rule first; the latest first otherwise.
    const sorted = [...answer.verdicts].sort((one, other) => rank(one) - rank(other));
    fill(this.#cards,
      sorted.length ? sorted.map((each) => this.#card(each)) : el("p", {class: "empty"}, "No request yet, so there is nothing to judge."),
      answer.more ? el("p", {class: "muted"}, `Left out: ${counted(answer.more, "more key")}.`) : null);
  }

  #card({namespace, ok, complete, requests, findings}) {
    const name = ok ? "ok" : requests || !complete ? "not ok" : "nothing to judge";
    return el("article", {class: "card"},
      el("h2", {}, dot(namespace), `${keyName(namespace)} `, el("span", {class: `badge ${ok ? "good" : requests ? "refused" : ""}`}, name)),
      el("p", {class: "muted"}, `${counted(requests, "request")} judged${complete ? "" : "; others are no longer in the journal"}`),
      ok && !findings.length ? el("p", {class: "muted"}, "It kept every rule of the verdict: waits, retries, connections, repeated work.") : null,
      el("ul", {class: "findings"}, findings.map((finding) => this.#finding(finding))));
  }

  #finding({rule, level, message, requests}) {
    const links = requests.slice(0, SHOWN).map((number) =>
      el("button", {type: "button", class: "link", onclick: () => this.#open(number)}, `#${number}`));
    return el("li", {},
      el("span", {class: `badge ${level === "fail" ? "refused" : "passing"}`}, rule.replaceAll("_", " ")),
      ` ${message} `,
      links.flatMap((link) => [link, " "]),
      requests.length > SHOWN ? `and ${requests.length - SHOWN} more` : null);
  }
}

function rank({ok, findings}) {
  if (!ok) return findings.some(({level}) => level === "fail") ? 0 : 3;
  return findings.length ? 1 : 2;
}
