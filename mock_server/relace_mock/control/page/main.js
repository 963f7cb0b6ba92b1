// Starts the page: its views, the connection to the mock, and the token where one is needed.

import {keepToken, send} from "./api.js";
import {actionButton, copied, counted, download, el, fill} from "./dom.js";
import {Journal} from "./journal.js";
import {JournalView} from "./journal_view.js";
import {ScenariosView} from "./scenarios_view.js";
import {follow} from "./stream.js";
import {VectorsView} from "./vectors_view.js";
import {VerdictView} from "./verdict_view.js";

const journal = new Journal();
const state = el("span", {class: "state", role: "status"}, "Connecting…");
const root = new URL("..", document.baseURI).href.replace(/\/$/, "");

const FIRST = `curl -s ${root}/v1/code/embed \\
  -H 'Authorization: Bearer rlc-anything' -H 'Content-Type: application/json' \\
  -d '{"model": "relace-embed-v1", "input": ["def add(a, b): return a + b"]}'`;

const pause = el("button", {type: "button", "aria-pressed": "false", onclick: () => {
  journal.paused = !journal.paused;
  pause.setAttribute("aria-pressed", String(journal.paused));
  pause.textContent = journal.paused ? "Continue" : "Pause";
  if (!journal.paused) views.journal.refresh();
}}, "Pause");
const tools = [
  pause,
  actionButton("Clear", async () => { await send("DELETE", "requests"); return "Cleared"; }),
  actionButton("Save trace", async () => {
    const response = await send("GET", "trace");
    download(await response.blob(), "relace-mock-trace.html");
    return "Saved";
  }),
];

const scenarios = new ScenariosView((event) => {
  event.preventDefault();
  location.hash = "journal";
  switchView();
  views.journal.close();
});
const views = {
  journal: new JournalView(journal, {
    edit: (text, namespace) => { location.hash = "scenarios"; switchView(); scenarios.edit(text, namespace); },
    origin: root, tools,
    hint: [
      el("p", {}, "No request yet. Point a client at ", el("code", {}, `${root}/v1`),
        " with any API key, and it appears here. Or send a first one from a terminal:"),
      el("pre", {tabindex: 0, role: "region", "aria-label": "A first request"}, FIRST),
      actionButton("Copy the command", () => copied(FIRST)),
      el("p", {}, "To see how your client takes a 429, a reset or a wrong answer, ",
        el("a", {href: "#scenarios"}, "choose how the mock fails"), " first."),
    ],
  }),
  scenarios,
  vectors: new VectorsView(openRequest),
  verdict: new VerdictView(openRequest),
};
const names = {journal: "Live journal", scenarios: "Scenarios", vectors: "Vectors", verdict: "Verdict"};
const links = Object.entries(names).map(([name, label]) => el("a", {href: `#${name}`}, label));
document.body.append(
  el("header", {class: "top"},
    el("strong", {class: "brand"}, "relace-mock"),
    el("nav", {"aria-label": "Views"}, links),
    state),
  ...Object.values(views).map((view) => view.element));

function switchView() {
  const wanted = location.hash.slice(1) in views ? location.hash.slice(1) : "journal";
  links.forEach((link) => {
    if (link.hash === `#${wanted}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  for (const [name, view] of Object.entries(views)) {
    const shown = name === wanted;
    if (view.element.hidden === !shown && name !== "journal") continue;
    view.element.hidden = !shown;
    if (shown) view.show();
    else view.hide();
  }
  document.title = `${names[wanted]} – relace-mock`;
}

function openRequest(number) {
  location.hash = "journal";
  switchView();
  views.journal.open(number, {focus: true});
}

let dropped = 0;
function tell(what, detail) {
  if (what === "live") {
    dropped = detail;
    fill(state, el("span", {class: "lamp on"}), "Live", dropped ? ` (${counted(dropped, "earlier request")} no longer kept)` : "");
  } else if (what === "loading") fill(state, "Loading…");
  else if (what === "behind") fill(state, `Fell behind by ${counted(detail, "change")}: loading again…`);
  else if (what === "lost") fill(state, el("span", {class: "lamp off"}), `Not connected: ${detail}. Trying again…`);
  else askForToken(detail);
}

let tried = false;
function askForToken(problem) {
  fill(state, el("span", {class: "lamp off"}), problem.message);
  if (!problem.wantsToken) return;
  const field = el("input", {type: "password", name: "token", autocomplete: "off", required: true, "aria-label": "Control token"});
  const dialog = el("dialog", {"aria-label": "Control token"},
    el("form", {method: "dialog"},
      el("h2", {}, "Control token"),
      el("p", {}, "This mock was started with --control-token. The token is kept for this tab only."),
      tried ? el("p", {class: "bad"}, "The mock refused that token: type it as the mock got it.") : null,
      field,
      el("div", {class: "actions"}, el("button", {}, "Use it"))));
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (!field.value) { // closed with Escape
      state.append(" ", el("button", {type: "button", onclick: () => askForToken(problem)}, "Type the token"));
      return;
    }
    tried = true;
    keepToken(field.value);
    start();
  });
  document.body.append(dialog);
  dialog.showModal();
}

function start() {
  follow(journal, tell);
  switchView();
}

addEventListener("hashchange", switchView);
addEventListener("keydown", (event) => {
  const typing = event.target instanceof Element && event.target.closest("input, textarea, select, dialog");
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  location.hash = "journal";
  switchView();
  views.journal.focus();
});
start();
