/** The card about what was clicked: a vessel, a zone with who is inside, or an operation. */

import { el, fill, icon, safeColour, setText } from "../../core/lib/dom.mjs";
import { age, day, degrees, knots, metres, place, words } from "../lib/format.mjs";

export class Details {
  #card;
  #picture;
  #links;
  #onChoose;
  #onClose;
  #ages = [];

  /** `links` are URL patterns with `{id}`; `onChoose({asset|zone})` follows a name, `onClose()` the cross. */
  constructor(card, picture, { links, onChoose, onClose }) {
    this.#card = card;
    this.#picture = picture;
    this.#links = links;
    this.#onChoose = onChoose;
    this.#onClose = onClose;
  }

  hide() {
    this.#card.hidden = true;
    this.#ages = [];
  }

  tick(nowMs) {
    for (const { node, since } of this.#ages) setText(node, `${age(since, nowMs)} ago`);
  }

  showAsset(id, { colour, kind }) {
    const position = this.#picture.positions.get(id);
    const asset = this.#picture.assets.get(id);
    const facts = position?.properties ?? {};
    const [lon, lat] = position?.geometry?.coordinates ?? [];
    const fixedAt = Date.parse(facts.fixed_at ?? "");
    this.#show({
      colour,
      heading: asset?.properties.name ?? "Asset",
      line: [kind, ...(asset?.properties.identifiers ?? []).slice(0, 2).map(({ scheme, value }) => `${scheme.toUpperCase()} ${value}`)].filter(Boolean).join(" · "),
      chip: facts.connectivity && el("span", { class: "connectivity", "data-connectivity": facts.connectivity }, words(facts.connectivity)),
      rows: [
        ["Speed", knots(facts.speed_mps)],
        ["Course", degrees(facts.course_deg)],
        ["Heading", degrees(facts.heading_deg)],
        Number.isFinite(facts.altitude_m) && ["Altitude", metres(facts.altitude_m)],
        ["Position", place(lon, lat)],
        Number.isFinite(fixedAt) && ["Last fix", this.#age(fixedAt)],
        ...attributes(asset),
      ],
      list: { title: "Inside", items: this.#picture.zonesOf(id).map((zone) => this.#zoneLink(zone)), none: "No zone" },
      link: asset && { href: this.#links.asset.replace("{id}", id), text: "Open asset" },
    });
  }

  showZone(id, { colour, kind }) {
    const zone = this.#picture.zones.get(id);
    if (!zone) return this.hide();
    const { name, description, valid_from: from, valid_to: to, is_active: isActive } = zone.properties;
    this.#show({
      colour,
      heading: name,
      line: [kind, isActive === false ? "switched off" : null].filter(Boolean).join(" · "),
      chip: null,
      rows: [
        ["Heights", heights(zone.properties)],
        ["In force", [from && `from ${day(Date.parse(from))}`, to && `until ${day(Date.parse(to))}`].filter(Boolean).join(" ") || "always"],
        description && ["Note", description],
      ],
      list: { title: "Inside now", items: this.#picture.insideOf(id).map((asset) => this.#assetLink(asset)), none: "Nobody" },
      link: { href: this.#links.zone.replace("{id}", id), text: "Open zone" },
    });
  }

  /** `plan` is what REST tells beyond the feed: `{organisation, volumes, asset_ids}`, `null` until it is there. */
  showOperation(id, { colour, kind, state, plan }) {
    const operation = this.#picture.operations.get(id);
    if (!operation) return this.hide();
    const { title, contact, starts_at: from, ends_at: to, description } = operation.properties;
    const assets = (plan?.asset_ids ?? []).filter((asset) => this.#picture.assets.has(asset));
    this.#show({
      colour,
      heading: title,
      line: [kind, plan?.organisation].filter(Boolean).join(" · "),
      chip: state && el("span", { class: "state", "data-tone": state.tone }, state.label),
      rows: [
        from && ["Starts", day(Date.parse(from))],
        to && ["Ends", day(Date.parse(to))],
        ...[...new Set((plan?.volumes ?? []).map(heights))].slice(0, 3).map((band) => ["Heights", band]),
        contact && ["Contact", contact],
        description && ["Note", description],
      ],
      list: { title: "Takes part", items: assets.map((asset) => this.#assetLink(asset)), none: plan ? (plan.asset_ids.length ? "No asset that you may see" : "No asset is assigned") : "…" },
      link: this.#links.operation && { href: this.#links.operation.replace("{id}", id), text: "Open operation" },
    });
  }

  #show({ colour, heading, line, chip, rows, list, link }) {
    const closeButton = el("button", { type: "button", class: "icon-button", "aria-label": "Close", on: { click: () => this.#onClose() } }, icon("close"));
    const ages = this.#ages;
    this.#ages = [];
    fill(
      this.#card,
      el("header", { class: "card-head", vars: { swatch: safeColour(colour, "#7a8b94") } }, el("div", {}, el("h2", {}, heading), el("p", {}, line)), closeButton),
      chip,
      el("dl", { class: "facts" }, rows.filter(Boolean).flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, this.#kept(value, ages))])),
      el("h3", {}, list.title),
      el("ul", { class: "names" }, list.items.length ? list.items.slice(0, 30).map((item) => el("li", {}, item)) : el("li", { class: "none" }, list.none)),
      link && el("a", { class: "card-link", href: link.href }, link.text, icon("arrow")),
    );
    this.#card.hidden = false;
    this.tick(Date.now());
  }

  #kept(value, ages) {
    const clock = ages.find(({ node }) => node === value);
    if (clock) this.#ages.push(clock);
    return value;
  }

  #age(since) {
    const node = el("span", {});
    this.#ages.push({ node, since });
    return node;
  }

  #zoneLink(id) {
    return el("button", { type: "button", class: "link", on: { click: () => this.#onChoose({ zone: id }) } }, this.#picture.zones.get(id)?.properties.name ?? "Zone");
  }

  #assetLink(id) {
    return el("button", { type: "button", class: "link", on: { click: () => this.#onChoose({ asset: id }) } }, this.#picture.nameOf(id) || "Asset");
  }
}

function attributes(asset) {
  const entries = Object.entries(asset?.properties.attributes ?? {}).filter(([, value]) => ["string", "number", "boolean"].includes(typeof value) && value !== "");
  return entries.slice(0, 6).map(([key, value]) => [label(key), key.endsWith("_m") ? metres(value) : String(value)]);
}

function label(key) {
  return words(key.replace(/_(?:m|s|kn|deg)$/, ""));
}

function heights({ lower_m: lower, lower_datum: lowerDatum, upper_m: upper, upper_datum: upperDatum }) {
  const low = Number.isFinite(lower) ? `from ${metres(lower)} ${lowerDatum}` : "";
  const high = Number.isFinite(upper) ? `up to ${metres(upper)} ${upperDatum}` : "";
  return [low, high].filter(Boolean).join(" ") || "all";
}
