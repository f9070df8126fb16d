/**
 * What this screen knows: assets, positions, zones and incidents, exactly as the feed gave them.
 *
 * It keeps, it does not decide: who is inside what comes from the server's findings and presences, never from a
 * calculation here. Listeners are told which of the four has changed.
 */

export class Picture {
  assets = new Map();
  positions = new Map();
  zones = new Map();
  incidents = new Map();
  #inside = new Map(); // zone id -> set of asset ids
  #listeners = new Set();

  /** `listener(topic, change)`; `change` is null when everything of the topic is new. */
  listen(listener) {
    this.#listeners.add(listener);
  }

  /** Follow the four topics. */
  follow(feed) {
    for (const topic of ["zones", "assets", "positions", "incidents"]) {
      feed.subscribe(topic, {
        topic,
        replace: (features) => this.#replace(topic, features),
        change: (frame) => this.#change(topic, frame),
      });
    }
  }

  nameOf(assetId) {
    return this.assets.get(assetId)?.properties.name ?? "";
  }

  kindOf(assetId) {
    return this.assets.get(assetId)?.properties.kind ?? "";
  }

  /** The ids of the zones that somebody visible is in. */
  occupied() {
    return new Set([...this.#inside].filter(([, assets]) => assets.size > 0).map(([zone]) => zone));
  }

  /** The ids of the visible assets in a zone. */
  insideOf(zoneId) {
    return [...(this.#inside.get(zoneId) ?? [])];
  }

  zonesOf(assetId) {
    return [...this.#inside].filter(([, assets]) => assets.has(assetId)).map(([zone]) => zone);
  }

  /** Incidents that are not over, the worst first, then the oldest. */
  openIncidents() {
    const open = [...this.incidents.values()].filter(({ properties }) => !["resolved", "closed"].includes(properties.state));
    return open.toSorted((a, b) => b.properties.severity - a.properties.severity || a.properties.opened_at.localeCompare(b.properties.opened_at));
  }

  #replace(topic, features) {
    this[topic] = new Map(features.map((feature) => [feature.id, feature]));
    if (topic === "positions") {
      this.#inside.clear();
      for (const feature of features) this.#place(feature);
    }
    this.#tell(topic, null);
  }

  #change(topic, frame) {
    if (frame.change === "upsert") this.#put(topic, frame.feature);
    else if (frame.change === "remove") this.#remove(topic, frame.id);
    else if (frame.change === "event") this.#happened(frame);
    this.#tell(topic, frame);
  }

  #put(topic, feature) {
    const known = this[topic].get(feature.id);
    if (topic === "positions") {
      const merged = known ? { ...known, ...feature, properties: { ...known.properties, ...feature.properties } } : feature;
      this.positions.set(feature.id, merged);
      this.#place(feature);
    } else if (!known || known.version <= feature.version) {
      this[topic].set(feature.id, feature);
    }
  }

  #remove(topic, id) {
    this[topic].delete(id);
    if (topic === "positions") for (const assets of this.#inside.values()) assets.delete(id);
    if (topic === "zones") this.#inside.delete(id);
  }

  /** A presence that says which zones it is in is the whole truth about that asset. */
  #place(feature) {
    const zones = zonesNamed(feature);
    if (!zones) return;
    for (const assets of this.#inside.values()) assets.delete(feature.id);
    for (const zone of zones) this.#assetsIn(zone).add(feature.id);
  }

  #happened({ id, event }) {
    const finding = event?.type?.split(".")[2];
    const zone = event?.object?.properties?.zone?.id;
    if (!zone) return;
    if (finding === "left") this.#assetsIn(zone).delete(id);
    else if (finding === "entered" || finding === "dwelt") this.#assetsIn(zone).add(id);
  }

  #assetsIn(zone) {
    if (!this.#inside.has(zone)) this.#inside.set(zone, new Set());
    return this.#inside.get(zone);
  }

  #tell(topic, change) {
    for (const listener of this.#listeners) listener(topic, change);
  }
}

function zonesNamed({ properties }) {
  const zones = properties?.zones;
  return Array.isArray(zones) ? zones.map((zone) => zone.id ?? zone) : null;
}
