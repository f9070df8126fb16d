/**
 * What this screen knows: assets, positions, zones, incidents and operations, exactly as the feed gave them.
 *
 * It keeps, it does not decide: who is inside what comes from the server, never from a calculation here. It asks for
 * all stays with each new picture, and goes on with the findings of the feed. Listeners are told which topic changed.
 */

export class Picture {
  assets = new Map();
  positions = new Map();
  zones = new Map();
  incidents = new Map();
  operations = new Map();
  #inside = new Map(); // zone id -> set of asset ids
  #found = null; // findings since the question about all stays was asked; null while none is open
  #listeners = new Set();
  #askStays;

  /** `askStays()` resolves to `{zone id: [asset id, ...]}` as it is now. */
  constructor(askStays) {
    this.#askStays = askStays;
  }

  /** `listener(topic, change)`; `change` is null when everything of the topic is new. */
  listen(listener) {
    this.#listeners.add(listener);
  }

  /** Follow the five topics. */
  follow(feed) {
    for (const topic of ["zones", "assets", "positions", "incidents", "operations"]) {
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
    if (topic === "positions") this.#learnStays();
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
    } else if (!known || known.version <= feature.version) {
      this[topic].set(feature.id, feature);
    }
  }

  #remove(topic, id) {
    this[topic].delete(id);
    if (topic === "positions") for (const assets of this.#inside.values()) assets.delete(id);
    if (topic === "zones") this.#inside.delete(id);
  }

  #happened({ id, event }) {
    if (event?.type === "watchfloor.finding.corrected.v1") return void this.#learnStays();
    const { finding, zone_id: zone } = event?.object?.properties ?? {};
    if (!zone) return;
    this.#found?.push({ id, finding, zone });
    this.#apply({ id, finding, zone });
  }

  #apply({ id, finding, zone }) {
    if (finding === "left") this.#assetsIn(zone).delete(id);
    else if (finding === "entered" || finding === "dwelt") this.#assetsIn(zone).add(id);
  }

  /** The answer may be older than what the feed says meanwhile, so that is applied again on top of it. */
  async #learnStays() {
    const found = [];
    this.#found = found;
    const stays = await this.#askStays().catch(() => null);
    if (!stays || this.#found !== found) return;
    this.#found = null;
    this.#inside = new Map(Object.entries(stays).map(([zone, assets]) => [zone, new Set(assets)]));
    for (const each of found) this.#apply(each);
    this.#tell("stays", null);
  }

  #assetsIn(zone) {
    if (!this.#inside.has(zone)) this.#inside.set(zone, new Set());
    return this.#inside.get(zone);
  }

  #tell(topic, change) {
    for (const listener of this.#listeners) listener(topic, change);
  }
}
