/**
 * The editor of policies: checks the condition as one types, offers what may be asked, tries the policy on one person
 * and one object, and runs it dry. Every answer comes from the server, which judges the form as it would be saved.
 */

import { el, fill } from "../core/lib/dom.mjs";

const PAUSE_MS = 300;
const trial = document.getElementById("policy-trial");
const condition = document.getElementById("id_condition");
const actions = document.getElementById("id_actions");
if (trial && condition && actions) begin();

function begin() {
  const panel = el("div", { class: "wf-condition" });
  condition.after(panel);
  const check = later(PAUSE_MS, latest(() => post(trial.dataset.check, checked()), (answer) => show(panel, answer)));
  for (const field of [condition, actions]) field.addEventListener("input", check.soon);
  check.now();
  document.getElementById("dry-run").addEventListener("click", (event) => runDry(event.currentTarget));
  beginTrial(document.getElementById("trial"));
}

function checked() {
  const body = new FormData();
  body.set("condition", condition.value);
  body.set("actions", actions.value);
  return body;
}

/** The policy's form as it stands, with what else is asked. */
function draft(extra = []) {
  const body = new FormData(condition.form);
  body.delete("_save");
  body.set("policy", trial.dataset.policy);
  for (const [name, value] of extra) body.set(name, value);
  return body;
}

// What stands below the condition

function show(panel, answer) {
  const text = condition.value;
  const faults = Array.isArray(answer.faults) ? answer.faults : [];
  fill(
    panel,
    state(text, faults),
    ...faults.filter((each) => each.end > each.start).map((each) => marked(text, each)),
    ...Object.entries(answer.queryables ?? {}).map(([noun, found]) => offers(noun, found.map(offerOfQueryable))),
    offers("variables", (answer.variables ?? []).map((each) => ({ insert: `\${${each.name}}`, note: each.type, title: "" }))),
  );
  condition.setAttribute("aria-invalid", String(faults.length > 0));
}

function state(text, faults) {
  if (faults.length) return el("p", { class: "wf-condition-state", "data-state": "wrong", role: "alert" }, faults.map((each) => each.detail).join(" "));
  const said = text.trim() ? "This can be read." : "Without a condition it always holds.";
  return el("p", { class: "wf-condition-state", "data-state": "right" }, said);
}

function marked(text, fault) {
  // Places are counted in characters of Unicode, as Python does.
  const letters = Array.from(text);
  const part = (from, to) => letters.slice(from, to).join("");
  return el("pre", { class: "wf-condition-text" }, part(0, fault.start), el("mark", {}, part(fault.start, fault.end)), part(fault.end));
}

function offerOfQueryable(each) {
  const note = [each.type, each.unit, each.enum.length ? each.enum.join(" | ") : ""].filter(Boolean).join(" ");
  return { insert: each.is_open ? `${each.name}.` : each.name, note, title: each.title };
}

function offers(name, found) {
  if (!found.length) return null;
  return el("p", { class: "wf-offers" }, el("b", {}, name), el("span", {}, found.map((each) =>
    el("button", { type: "button", title: each.title, on: { click: () => insert(each.insert) } }, each.insert, el("small", {}, each.note)))));
}

function insert(text) {
  condition.setRangeText(text, condition.selectionStart, condition.selectionEnd, "end");
  condition.focus();
  condition.dispatchEvent(new Event("input", { bubbles: true }));
}

// The dry run

async function runDry(button) {
  const place = document.getElementById("dry-run-answer");
  button.disabled = true;
  fill(place, el("p", { class: "wf-soft" }, "Counting …"));
  const answer = await post(trial.dataset.dryRun, draft());
  button.disabled = false;
  fill(place, ...(answer.faults ? faultLines(answer.faults) : dryRunLines(answer)));
}

function dryRunLines(answer) {
  const lines = [el("p", { class: "wf-answer-line", id: "dry-run-sentence" }, answer.sentence)];
  if (answer.effects.length) {
    lines.push(table(["Action", "Disappear", "for", "Appear", "for"], answer.effects.map((each) => [
      each.action,
      counted(each.disappear.objects, each.at_least), people(each.disappear.people),
      counted(each.appear.objects, each.at_least), people(each.appear.people),
    ])));
  }
  if (answer.examples.length) {
    lines.push(el("p", { class: "wf-soft" }, "For example"));
    lines.push(table(["Object", "", "For", "Action"], answer.examples.map((each) => [
      each.name || each.object_id, each.appears ? "appears" : "disappears", each.user, each.action,
    ])));
  }
  return lines;
}

