// Whose scenario or clock a request changes: the server's default, a key that the mock has seen, or
// a key that the user types. A typed key is sent and then forgotten.

import {el} from "./dom.js";
import {keyName} from "./filters.js";

const TYPED = "typed";

export class Target {
  #select = el("select", {"aria-label": "For"});
  #key = el("input", {type: "password", "aria-label": "API key", placeholder: "API key", autocomplete: "off", hidden: true});

  constructor() {
    this.element = el("span", {class: "target"}, this.#select, this.#key);
    this.#select.addEventListener("input", () => { this.#key.hidden = this.#select.value !== TYPED; });
    this.offer([]);
  }

  /** Offers the namespaces that there are. */
  offer(namespaces) {
    const chosen = this.#select.value;
    this.#select.replaceChildren(
      el("option", {value: ""}, "Default: every key without its own"),
      ...namespaces.map(({namespace}) => el("option", {value: namespace}, `Key ${keyName(namespace)}`)),
      el("option", {value: TYPED}, "Another key…"));
    this.choose(chosen);
  }

  /** Selects a namespace; "" is the default. */
  choose(namespace) {
    const there = [...this.#select.options].some((option) => option.value === namespace);
    this.#select.value = there ? namespace : "";
    this.#key.hidden = this.#select.value !== TYPED;
  }

  /** How sentences name it. */
  get words() {
    if (this.#select.value === TYPED) return "this key";
    return this.#select.value ? `the key ${keyName(this.#select.value)}` : "every key without a scenario of its own";
  }

  /** How requests name it. */
  get options() {
    if (this.#select.value === TYPED) return {key: this.#key.value};
    return this.#select.value ? {namespace: this.#select.value} : {};
  }

  /** What is missing; null if nothing is. */
  get problem() {
    return this.#select.value === TYPED && !this.#key.value ? "type the API key" : null;
  }
}
