/** The volumes of a plan, as REST takes them. Whoever changes one tells all others; the text field keeps the value. */

const HOUR_MS = 3_600_000;
const COPIED = ["lower_m", "lower_datum", "upper_m", "upper_datum", "starts_at", "ends_at", "recurrence"];

export class Plan {
  /** `[{key, body}]` in order; `key` is only of this page. */
  volumes = [];
  chosen = null;
  #field;
  #listeners = [];
  #next = 1;

  constructor(field) {
    this.#field = field;
    this.#take(parse(field.value) ?? []);
    field.addEventListener("input", () => {
      const typed = parse(field.value);
      if (typed) this.#take(typed);
      this.#tell(typed ? "all" : "unreadable");
    });
  }

  /** Call back with what has changed: `all`, `shape`, `terms`, `chosen` or `unreadable`, and the key of the volume. */
  listen(listener) {
    this.#listeners.push(listener);
  }

  bodies() {
    return this.volumes.map(({ body }) => body);
  }

  body(key) {
    return this.volumes.find((volume) => volume.key === key)?.body;
  }

  /** A new volume of that shape, at the heights and times of the last one. */
  add(shape) {
    const like = this.volumes.at(-1)?.body ?? fresh();
    const key = this.#next++;
    this.volumes.push({ key, body: { shape, ...Object.fromEntries(COPIED.map((name) => [name, like[name] ?? null])) } });
    this.chosen = key;
    this.#keep("all", key);
    return key;
  }

  change(key, changes) {
    const body = this.body(key);
    if (!body) return;
    Object.assign(body, changes);
    this.#keep("shape" in changes ? "shape" : "terms", key);
  }

  remove(key) {
    this.volumes = this.volumes.filter((volume) => volume.key !== key);
    if (this.chosen === key) this.chosen = null;
    this.#keep("all", key);
  }

  choose(key) {
    if (this.chosen === key) return;
    this.chosen = key;
    this.#tell("chosen", key);
  }

  /** Move all of it to where the server says that it is free: the terms of each volume, in their order. */
  moveTo(volumes) {
    this.volumes.forEach(({ body }, place) => Object.assign(body, volumes[place]));
    this.#keep("terms", null);
  }

  #take(bodies) {
    this.volumes = bodies.map((body) => ({ key: this.#next++, body }));
    this.chosen = this.volumes[0]?.key ?? null;
  }

  #keep(what, key) {
    this.#field.value = this.volumes.length ? JSON.stringify(this.bodies()) : "";
    this.#field.dispatchEvent(new Event("change", { bubbles: true }));
    this.#tell(what, key);
  }

  #tell(what, key = null) {
    for (const listener of this.#listeners) listener(what, key);
  }
}

function fresh() {
  const start = Math.ceil((Date.now() + HOUR_MS / 2) / HOUR_MS) * HOUR_MS;
  return { starts_at: instant(start), ends_at: instant(start + HOUR_MS) };
}

function instant(ms) {
  return new Date(ms).toISOString().replace(/\.000Z$/, "Z");
}

function parse(text) {
  try {
    const value = JSON.parse(text);
    return Array.isArray(value) && value.every((each) => each?.shape?.type) ? value : null;
  } catch {
    return text.trim() ? null : [];
  }
}
