/** One card for each volume: its size, its heights, its time, and whether it comes again every week. */

import { el, fill, setText } from "../../core/lib/dom.mjs";
import { DAYS, dayOf, lastDayOf, nameOfDay, ownTimeZone, readRule, untilEndOf, writeRule } from "./recurrence.mjs";
import { nameOf } from "./shapes.mjs";

const DATUMS = ["AMSL", "AGL", "WGS84", "BARO"];
const SIZES = { Circle: ["radius_m", "Radius (m)", 100_000], Corridor: ["width_m", "Width (m)", 10_000] };
const ONCE = { interval: 1, count: 4, until: null, wkst: null };

export class Cards {
  #list;
  #plan;
  #cards = new Map();

  constructor(list, plan) {
    this.#list = list;
    this.#plan = plan;
    plan.listen((what, key) => this.#told(what, key));
    this.#build();
  }

  #told(what, key) {
    if (what === "all" || (what === "terms" && key === null)) this.#build();
    if (what === "shape") this.#cards.get(key)?.size?.();
    this.#mark();
  }

  #build() {
    this.#cards.clear();
    fill(this.#list, this.#plan.volumes.map(({ key, body }, index) => this.#card(key, body, index + 1)));
    this.#mark();
  }

  #mark() {
    for (const [key, { node }] of this.#cards) node.classList.toggle("is-chosen", key === this.#plan.chosen);
  }

  #card(key, body, number) {
    const change = (changes) => this.#plan.change(key, changes);
    const { nodes, size } = sizeOf(body, change);
    const node = el(
      "li",
      { class: "wf-plan-volume", on: { focusin: () => this.#plan.choose(key), click: () => this.#plan.choose(key) } },
      el("header", {}, el("b", {}, `${number} · ${nameOf(body.shape)}`), el("button", { type: "button", title: "Take this volume out", on: { click: (event) => (event.stopPropagation(), this.#plan.remove(key)) } }, "Remove")),
      nodes,
      row("From height (m)", height(body, "lower", change)),
      row("To height (m)", height(body, "upper", change)),
      row("Starts (UTC)", moment(body, "starts_at", change)),
      row("Ends (UTC)", moment(body, "ends_at", change)),
      weekly(body, change),
    );
    this.#cards.set(key, { node, size });
    return node;
  }
}

function sizeOf(body, change) {
  const [name, label, most] = SIZES[body.shape.type] ?? [];
  if (!name) return { nodes: null };
  const input = el("input", { type: "number", min: 0.1, max: most, step: "any", value: body.shape[name] });
  input.addEventListener("change", () => input.value && change({ shape: { ...body.shape, [name]: Number(input.value) } }));
  return { nodes: row(label, input), size: () => (input.value = body.shape[name]) };
}

function height(body, side, change) {
  const names = { m: `${side}_m`, datum: `${side}_datum` };
  const number = el("input", { type: "number", step: "any", placeholder: "open", value: body[names.m], "aria-label": `${side} height` });
  const datum = el("select", { "aria-label": `${side} datum` }, DATUMS.map((each) => el("option", { value: each, selected: each === body[names.datum] }, each)));
  const tell = () => change(number.value === "" ? { [names.m]: null, [names.datum]: null } : { [names.m]: Number(number.value), [names.datum]: datum.value });
  number.addEventListener("change", tell);
  datum.addEventListener("change", tell);
  return [number, datum];
}

function moment(body, name, change) {
  const at = Date.parse(body[name]);
  const input = el("input", { type: "datetime-local", value: Number.isFinite(at) ? new Date(at).toISOString().slice(0, 16) : "" });
  input.addEventListener("change", () => input.value && change({ [name]: `${input.value.slice(0, 16)}:00Z` }));
  return input;
}

// --- every week ----------------------------------------------------------------------------------------------

function weekly(body, change) {
  const more = el("div", { class: "wf-plan-weekly" });
  const box = el("input", { type: "checkbox", checked: Boolean(body.recurrence) });
  const show = () => fill(more, body.recurrence ? choices(body, change, show) : null);
  box.addEventListener("change", () => {
    const timeZone = ownTimeZone();
    change({ recurrence: box.checked ? { rule: writeRule({ ...ONCE, days: [dayOf(body.starts_at, timeZone)] }), time_zone: timeZone } : null });
    show();
  });
  show();
  return el("div", {}, el("label", { class: "wf-plan-check" }, box, "Every week"), more);
}

function choices(body, change, again) {
  const zone = el("input", { type: "text", value: body.recurrence.time_zone, list: "wf-time-zones", "aria-label": "Time zone", spellcheck: "false" });
  const said = readRule(body.recurrence.rule);
  zone.addEventListener("change", () => {
    change({ recurrence: byClocksOf(zone.value.trim(), body.recurrence, said) });
    again();
  });
  return [...(said ? asked(said, body, change) : [asText(body, change)]), row("By the clocks of", zone)];
}

/** The same days by the clocks of another zone: a last day stays the last day. */
function byClocksOf(timeZone, recurrence, said) {
  if (!said?.until) return { ...recurrence, time_zone: timeZone };
  said.until = untilEndOf(lastDayOf(said.until, recurrence.time_zone), timeZone);
  return { rule: writeRule(said), time_zone: timeZone };
}

function asked(said, body, change) {
  const text = el("code", {}, body.recurrence.rule);
  const tell = (what) => {
    const rule = writeRule(Object.assign(said, what));
    setText(text, rule);
    change({ recurrence: { ...body.recurrence, rule } });
  };
  const days = DAYS.map((day) => {
    const box = el("input", { type: "checkbox", checked: said.days.includes(day) });
    box.addEventListener("change", () => {
      tell({ days: box.checked ? [...said.days, day] : said.days.filter((each) => each !== day) });
    });
    return el("label", {}, box, nameOfDay(day).slice(0, 2));
  });
  const interval = number(said.interval);
  interval.addEventListener("change", () => tell({ interval: atLeastOnce(interval) }));
  const count = number(said.count);
  const last = el("input", { type: "date", value: lastDayOf(said.until, body.recurrence.time_zone) });
  // A rule ends after so many times or after a day: what is said last holds.
  count.addEventListener("change", () => {
    last.value = "";
    tell({ count: atLeastOnce(count), until: null });
  });
  last.addEventListener("change", () => {
    if (!last.value) return;
    count.value = "";
    tell({ count: null, until: untilEndOf(last.value, body.recurrence.time_zone) });
  });
  return [
    el("div", { class: "wf-plan-days", role: "group", "aria-label": "Days" }, days),
    row("Every … weeks", interval),
    row("Times in all", count),
    row("or last day", last),
    text,
  ];
}

function number(value) {
  return el("input", { type: "number", min: 1, max: 400, value });
}

function atLeastOnce(input) {
  return Math.max(1, Number(input.value) || 1);
}

function asText(body, change) {
  const input = el("input", { type: "text", value: body.recurrence.rule });
  input.addEventListener("change", () => change({ recurrence: { ...body.recurrence, rule: input.value.trim() } }));
  return row("Rule", input);
}

function row(label, ...inputs) {
  return el("label", { class: "wf-plan-row" }, el("span", {}, label), el("span", {}, ...inputs));
}
