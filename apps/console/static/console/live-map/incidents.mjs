/** The list of open incidents: the worst first, each with its age, its state and the button for it. */

import { el, fill, icon, setText } from "../../core/lib/dom.mjs";
import { age, words } from "../lib/format.mjs";

const SEVERITIES = { 1: "Low", 2: "Moderate", 3: "High", 4: "Critical" };
const WAITING = new Set(["open", "reopened", "escalated"]); // states in which nobody has taken it yet
const MOST_SHOWN = 60;

export class IncidentList {
  #list;
  #count;
  #rows = new Map();
  #onOpen;
  #onAcknowledge;
  #states;
  #mayAcknowledge;

  /** `states` maps a state to its label and tone, `mayAcknowledge(incident)` says whether to offer the button; `onOpen(incident)` when one is chosen, `onAcknowledge(incident)` returns a promise. */
  constructor({ list, count, states, mayAcknowledge, onOpen, onAcknowledge }) {
    this.#list = list;
    this.#count = count;
    this.#states = states;
    this.#mayAcknowledge = mayAcknowledge;
    this.#onOpen = onOpen;
    this.#onAcknowledge = onAcknowledge;
  }

  /** Show these incidents, in this order. Rows are kept, so that a button never moves from under a finger by redrawing. */
  show(incidents, nowMs) {
    setText(this.#count, String(incidents.length));
    const wanted = incidents.slice(0, MOST_SHOWN);
    const present = new Set(wanted.map((incident) => incident.id));
    for (const [id, row] of this.#rows) if (!present.has(id)) this.#forget(id, row);
    if (!wanted.length) return fill(this.#list, empty());
    const rows = wanted.map((incident) => this.#row(incident).node);
    rows.forEach((node, index) => this.#list.children[index] !== node && this.#list.insertBefore(node, this.#list.children[index] ?? null));
    while (this.#list.children.length > rows.length) this.#list.lastChild.remove();
    this.tick(nowMs);
  }

  /** Let the ages grow. */
  tick(nowMs) {
    for (const { age: node, since } of this.#rows.values()) setText(node, age(since, nowMs));
  }

  choose(id) {
    for (const [key, { node }] of this.#rows) node.classList.toggle("is-chosen", key === id);
  }

  #forget(id, row) {
    row.node.remove();
    this.#rows.delete(id);
  }

  #row(incident) {
    const known = this.#rows.get(incident.id);
    if (known && known.version === incident.version) return known;
    const row = this.#build(incident);
    if (known) {
      row.node.classList.toggle("is-chosen", known.node.classList.contains("is-chosen"));
      known.node.replaceWith(row.node);
    }
    this.#rows.set(incident.id, row);
    return row;
  }

  #build(incident) {
    const { title, severity, state, opened_at: openedAt, zone_name: zone, asset_name: asset } = incident.properties;
    const where = [asset, zone].filter((name) => name && !title.includes(name)).join(" · ");
    const ageNode = el("time", { class: "incident-age", datetime: openedAt });
    const node = el(
      "li",
      { class: "incident", "data-severity": severity, "data-state": state, "data-id": incident.id },
      el(
        "button",
        { type: "button", class: "incident-open", on: { click: () => this.#onOpen(incident) } },
        el("span", { class: "incident-title" }, title),
        where && el("span", { class: "incident-where" }, where),
        el(
          "span",
          { class: "incident-facts" },
          el("span", { class: "severity", "data-severity": severity }, SEVERITIES[severity] ?? words(severity)),
          el("span", { class: "state", "data-tone": this.#states[state]?.tone ?? "notice" }, this.#states[state]?.label ?? words(state)),
          ageNode,
        ),
      ),
      WAITING.has(state) && this.#mayAcknowledge(incident) ? this.#acknowledgeButton(incident) : null,
    );
    return { node, version: incident.version, age: ageNode, since: Date.parse(openedAt) };
  }

  #acknowledgeButton(incident) {
    const button = el("button", { type: "button", class: "acknowledge", title: "Acknowledge: I have it" }, icon("check"), "Acknowledge");
    button.addEventListener("click", async () => {
      button.disabled = true;
      await this.#onAcknowledge(incident);
      button.disabled = false;
    });
    return button;
  }
}

function empty() {
  return el("li", { class: "incident-none" }, icon("calm"), el("span", {}, "Nothing needs attention."));
}
