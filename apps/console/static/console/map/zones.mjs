/** The zones on a map: filled in their kind's colour, faint when not in force, lit when somebody is inside. */

import { PALETTES } from "../../core/map/palette.mjs";
import { labelPoint } from "../../core/map/geometry.mjs";
import { safeColour } from "../../core/lib/dom.mjs";

const SOURCE = "zones";
const LIT = ["boolean", ["feature-state", "lit"], false];
const CHOSEN = ["boolean", ["feature-state", "chosen"], false];

export class Zones {
  #map;
  #zones = new Map();
  #numbers = new Map();
  #lit = new Set();
  #chosen = null;

  /** `colourOf(zone)` answers for a zone; MapLibre's own ids must be numbers, hence the table. */
  constructor(map, { theme, colourOf }) {
    this.#map = map;
    this.colourOf = colourOf;
    map.addSource(SOURCE, { type: "geojson", data: collection([]) });
    map.addSource(`${SOURCE}-names`, { type: "geojson", data: collection([]) });
    for (const layer of layers(theme)) map.addLayer(layer);
  }

  get size() {
    return this.#zones.size;
  }

  get lit() {
    return this.#lit;
  }

  get(id) {
    return this.#zones.get(id) ?? null;
  }

  all() {
    return [...this.#zones.values()];
  }

  replace(features) {
    this.#zones = new Map(features.map((feature) => [feature.id, feature]));
    this.#show();
  }

  put(feature) {
    const known = this.#zones.get(feature.id);
    if (known && known.version > feature.version) return;
    this.#zones.set(feature.id, feature);
    this.#show();
  }

  remove(id) {
    this.#zones.delete(id);
    this.#show();
  }

  /** Light exactly these zones. */
  light(ids) {
    for (const id of this.#lit) if (!ids.has(id)) this.#state(id, { lit: false });
    for (const id of ids) if (!this.#lit.has(id)) this.#state(id, { lit: true });
    this.#lit = new Set(ids);
  }

  choose(id) {
    if (this.#chosen) this.#state(this.#chosen, { chosen: false });
    this.#chosen = id;
    if (id) this.#state(id, { chosen: true });
  }

  /** The smallest zone under a point of the canvas: one may lie inside another. */
  at(point) {
    const hits = this.#map.queryRenderedFeatures(point, { layers: ["zones-fill"] });
    return hits.toSorted((a, b) => a.properties.extent - b.properties.extent)[0]?.properties.key ?? null;
  }

  paint(theme) {
    for (const layer of layers(theme)) {
      for (const [property, value] of Object.entries(layer.paint)) this.#map.setPaintProperty(layer.id, property, value);
    }
  }

  #show() {
    const shapes = [...this.#zones.values()].filter((zone) => zone.geometry);
    this.#map.getSource(SOURCE).setData(collection(shapes.map((zone) => this.#shape(zone))));
    this.#map.getSource(`${SOURCE}-names`).setData(collection(shapes.map((zone) => this.#name(zone))));
    for (const id of this.#lit) this.#state(id, { lit: true });
    if (this.#chosen) this.#state(this.#chosen, { chosen: true });
  }

  #shape(zone) {
    const colour = safeColour(this.colourOf(zone), "#7a8b94");
    const { in_force: inForce = true } = zone.properties;
    return { type: "Feature", id: this.#number(zone.id), geometry: zone.geometry, properties: { key: zone.id, colour, inForce, extent: extent(zone.geometry) } };
  }

  #name(zone) {
    return { type: "Feature", id: this.#number(zone.id), geometry: { type: "Point", coordinates: labelPoint(zone.geometry) }, properties: { name: String(zone.properties.name ?? "") } };
  }

  #number(id) {
    if (!this.#numbers.has(id)) this.#numbers.set(id, this.#numbers.size + 1);
    return this.#numbers.get(id);
  }

  #state(id, state) {
    if (!this.#zones.has(id)) return;
    for (const source of [SOURCE, `${SOURCE}-names`]) this.#map.setFeatureState({ source, id: this.#number(id) }, state);
  }
}

function layers(theme) {
  const colours = PALETTES[theme];
  const inForce = ["get", "inForce"];
  return [
    {
      id: "zones-fill", type: "fill", source: SOURCE,
      paint: {
        "fill-color": ["get", "colour"],
        "fill-opacity": ["case", LIT, theme === "dark" ? 0.42 : 0.38, inForce, theme === "dark" ? 0.13 : 0.11, 0.03],
        "fill-opacity-transition": { duration: 600 },
      },
    },
    {
      id: "zones-glow", type: "line", source: SOURCE,
      paint: { "line-color": ["get", "colour"], "line-width": 12, "line-blur": 10, "line-opacity": ["case", LIT, 0.85, 0] },
    },
    {
      id: "zones-line", type: "line", source: SOURCE, filter: inForce,
      paint: { "line-color": ["get", "colour"], "line-width": ["case", CHOSEN, 3.2, LIT, 2.4, 1.3] },
    },
    {
      id: "zones-line-off", type: "line", source: SOURCE, filter: ["!", inForce],
      paint: { "line-color": ["get", "colour"], "line-width": ["case", CHOSEN, 3.2, 1.1], "line-opacity": 0.6, "line-dasharray": [3, 3] },
    },
    {
      id: "zones-names", type: "symbol", source: `${SOURCE}-names`, minzoom: 10.5,
      layout: { "text-field": ["get", "name"], "text-font": ["Inter", "sans-serif"], "text-size": 11, "text-max-width": 12 },
      paint: { "text-color": colours.label, "text-halo-color": colours.halo, "text-halo-width": 1.4, "text-opacity": ["case", LIT, 1, CHOSEN, 1, 0.75] },
    },
  ];
}

function extent(geometry) {
  const polygons = geometry.type === "Polygon" ? [geometry.coordinates] : geometry.coordinates;
  const flat = polygons.flatMap((polygon) => polygon[0]);
  const spread = (axis) => Math.max(...flat.map((point) => point[axis])) - Math.min(...flat.map((point) => point[axis]));
  return spread(0) * spread(1);
}

function collection(features) {
  return { type: "FeatureCollection", features };
}
