/** What else is there: the zones, what others plan in the same hours, and of both what is in the way. */

import { bounds } from "../../core/map/geometry.mjs";

const TONES = { refused: "#d12a2f", needs_approval: "#c48a0a", overrules: "#c48a0a", conditional: "#c48a0a" };
const CALM = "#64808c";
const NO_FEATURES = { type: "FeatureCollection", features: [] };

export class Surroundings {
  #map;
  #around;
  #zones = [];
  #operations = [];
  #besides;
  #asked = "";

  /** `around` are the addresses of lists, `besides` the operation that is planned itself. */
  constructor(map, { around, besides }) {
    this.#map = map;
    this.#around = around;
    this.#besides = besides;
    map.addSource("around", { type: "geojson", data: NO_FEATURES });
    map.addLayer({ id: "around-fill", type: "fill", source: "around", filter: ["!=", ["get", "tone"], CALM], paint: { "fill-color": ["get", "tone"], "fill-opacity": 0.16 } });
    map.addLayer({ id: "around-line", type: "line", source: "around", paint: { "line-color": ["get", "tone"], "line-width": ["case", ["==", ["get", "tone"], CALM], 1, 2], "line-opacity": 0.85, "line-dasharray": [4, 2] } });
  }

  /** Bring the zones once; returns the box around them, for a map that has nothing else to show. */
  async begin() {
    this.#zones = (await list(this.#around.zones, { limit: 200 })).filter(({ area, is_active: isActive }) => area && isActive);
    this.#draw([]);
    return bounds({ coordinates: this.#zones.map(({ area }) => area.coordinates) });
  }

  /** Show what is planned while any of these volumes lasts, and mark what is in their way. */
  async show(volumes, conflicts) {
    const starts = volumes.map(({ starts_at: at }) => at).sort();
    const ends = volumes.map(({ ends_at: at }) => at).sort();
    const during = volumes.length ? `${starts[0]}/${ends.at(-1)}` : "";
    if (during !== this.#asked) {
      this.#asked = during;
      const found = during ? await list(this.#around.operations, { limit: 200, is_over: "false", datetime: during }) : [];
      if (during !== this.#asked) return;
      this.#operations = found.filter(({ id, area }) => area && id !== this.#besides);
    }
    this.#draw(conflicts);
  }

  /** What lies under a point of the map, in words. */
  at(point) {
    const [found] = this.#map.queryRenderedFeatures(point, { layers: ["around-fill", "around-line"] });
    return found?.properties.says ?? null;
  }

  #draw(conflicts) {
    const verdicts = new Map(conflicts.map((each) => [(each.operation ?? each.zone)?.id, each.verdict]));
    const feature = ({ id, area }, says) => ({ type: "Feature", properties: { says, tone: TONES[verdicts.get(id)] ?? CALM }, geometry: area });
    const features = [...this.#zones.map((zone) => feature(zone, zone.name)), ...this.#operations.map((each) => feature(each, `${each.title} (${each.state?.replaceAll("_", " ") ?? "planned"})`))];
    this.#map.getSource("around").setData({ type: "FeatureCollection", features });
  }
}

async function list(address, parameters) {
  try {
    const response = await fetch(`${address}?${new URLSearchParams(parameters)}`);
    return response.ok ? (await response.json()).items : [];
  } catch {
    return [];
  }
}
