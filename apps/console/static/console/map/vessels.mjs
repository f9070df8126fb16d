/**
 * What moves, drawn on a canvas above the map: symbols that point where they go, and the wake behind them.
 *
 * Each new fix is glided to, over the time that lay between the last two, so that markers move as evenly as their
 * reports come and are never shown where nobody reported them to be. A jump that no ship can make is not glided.
 * A canvas and not map symbols: thousands move every frame, names need no fonts from a server, and a name is only
 * ever painted.
 */

import { PALETTES } from "../../core/map/palette.mjs";
import { bearing, between, distance, turn } from "../../core/map/geometry.mjs";

const SHORTEST_GLIDE_MS = 400;
const LONGEST_GLIDE_MS = 9_000;
const FASTEST_MPS = 400; // faster than this is a jump: shown as one
const WAKE_FIXES = 14;
const MOVING_MPS = 0.4;
const STEERED_M = 12; // two fixes further apart than this tell a course
const HIT_PX = 14;
const NAMES_FROM_ZOOM = 12.2;
const FRAME_MS = 33;
const PULSE_MS = 90;
const SLOWEST_FRAME_MS = 400;

const HULL = [[0, -9.5], [5, -1.5], [4.4, 8], [0, 6], [-4.4, 8], [-5, -1.5]];

export class Vessels {
  #map;
  #canvas;
  #context;
  #ratio = 1;
  #moving = new Map();
  #colourOf;
  #nameOf;
  #theme;
  #selected = null;
  #marked = new Map();
  #lastFrame = 0;
  #lastTick = 0;
  #frameMs = FRAME_MS;
  #dirty = true;
  #glidingUntil = 0;
  #size;

