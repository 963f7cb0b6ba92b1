// A list of any length: only the rows in sight are elements. It is one stop for the Tab key; the
// arrow keys, Page Up and Down, Home and End move the chosen row, and Enter opens it.

import {el, setStyle} from "./dom.js";

const SPARE = 6; // rows above and below those in sight

export class VirtualList {
  #items = [];
  #rows = new Map(); // by item; a row lives as long as it is in sight, so that clicks find it
  #shown = new Map(); // what each row shows
  #version;
  #render;
  #open;
  #chosen = null;
  #height = 0;

  /**
   * `version(item)` is the value that an item shows now, and `render(item, row)` fills its row.
   * `open(item)` is called for a chosen one.
   */
  constructor(label, {version, render, open}) {
    this.#version = version;
    this.#render = render;
    this.#open = open;
    this.inner = el("div", {class: "rows", role: "presentation"});
    this.element = el("div", {
      class: "list", role: "listbox", tabindex: 0, "aria-label": label,
      onkeydown: (event) => this.#key(event),
    }, this.inner);
    this.element.addEventListener("scroll", () => this.#paint(), {passive: true});
    new ResizeObserver(() => this.#repaint()).observe(this.element);
  }

  get chosen() {
    return this.#chosen;
  }

  /** Shows other items, the newest first. The rows in sight stay where they are. */
  show(items, added) {
    const before = this.element.scrollTop;
    this.#items = items;
    setStyle(this.inner, {height: `${items.length * this.#rowHeight()}px`});
    if (before > 0 && added > 0) this.element.scrollTop = before + added * this.#rowHeight();
    this.#repaint();
  }

  /** Marks an item, and brings it into sight. */
  choose(item, {scroll = true} = {}) {
    this.#chosen = item;
    const at = this.#items.indexOf(item);
    if (scroll && at >= 0) {
      const top = at * this.#rowHeight();
      const {scrollTop, clientHeight} = this.element;
      if (top < scrollTop) this.element.scrollTop = top;
      else if (top + this.#rowHeight() > scrollTop + clientHeight) {
        this.element.scrollTop = top + this.#rowHeight() - clientHeight;
      }
    }
    this.#repaint();
  }

  #rowHeight() {
    if (!this.#height || this.#stale) {
      this.#stale = false;
      this.#height = parseFloat(getComputedStyle(this.element).getPropertyValue("--row")) || 32;
    }
    return this.#height;
  }

  #stale = true;

  #repaint() {
    this.#stale = true;
    setStyle(this.inner, {height: `${this.#items.length * this.#rowHeight()}px`});
    this.#paint();
  }

  #paint() {
    const height = this.#rowHeight();
    const {scrollTop, clientHeight} = this.element;
    const first = Math.max(Math.floor(scrollTop / height) - SPARE, 0);
    const last = Math.min(Math.ceil((scrollTop + clientHeight) / height) + SPARE, this.#items.length);
    const wanted = new Set(this.#items.slice(first, last));
    for (const [item, row] of this.#rows) {
      if (!wanted.has(item)) {
        row.remove();
        this.#rows.delete(item);
        this.#shown.delete(item);
      }
    }
    for (let at = first; at < last; at += 1) this.#place(this.#items[at], at, at - first);
    if (this.#rows.has(this.#chosen)) {
      this.element.setAttribute("aria-activedescendant", idOf(this.#chosen));
    } else {
      this.element.removeAttribute("aria-activedescendant");
    }
  }

  #place(item, at, position) {
    let row = this.#rows.get(item);
    if (!row) {
      row = el("div", {
        role: "option", id: idOf(item), class: "row",
        onclick: () => { this.choose(item, {scroll: false}); this.#open(item); },
      });
      this.#rows.set(item, row);
    }
    const there = this.inner.children[position] ?? null;
    if (there !== row) this.inner.insertBefore(row, there);
    setStyle(row, {top: `${at * this.#rowHeight()}px`});
    row.setAttribute("aria-selected", String(item === this.#chosen));
    row.setAttribute("aria-posinset", String(at + 1));
    row.setAttribute("aria-setsize", String(this.#items.length));
    const version = this.#version(item);
    if (this.#shown.get(item) !== version) {
      this.#shown.set(item, version);
      row.replaceChildren();
      this.#render(item, row);
    }
  }

  #key(event) {
    const page = Math.max(Math.floor(this.element.clientHeight / this.#rowHeight()) - 1, 1);
    const steps = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity};
    if (event.key === "Enter" && this.#chosen !== null) {
      event.preventDefault();
      this.#open(this.#chosen, {focus: true});
      return;
    }
    const step = steps[event.key];
    if (step === undefined || !this.#items.length) return;
    event.preventDefault();
    const here = this.#items.indexOf(this.#chosen); // -1 while none is chosen
    const there = here < 0 && Number.isFinite(step) ? 0 : Math.min(Math.max(here + step, 0), this.#items.length - 1);
    this.choose(this.#items[there]);
    this.#open(this.#chosen, {following: true});
  }
}

function idOf(item) {
  return `entry-${item}`;
}
