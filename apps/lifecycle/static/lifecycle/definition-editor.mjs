/**
 * The editor of lifecycles: numbers the lines, and shows what is wrong with the text, and where, as one types. The
 * server judges the text as it would on publishing.
 */

import { el, fill } from "../core/lib/dom.mjs";

const PAUSE_MS = 300;
const place = document.getElementById("wf-definition");
const text = document.getElementById("id_document");
if (place && text) begin();

function begin() {
  text.wrap = "off";
  const gutter = el("pre", { class: "wf-yaml-lines", "aria-hidden": "true" });
  const found = el("div", { class: "wf-yaml-found", "aria-live": "polite" });
  const frame = el("div", { class: "wf-yaml-frame" });
  text.replaceWith(frame);
  frame.append(gutter, text);
  frame.after(found);
  let timer = 0;
  let asked = 0;
  const check = async () => {
    const turn = ++asked;
    const answer = await judged();
    if (turn === asked) show(gutter, found, answer);
  };
  text.addEventListener("input", () => {
    number(gutter, new Set());
    clearTimeout(timer);
    timer = setTimeout(check, PAUSE_MS);
  });
  text.addEventListener("scroll", () => { gutter.scrollTop = text.scrollTop; });
  text.addEventListener("keydown", indent);
  number(gutter, new Set());
  check();
}

async function judged() {
  const body = new FormData();
  body.set("document", text.value);
  body.set("number", place.dataset.number);
  body.set("csrfmiddlewaretoken", text.form.elements.csrfmiddlewaretoken.value);
  try {
    const answer = await fetch(place.dataset.check, { method: "POST", body, credentials: "same-origin" });
    if (answer.ok) return await answer.json();
  } catch { /* said below */ }
  return { mistakes: null };
}

function show(gutter, found, answer) {
  const mistakes = answer.mistakes;
  if (mistakes === null) return fill(found, state("wrong", "The server did not answer; the text was not checked."));
  number(gutter, new Set(mistakes.map((each) => each.line)));
  text.setAttribute("aria-invalid", String(mistakes.length > 0));
  if (!mistakes.length) return fill(found, state("right", "This can be published."));
  fill(
    found,
    state("wrong", mistakes.length === 1 ? "One mistake:" : `${mistakes.length} mistakes:`),
    el("ol", {}, mistakes.map((each) => el("li", {}, el(
      "button", { type: "button", on: { click: () => goTo(each.line, each.column) } },
      el("b", {}, `Line ${each.line}`), el("span", {}, each.detail),
    )))),
  );
}

function state(kind, said) {
  return el("p", { class: "wf-condition-state", "data-state": kind }, said);
}

function number(gutter, wrong) {
  const count = text.value.split("\n").length;
  fill(gutter, Array.from({ length: count }, (_, index) => el("span", { class: wrong.has(index + 1) ? "wrong" : null }, `${index + 1}\n`)));
  gutter.scrollTop = text.scrollTop;
}

function goTo(line, column) {
  const lines = text.value.split("\n");
  const start = lines.slice(0, line - 1).reduce((sum, each) => sum + each.length + 1, 0);
  // Places are counted in characters of Unicode, as Python does.
  const at = start + Array.from(lines[line - 1] ?? "").slice(0, column - 1).join("").length;
  text.focus();
  text.setSelectionRange(at, start + (lines[line - 1] ?? "").length);
  const height = parseFloat(getComputedStyle(text).lineHeight) || 20;
  text.scrollTop = Math.max(0, (line - 4) * height);
}

/** Tab moves the line in, Escape lets the keyboard go on to the next field. */
function indent(event) {
  if (event.key !== "Tab" || event.shiftKey || text.readOnly) return;
  if (text.dataset.leaves === "1") return;
  event.preventDefault();
  text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
  text.dispatchEvent(new Event("input"));
}
text?.addEventListener("keydown", (event) => { text.dataset.leaves = event.key === "Escape" ? "1" : event.key === "Tab" ? text.dataset.leaves ?? "" : ""; }, true);
