/** What is planned, on a map: dashed before it begins, filled while it runs, glowing where it does not conform. */

import { labelPoint } from "../../core/map/geometry.mjs";
import { PALETTES } from "../../core/map/palette.mjs";

const SOURCE = "operations";
const SOON_MS = 24 * 3600 * 1000; // what begins later is no matter of this screen
const CHOSEN = ["boolean", ["feature-state", "chosen"], false];
const RUNNING = ["get", "running"];
const WRONG = ["get", "wrong"];

/** How each state is drawn; what is not here is not on the map. */
export const STATES = {
  submitted: { colour: "#c48a0a" },
  in_review: { colour: "#c48a0a" },
  approved: { colour: "#4f83cc" },
  active: { colour: "#1f9d6b", running: true },
  nonconforming: { colour: "#f0702a", running: true, wrong: true },
  contingent: { colour: "#e5383b", running: true, wrong: true },
};

export class Operations {
  #map;
  #shown = new Map();
  #numbers = new Map();
  #chosen = null;

  /** The layers lie below those that are added later. */
  constructor(map, { theme }) {
    this.#map = map;
    map.addSource(SOURCE, { type: "geojson", data: collection([]) });
    map.addSource(`${SOURCE}-names`, { type: "geojson", data: collection([]) });
    for (const layer of layers(theme)) map.addLayer(layer);
  }

  /** The states of what is shown, for the legend. */
  states() {
    return new Set([...this.#shown.values()].map(({ properties }) => properties.state));
  }

  /** Show these features, of them what runs, or begins within a day. */
  replace(features, nowMs) {
    const shown = features.filter(({ geometry, properties }) => geometry && STATES[properties.state] && !(Date.parse(properties.starts_at) > nowMs + SOON_MS));
    this.#shown = new Map(shown.map((feature) => [feature.id, feature]));
    this.#map.getSource(SOURCE).setData(collection(shown.map((each) => this.#shape(each))));
    this.#map.getSource(`${SOURCE}-names`).setData(collection(shown.map((each) => this.#name(each))));
    this.choose(this.#chosen);
  }

  choose(id) {
    if (this.#shown.has(this.#chosen)) this.#state(this.#chosen, false);
    this.#chosen = id;
    if (this.#shown.has(id)) this.#state(id, true);
  }

  at(point) {
    return this.#map.queryRenderedFeatures(point, { layers: ["operations-fill"] })[0]?.properties.key ?? null;
  }

  paint(theme) {
    for (const layer of layers(theme)) {
      for (const [property, value] of Object.entries(layer.paint)) this.#map.setPaintProperty(layer.id, property, value);
    }
  }

  #shape({ id, geometry, properties }) {
    const { colour, running = false, wrong = false } = STATES[properties.state];
    return { type: "Feature", id: this.#number(id), geometry, properties: { key: id, colour, running, wrong } };
  }

  #name({ id, geometry, properties }) {
    return { type: "Feature", id: this.#number(id), geometry: { type: "Point", coordinates: labelPoint(geometry) }, properties: { name: String(properties.title ?? "") } };
  }

  #number(id) {
    if (!this.#numbers.has(id)) this.#numbers.set(id, this.#numbers.size + 1);
    return this.#numbers.get(id);
  }

  #state(id, chosen) {
    this.#map.setFeatureState({ source: SOURCE, id: this.#number(id) }, { chosen });
  }
}

function layers(theme) {
  const colours = PALETTES[theme];
  const colour = ["get", "colour"];
  return [
    { id: "operations-fill", type: "fill", source: SOURCE, paint: { "fill-color": colour, "fill-opacity": ["case", CHOSEN, 0.3, RUNNING, 0.2, 0.05] } },
    { id: "operations-glow", type: "line", source: SOURCE, filter: WRONG, paint: { "line-color": colour, "line-width": 12, "line-blur": 9, "line-opacity": 0.8 } },
    { id: "operations-line", type: "line", source: SOURCE, filter: RUNNING, paint: { "line-color": colour, "line-width": ["case", CHOSEN, 3.4, 2] } },
    { id: "operations-line-planned", type: "line", source: SOURCE, filter: ["!", RUNNING], paint: { "line-color": colour, "line-width": ["case", CHOSEN, 3.2, 1.6], "line-dasharray": [4, 2] } },
    {
      id: "operations-names", type: "symbol", source: `${SOURCE}-names`, minzoom: 11,
      layout: { "text-field": ["get", "name"], "text-font": ["Inter", "sans-serif"], "text-size": 11, "text-max-width": 12 },
      paint: { "text-color": colours.label, "text-halo-color": colours.halo, "text-halo-width": 1.4 },
    },
  ];
}

function collection(features) {
  return { type: "FeatureCollection", features };
}