  /** `colourOf(id)` and `nameOf(id)` answer for a vessel at the moment of drawing; `size` is 1 at arm's length. */
  constructor(map, { theme, colourOf, nameOf, size = 1 }) {
    this.#map = map;
    this.#theme = theme;
    this.#colourOf = colourOf;
    this.#nameOf = nameOf;
    this.#size = size;
    this.#canvas = document.createElement("canvas");
    this.#canvas.className = "vessels";
    this.#context = this.#canvas.getContext("2d");
    map.getCanvasContainer().append(this.#canvas);
    map.on("resize", () => this.#fit());
    map.on("render", () => this.#draw());
    this.#fit();
    requestAnimationFrame((now) => this.#tick(now));
  }

  /** Everything at once: what is not in `positions` is forgotten. */
  replace(positions) {
    const present = new Set(positions.map((position) => position.id));
    for (const id of this.#moving.keys()) if (!present.has(id)) this.#moving.delete(id);
    for (const position of positions) this.put(position);
    this.#touch();
  }

  /** One fix: `{id, lon, lat, fixedAt, speedMps, courseDeg, connectivity}`. Older than what is shown: only its state counts. */
  put(position) {
    const now = performance.now();
    const known = this.#moving.get(position.id);
    const at = [position.lon, position.lat];
    if (!known) {
      this.#moving.set(position.id, { ...position, shown: at, from: at, to: at, began: now, glide: 0, arrived: now, course: heading(position, null), wake: [at] });
      return this.#touch();
    }
    known.connectivity = position.connectivity;
    if (position.fixedAt > known.fixedAt) this.#sail(known, position, at, now);
    this.#touch();
  }

  remove(id) {
    this.#moving.delete(id);
    this.#touch();
  }

  get(id) {
    return this.#moving.get(id) ?? null;
  }

  /** Where each vessel is shown now, as `[id, lon, lat]`. */
  *places() {
    for (const [id, vessel] of this.#moving) yield [id, vessel.shown[0], vessel.shown[1]];
  }

  select(id) {
    this.#selected = id;
    this.#touch();
  }

  /** Ring these vessels: something is going on with them. `marks` maps an id to a colour. */
  mark(marks) {
    this.#marked = marks;
    this.#touch();
  }

  /** Names or colours have changed. */
  refresh() {
    this.#touch();
  }

  paint(theme) {
    this.#theme = theme;
    this.#touch();
  }

  /** The vessel under a point of the canvas, the nearest first. */
  at(point) {
    let best = null;
    let nearest = HIT_PX;
    for (const [id, vessel] of this.#moving) {
      const { x, y } = this.#map.project(vessel.shown);
      const away = Math.hypot(x - point.x, y - point.y);
      if (away < nearest) [best, nearest] = [id, away];
    }
    return best;
  }

  #sail(vessel, position, at, now) {
    const seconds = Math.max(0.001, (position.fixedAt - vessel.fixedAt) / 1000);
    const metres = distance(vessel.to, at);
    const isJump = metres / seconds > FASTEST_MPS || metres > 50_000;
    const interval = now - vessel.arrived;
    vessel.course = metres > STEERED_M && !isJump && position.courseDeg === null ? bearing(vessel.to, at) : heading(position, vessel.course);
    vessel.from = isJump ? at : vessel.shown;
    vessel.to = at;
    vessel.began = now;
    vessel.glide = isJump ? 0 : Math.min(LONGEST_GLIDE_MS, Math.max(SHORTEST_GLIDE_MS, interval));
    vessel.arrived = now;
    vessel.wake = isJump ? [at] : [...vessel.wake, at].slice(-WAKE_FIXES);
    Object.assign(vessel, { ...position, shownCourse: vessel.shownCourse ?? vessel.course });
    this.#glidingUntil = Math.max(this.#glidingUntil, now + vessel.glide);
  }

  #fit() {
    const { clientWidth, clientHeight } = this.#map.getContainer();
    this.#ratio = Math.min(2, globalThis.devicePixelRatio || 1);
    this.#canvas.width = clientWidth * this.#ratio;
    this.#canvas.height = clientHeight * this.#ratio;
    this.#touch();
  }

  /** Something has changed: draw with the next frame. */
  #touch() {
    this.#dirty = true;
  }

  /**
   * Only this canvas is drawn, never the map below it: that would cost a hundred times as much. Where frames come late
   * the machine is at its limit, and fewer are drawn.
   */
  #tick(now) {
    const isLate = now - this.#lastTick > 2.5 * FRAME_MS;
    this.#frameMs = isLate ? Math.min(SLOWEST_FRAME_MS, this.#frameMs * 1.2) : Math.max(FRAME_MS, this.#frameMs * 0.98);
    this.#lastTick = now;
    const wait = this.#dirty || now < this.#glidingUntil + FRAME_MS ? this.#frameMs : PULSE_MS;
    const hasWork = this.#dirty || now < this.#glidingUntil + FRAME_MS || this.#marked.size > 0;
    if (hasWork && now - this.#lastFrame >= wait) this.#draw();
    requestAnimationFrame((next) => this.#tick(next));
  }

  #draw() {
    const now = performance.now();
    this.#lastFrame = now;
    this.#dirty = false;
    const context = this.#context;
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    const seen = this.#project(now);
    for (const each of seen) this.#drawWake(each);
    for (const each of seen) this.#drawHull(each, now);
    this.#drawNames(seen);
  }

  #project(now) {
    const { clientWidth: width, clientHeight: height } = this.#map.getContainer();
    const seen = [];
    for (const [id, vessel] of this.#moving) {
      const fraction = vessel.glide ? Math.min(1, (now - vessel.began) / vessel.glide) : 1;
      vessel.shown = between(vessel.from, vessel.to, fraction);
      vessel.shownCourse = turn(vessel.shownCourse ?? vessel.course, vessel.course, 0.12);
      const point = this.#map.project(vessel.shown);
      if (point.x > -40 && point.y > -40 && point.x < width + 40 && point.y < height + 40) seen.push({ id, vessel, point });
    }
    return seen;
  }

  #drawWake({ id, vessel, point }) {
    if (vessel.wake.length < 2 || vessel.connectivity === "lost") return;
    const context = this.#context;
    const points = [...vessel.wake.slice(0, -1).map((at) => this.#map.project(at)), point];
    context.strokeStyle = this.#selected === id ? PALETTES[this.#theme].accent : this.#colourOf(id);
    context.lineWidth = 2;
    for (let i = 1; i < points.length; i++) {
      context.globalAlpha = 0.75 * (i / points.length) ** 1.5;
      context.beginPath();
      context.moveTo(points[i - 1].x, points[i - 1].y);
      context.lineTo(points[i].x, points[i].y);
      context.stroke();
    }
    context.globalAlpha = 1;
  }

  #drawHull({ id, vessel, point }, now) {
    const context = this.#context;
    const colours = PALETTES[this.#theme];
    const scale = this.#scale();
    context.save();
    context.translate(point.x, point.y);
    this.#drawMark(id, scale, now);
    const isLost = vessel.connectivity === "lost";
    context.globalAlpha = vessel.connectivity === "late" ? 0.65 : 1;
    context.fillStyle = isLost ? colours.halo : this.#colourOf(id);
    context.strokeStyle = isLost ? colours.silent : colours.outline;
    context.lineWidth = isLost ? 1.6 : 1.1;
    if (isLost) context.setLineDash([2.5, 2]);
    this.#shape(vessel, scale);
    context.fill();
    context.stroke();
    context.restore();
  }

  #shape(vessel, scale) {
    const context = this.#context;
    context.beginPath();
    if (vessel.course === null || !(vessel.speedMps > MOVING_MPS)) {
      context.arc(0, 0, 4 * scale, 0, 2 * Math.PI);
      return;
    }
    context.rotate((vessel.shownCourse * Math.PI) / 180);
    HULL.forEach(([x, y], index) => (index ? context.lineTo(x * scale, y * scale) : context.moveTo(x * scale, y * scale)));
    context.closePath();
  }

  #drawMark(id, scale, now) {
    const context = this.#context;
    const colour = this.#marked.get(id);
    if (colour) {
      const pulse = (now % 1800) / 1800;
      this.#ring(colour, (11 + 12 * pulse) * scale, 1.8, 1 - pulse);
      this.#ring(colour, 11 * scale, 2, 1);
    }
    if (this.#selected === id) this.#ring(PALETTES[this.#theme].accent, 15 * scale, 2, 1);
    context.globalAlpha = 1;
  }

  #ring(colour, radius, width, alpha) {
    const context = this.#context;
    context.globalAlpha = alpha;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(0, 0, radius, 0, 2 * Math.PI);
    context.stroke();
  }

  /** Names of the selected and the marked always, of the others where the map is close enough; never two on one spot. */
  #drawNames(seen) {
    const context = this.#context;
    const colours = PALETTES[this.#theme];
    const close = this.#map.getZoom() >= NAMES_FROM_ZOOM;
    const important = ({ id }) => id === this.#selected || this.#marked.has(id);
    const wanted = seen.filter((each) => close || important(each)).toSorted((a, b) => important(b) - important(a));
    const taken = [];
    context.font = `600 ${11 * this.#size}px Inter, system-ui, sans-serif`;
    context.textBaseline = "middle";
    context.lineJoin = "round";
    for (const { id, point } of wanted) {
      const text = this.#nameOf(id);
      const box = { x: point.x + 13 * this.#size, y: point.y - 7 * this.#size, width: context.measureText(text).width, height: 14 * this.#size };
      if (!text || taken.some((other) => overlap(box, other))) continue;
      taken.push(box);
      context.strokeStyle = colours.halo;
      context.lineWidth = 3;
      context.strokeText(text, box.x, point.y);
      context.fillStyle = colours.label;
      context.fillText(text, box.x, point.y);
    }
  }

  #scale() {
    return this.#size * Math.min(1.7, Math.max(0.62, 0.62 + (this.#map.getZoom() - 8) * 0.13));
  }
}

function heading(position, before) {
  return position.courseDeg ?? before;
}

function overlap(a, b) {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}
