// Vectors: texts as strips of their numbers, how similar they are, and where they lie.

import {ask} from "./api.js";
import {actionButton, counted, el, fill, setStyle, svg} from "./dom.js";

const EXAMPLES = [
  "def add(a, b):\n    return a + b",
  "function sum(x, y) { return x + y; }",
  "SELECT name FROM users WHERE id = 3",
];
const MOST = 32;
const PAUSE = 400; // milliseconds after a key press
const MAP = {width: 460, height: 320, rim: 26};

export class VectorsView {
  #texts = el("div", {class: "texts"});
  #picture = el("div", {class: "picture", "aria-live": "polite"});
  #timer = null;
  #asked = 0;
  #open;

  /** `open(number)` shows a request in the journal. */
  constructor(open) {
    this.#open = open;
    this.element = el("main", {class: "vectors", id: "vectors", hidden: true},
      el("h1", {class: "unseen"}, "Vectors"),
      el("section", {class: "panel"}, el("h2", {}, "Texts"), this.#texts,
        el("div", {class: "actions"}, actionButton("Add a text", () => { this.#add("").focus(); }))),
      this.#picture);
    for (const text of EXAMPLES) this.#add(text);
  }

  async show() {
    await this.#compare();
  }

  hide() {
    clearTimeout(this.#timer);
  }

  #add(text) {
    if (this.#texts.children.length >= MOST) return this.#texts.lastElementChild.querySelector("textarea");
    const area = el("textarea", {rows: 3, spellcheck: "false"});
    area.value = text;
    area.addEventListener("input", () => this.#later());
    const row = el("div", {class: "text"}, el("span", {class: "letter", "aria-hidden": "true"}), area,
      el("button", {type: "button", class: "close", onclick: () => { row.remove(); this.#name(); this.#later(); }}, "✕"));
    this.#texts.append(row);
    this.#name();
    return area;
  }

  #name() {
    [...this.#texts.children].forEach((row, at) => {
      row.firstChild.textContent = letter(at);
      row.querySelector("textarea").setAttribute("aria-label", `Text ${letter(at)}`);
      row.querySelector("button").setAttribute("aria-label", `Remove text ${letter(at)}`);
    });
  }

  #later() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#compare(), PAUSE);
  }

  async #compare() {
    const rows = [...this.#texts.children]
      .map((row, at) => ({name: letter(at), text: row.querySelector("textarea").value}))
      .filter(({text}) => text);
    this.#asked += 1;
    const asked = this.#asked;
    if (!rows.length) {
      fill(this.#picture, el("p", {class: "empty"}, "Type or paste a text."));
      return;
    }
    let found;
    try {
      found = await ask("POST", "vectors", {body: {texts: rows.map(({text}) => text)}});
    } catch (error) {
      fill(this.#picture, el("p", {class: "bad"}, error.message));
      return;
    }
    if (asked !== this.#asked) return;
    const names = rows.map(({name}) => name);
    fill(this.#picture,
      panel("Similarity", "The cosine of the float vectors, and below it that of the sign bits alone (binary).", heatMap(names, found)),
      panel("The space", `All texts in the two directions in which they vary most. ${found.others.length ? "Small dots are the latest texts of clients: a click leads to the request." : ""}`, map(names, found, this.#open)),
      panel("The nearest texts of clients", "Among the texts that were embedded so far. Rank is the score of POST /v2/code/rank for your text as the query, and the client's as a file.", this.#nearest(names, found)),
      panel("Strips", `The first ${found.strips[0].length} of ${found.dimensions} numbers: float above, sign bits (binary) below.`, strips(names, found)));
  }

  #nearest(names, {nearest, others}) {
    if (!others.length) return el("p", {class: "muted"}, "No client got a vector yet.");
    return el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "The nearest texts"}, el("table", {class: "table"},
      el("thead", {}, el("tr", {}, ["text", "nearest", "cosine", "rank", "binary", "request"].map((name) => el("th", {scope: "col"}, name)))),
      el("tbody", {}, nearest.flatMap((row, at) => row.map(({other, cosine, binary, rank}, place) => el("tr", {class: place ? null : "first"},
        el("th", {scope: "row"}, place ? el("span", {class: "unseen"}, names[at]) : names[at]),
        el("td", {class: "excerpt"}, others[other].text),
        el("td", {}, cosine.toFixed(3)),
        el("td", {}, rank.toFixed(3)),
        el("td", {}, binary.toFixed(3)),
        el("td", {}, el("button", {type: "button", class: "link", onclick: () => this.#open(others[other].number)}, `#${others[other].number}`))))))));
  }
}

function letter(at) {
  return at < 26 ? String.fromCharCode(65 + at) : `A${String.fromCharCode(65 + at - 26)}`;
}

function panel(title, words, content) {
  return el("section", {class: "panel"}, el("h2", {}, title), el("p", {class: "muted"}, words), content);
}

function heatMap(names, {cosine, binary}) {
  return el("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Similarity"}, el("table", {class: "heat"},
    el("thead", {}, el("tr", {}, el("td"), names.map((name) => el("th", {scope: "col"}, name)))),
    el("tbody", {}, names.map((name, row) => el("tr", {}, el("th", {scope: "row"}, name), cosine[row].map((value, column) => {
      const cell = el("td", {}, value.toFixed(2), el("small", {}, binary[row][column].toFixed(2)));
      setStyle(cell, {"--heat": `${Math.round(Math.min(Math.abs(value), 1) * 100)}%`});
      return cell;
    }))))));
}

function strips(names, {strips: rows}) {
  const most = Math.max(...rows.flat().map(Math.abs), 1e-9);
  return el("div", {class: "strips"}, rows.map((row, at) => el("div", {class: "strip"},
    el("span", {class: "letter"}, names[at]), strip(row, most, names[at]))));
}

/** A vector as two bands of cells: its numbers, and the signs that binary vectors keep. */
function strip(row, most, name) {
  const picture = el("canvas", {width: row.length * 2, height: 26, role: "img", "aria-label": `The numbers of text ${name} as a strip`});
  const context = picture.getContext("2d");
  row.forEach((value, at) => {
    const share = Math.min(Math.abs(value) / most, 1) ** 0.6;
    context.fillStyle = value > 0 ? `rgb(63 77 203 / ${share})` : `rgb(214 110 40 / ${share})`;
    context.fillRect(at * 2, 0, 2, 16);
    context.fillStyle = value > 0 ? "#3f4dcb" : "#d66e28";
    context.fillRect(at * 2, 18, 2, 8);
  });
  return picture;
}

function map(names, {points, others}, open) {
  const all = [...points, ...others.map(({point}) => point)];
  const [x, y] = [0, 1].map((axis) => scale(all.map((point) => point[axis]), axis));
  const picture = svg("svg", {
    class: "map", viewBox: `0 0 ${MAP.width} ${MAP.height}`, role: "img",
    "aria-label": `A map of ${counted(names.length, "text")} and ${counted(others.length, "text")} of clients`,
  });
  for (const {text, number, point} of others) {
    const dot = svg("circle", {class: "other", cx: x(point[0]), cy: y(point[1]), r: 4}, svg("title", {}, `#${number}: ${text}`));
    dot.addEventListener("click", () => open(number));
    picture.append(dot);
  }
  points.forEach((point, at) => {
    picture.append(
      svg("circle", {class: "mine", cx: x(point[0]), cy: y(point[1]), r: 11}),
      svg("text", {class: "mine", x: x(point[0]), y: y(point[1]) + 4, "text-anchor": "middle"}, names[at]));
  });
  return picture;
}

function scale(values, axis) {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (axis ? MAP.height : MAP.width) - 2 * MAP.rim;
  return (value) => MAP.rim + (high > low ? (value - low) / (high - low) : 0.5) * room;
}
