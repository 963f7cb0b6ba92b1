// A timeline of attempts: a row for each, with the wait that it was told to keep as a band.
//
// The band of an attempt begins where its answer ended. The next attempt should begin after it.

import {counted, el, svg} from "./dom.js";
import {began, ended, seconds, told, wait} from "./times.js";

const ROW = 26;
const LABEL = 92;
const SHOWN = 50;
const [NARROW, WIDE] = [360, 640]; // of the picture: its letters are as large on a phone

/** A picture of a conversation. `open` is called with the number of an attempt that is clicked. */
export function timeline(attempts, open) {
  const width = window.innerWidth < 760 ? NARROW : WIDE;
  const shown = attempts.slice(-SHOWN);
  const start = began(shown[0]);
  const end = Math.max(...shown.map((entry) => ended(entry) + (told(entry) ?? 0)), start + 0.001);
  const picture = svg("svg", {
    class: "timeline", viewBox: `0 0 ${width} ${ROW * shown.length + 18}`, role: "img",
    "aria-label": inWords(attempts),
  });
  const x = (time) => LABEL + ((time - start) / (end - start)) * (width - LABEL - 10);
  shown.forEach((entry, index) => {
    const y = index * ROW;
    const row = svg("g", {class: "attempt"});
    row.append(svg("text", {x: 4, y: y + 17}, `#${entry.number}  ${entry.status ?? entry.fault ?? entry.outcome}`));
    const asked = told(entry);
    if (asked) {
      row.append(svg("rect", {
        class: "told", x: x(ended(entry)), y: y + 7, height: ROW * 2 - 14,
        width: Math.max(x(ended(entry) + asked) - x(ended(entry)), 1),
      }));
    }
    if (index > 0) {
      const {early} = wait(shown[index - 1], entry);
      row.append(svg("line", {
        class: early ? "gap early" : "gap", x1: x(ended(shown[index - 1])), x2: x(began(entry)),
        y1: y + 13, y2: y + 13,
      }));
    }
    row.append(svg("rect", {
      class: `bar ${kind(entry)}`, x: x(began(entry)), y: y + 5, height: ROW - 10, rx: 2,
      width: Math.max(x(ended(entry)) - x(began(entry)), 5),
    }));
    if (open) row.addEventListener("click", () => open(entry.number));
    picture.append(row);
  });
  const y = ROW * shown.length + 13;
  picture.append(svg("text", {class: "axis", x: LABEL, y}, "0 s"));
  picture.append(svg("text", {class: "axis", x: width - 10, y, "text-anchor": "end"}, seconds(end - start)));
  const earlier = attempts.length - shown.length;
  return el("figure", {},
    picture,
    el("figcaption", {}, earlier ? `Left out: ${counted(earlier, "earlier attempt")}. ` : "", list(attempts, open)));
}

/** The same as a list, for everyone who does not see the picture, with the figures. */
function list(attempts, open) {
  return el("ol", {class: "gaps"}, attempts.slice(-SHOWN).map((entry, index, all) => {
    const label = `#${entry.number} ${answerOf(entry)}`;
    const name = open
      ? el("button", {type: "button", class: "link", onclick: () => open(entry.number)}, label)
      : label;
    if (index === 0) return el("li", {}, name);
    const {early, text} = gap(all[index - 1], entry);
    return el("li", {}, name, " ", el("span", {class: early ? "bad" : "muted"}, text));
  }));
}

/** The gap before an attempt in words, and whether it came too early. */
export function gap(before, after) {
  const {gap: passed, asked, early} = wait(before, after);
  if (asked === null) return {early, text: `after ${seconds(passed)}`};
  return {early, text: `after ${seconds(passed)}, told ${seconds(asked)}${early ? ": too early" : ""}`};
}

/** What was answered, in a word or two. */
export function answerOf(entry) {
  return [entry.status, entry.fault, ...entry.mutations].filter((each) => each !== null).join(" ") ||
    entry.outcome.replace("_", " ");
}

/** The class that colours an entry. */
export function kind(entry) {
  if (entry.outcome === "pending") return "pending";
  if (entry.fault || entry.status === null || entry.mutations.length) return "fault";
  if (entry.status < 300) return "good";
  return entry.status === 429 || entry.status >= 500 ? "passing" : "refused";
}

function inWords(attempts) {
  const parts = attempts.slice(-SHOWN).map((entry, index, all) => {
    const after = index ? ` ${gap(all[index - 1], entry).text}` : "";
    return `#${entry.number} ${answerOf(entry)}${after}`;
  });
  return `Attempts: ${parts.join("; ")}`;
}
