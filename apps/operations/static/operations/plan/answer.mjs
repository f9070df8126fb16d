/** What a plan would meet, as the server judges it while one draws; nothing is written by asking. */

import { el, fill } from "../../core/lib/dom.mjs";
import { DAYS, nameOfDay, readRule } from "./recurrence.mjs";
import { delay, heights, metres, verdict, window as windowOf } from "./words.mjs";

const WAIT_MS = 350;

export class Answer {
  #node;
  #plan;
  #about;
  #timer = null;
  #asked = 0;
  #onConflicts;

  /** `about()` is what is known of the operation: its kind, organisation, priority and id; `onConflicts(list)` shows them. */
  constructor(node, plan, { about, onConflicts }) {
    this.#node = node;
    this.#plan = plan;
    this.#about = about;
    this.#onConflicts = onConflicts;
    plan.listen((what) => what !== "chosen" && this.later());
    this.later();
  }

  /** Ask again, as soon as nobody types any more. */
  later() {
    // What was answered before is about another plan.
    this.#asked++;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), WAIT_MS);
  }

  async #ask() {
    const { check, csrf, links, ...plan } = this.#about();
    const number = ++this.#asked;
    if (!this.#plan.volumes.length) return this.#say("calm", "Draw the first volume. What stands in its way is told here.");
    if (!plan.kind || !plan.organisation_id) return this.#say("calm", "Choose a kind and an organisation, and what stands in the way is told here.");
    let answer;
    try {
      const response = await fetch(check, { method: "POST", headers: { "Content-Type": "application/json", "X-CSRFToken": csrf }, body: JSON.stringify({ ...plan, volumes: this.#plan.bodies() }) });
      answer = { ok: response.ok, body: await response.json() };
    } catch {
      answer = { ok: false, body: { title: "The server could not be reached." } };
    }
    if (number !== this.#asked) return;
    if (answer.ok) this.#show(answer.body, links, number);
    else this.#refuse(answer.body);
  }

  #refuse({ title, detail, errors = [] }) {
    this.#onConflicts([]);
    this.#say("alert", detail ?? title, errors.length ? el("ul", {}, errors.map((each) => el("li", {}, `${place(each.pointer)}${each.detail}`))) : null);
  }

  #show({ accepted, conflicts, free, reviews }, links, number) {
    this.#onConflicts(conflicts);
    const refused = conflicts.filter((each) => each.verdict === "refused").length;
    const asks = reviews.length + conflicts.filter((each) => each.verdict === "needs_approval").length;
    const says = accepted ? (asks ? "Nothing refuses it, but somebody has to agree." : "Nothing stands in the way.") : refused === 1 ? "One thing stands in the way." : `${refused} things stand in the way.`;
    this.#say(
      accepted ? (asks ? "notice" : "calm") : "alert",
      says,
      conflicts.length ? el("ul", { class: "wf-plan-conflicts" }, conflicts.map((each) => conflictLine(each, links))) : null,
      reviews.length ? el("ul", { class: "wf-plan-conflicts" }, reviews.map(reviewLine)) : null,
      free.length ? [el("h4", {}, "Free instead"), el("div", { class: "wf-plan-free" }, free.map((each) => this.#wayOut(each, number)))] : null,
    );
  }

  /** A button that moves the plan there; it does nothing to one that has changed since it was asked about. */
  #wayOut(free, number) {
    const [says, told] = free.later_s > 0 ? later(free) : higher(free);
    const move = () => number === this.#asked && this.#plan.moveTo(free.volumes);
    return el("button", { type: "button", title: "Move the plan there", on: { click: move } }, el("b", {}, says), el("span", {}, told));
  }

  #say(tone, text, ...more) {
    this.#node.dataset.tone = tone;
    fill(this.#node, el("p", {}, text), ...more);
  }
}

function later({ later_s: laterS, starts_at: start, ends_at: end, volumes }) {
  const days = new Set(volumes.flatMap(({ recurrence }) => (recurrence && readRule(recurrence.rule)?.days) || []));
  const every = DAYS.filter((day) => days.has(day)).map(nameOfDay).join(", ");
  return [`${delay(laterS)} later`, windowOf(start, end) + (every && `, every ${every}`)];
}

function higher({ higher_m: metresUp, lower_m: lower, upper_m: upper }) {
  const told = [lower, upper].every(Number.isFinite) ? `${metres(lower)} to ${metres(upper)} m` : "";
  return [`${metres(Math.abs(metresUp))} m ${metresUp > 0 ? "higher" : "lower"}`, told];
}

function conflictLine({ type, verdict: name, comparable, operation, zone, contact, volumes }, links) {
  const [says, tone] = verdict(name);
  const thing = operation ?? zone;
  const title = thing ? el("a", { href: links[type].replace("{id}", thing.id), target: "_blank" }, thing.title ?? thing.name ?? "Without a name") : type === "zone" ? "A zone" : "Occupied";
  return el(
    "li",
    {},
    el("p", {}, el("b", {}, title), el("span", { class: "state", "data-tone": tone }, says)),
    comparable ? null : el("p", {}, "Its heights cannot be compared with yours: somebody has to judge."),
    volumes.slice(0, 3).map((each) => el("p", {}, `Volume ${each.wanted}: ${heights(each)}, ${windowOf(each.starts_at, each.ends_at)}`)),
    volumes.length > 3 ? el("p", {}, `and ${volumes.length - 3} more times`) : null,
    contact ? el("p", {}, `Contact: ${contact}`) : null,
  );
}

function reviewLine({ reason, rule_name: name }) {
  const says = reason === "organisation" ? "Its own organisation reviews operations of this kind." : name ? `Reviewed by the rule «${name}».` : "Somebody reviews it by a rule.";
  return el("li", {}, el("p", {}, says));
}

function place(pointer) {
  const found = /^\/volumes\/(\d+)/.exec(pointer);
  return found ? `Volume ${Number(found[1]) + 1}: ` : "";
}