function counted(number, atLeast) {
  return number ? `${atLeast ? "at least " : ""}${number}` : "–";
}

function people(number) {
  if (!number) return "–";
  return number === 1 ? "1 person" : `${number} people`;
}

// The trial

function beginTrial(form) {
  const { trial_action: action, trial_search: search, trial_object: object } = form.elements;
  const offer = latest(
    () => read(`${trial.dataset.offers}?${new URLSearchParams({ noun: action.value.split(".")[0], q: search.value })}`),
    (answer) => fill(object, ...(answer.items ?? []).map((each) => el("option", { value: each.id }, each.label))),
  );
  search.addEventListener("input", later(PAUSE_MS, offer).soon);
  action.addEventListener("change", offer);
  offer();
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const answer = await post(trial.dataset.try, draft(new FormData(form)));
    fill(document.getElementById("trial-answer"), ...(answer.faults ? faultLines(answer.faults) : trialLines(answer)));
  });
}

function trialLines({ counts, says, decision }) {
  const told = counts ? `This policy says: ${truth(says)}.` : "This policy is not about them, or not about this object.";
  const verdict = decision.allowed ? "May" : "May not";
  return [
    el("p", { class: "wf-answer-line" }, told),
    el("p", {}, el("span", { class: "wf-verdict", "data-allowed": decision.allowed ? "yes" : "no" }, verdict), ` ${decision.user}: ${decision.action}`),
    decision.because.length
      ? el("ul", { class: "wf-reasons" }, decision.because.map(reasonLine))
      : el("p", { class: "wf-soft" }, "Nothing gives it: no role, no grant and no policy."),
  ];
}

const POLICIES = new Set(["permit", "require", "deny", "limit"]);

function reasonLine(each) {
  const where = each.organisation ? ` in ${each.organisation.name}` : "";
  const group = each.group ? `, through the group ${each.group}` : "";
  const judged = POLICIES.has(each.kind) ? truth(each.counts) : each.counts === false ? "not in force" : null;
  return el("li", { class: "wf-reason", "data-kind": each.kind, "data-decided": each.decided },
    el("span", { class: "wf-kind" }, each.kind),
    el("span", { class: "wf-reason-name" }, each.name + where + group),
    judged && el("span", { class: "wf-truth", "data-truth": judged }, judged),
    each.decided && el("span", { class: "wf-decided" }, "decides"));
}

function truth(value) {
  return value === null ? "unknown" : String(value);
}

// What all of it uses

function faultLines(faults) {
  return Object.entries(faults).map(([name, detail]) =>
    el("p", { class: "wf-fault", role: "alert" }, name && name !== "__all__" ? `${name.replaceAll("_", " ")}: ${detail}` : detail));
}

function table(heads, rows) {
  return el("table", { class: "wf-table" },
    el("thead", {}, el("tr", {}, heads.map((each) => el("th", {}, each)))),
    el("tbody", {}, rows.map((row) => el("tr", {}, row.map((each) => el("td", {}, each))))));
}

async function post(address, body) {
  body.set("csrfmiddlewaretoken", condition.form.elements.csrfmiddlewaretoken.value);
  return read(address, { method: "POST", body });
}

async function read(address, options = {}) {
  try {
    const answer = await fetch(address, { credentials: "same-origin", headers: { Accept: "application/json" }, ...options });
    if (answer.ok || answer.status === 422) return await answer.json();
    return { faults: { "": "The server did not answer as it should." } };
  } catch {
    return { faults: { "": "The server cannot be reached." } };
  }
}

/** Call when nothing has happened for a while, or now. */
function later(pause, call) {
  let timer = 0;
  return {
    soon: () => { clearTimeout(timer); timer = setTimeout(call, pause); },
    now: call,
  };
}

/** Ask, and use the answer only if nothing was asked after it. */
function latest(ask, use) {
  let asked = 0;
  return async () => {
    asked += 1;
    const mine = asked;
    const answer = await ask();
    if (mine === asked) use(answer);
  };
}
