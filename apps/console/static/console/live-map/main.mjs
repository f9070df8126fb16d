/** The live map: puts feed, picture, map and panels together, and decides what a click means. */

import { el, fill, icon, pageData, safeColour } from "../../core/lib/dom.mjs";
import { bounds } from "../../core/map/geometry.mjs";
import { createMap, maplibre, paintBase } from "../../core/map/basemap.mjs";
import { chooseTheme, currentTheme, onThemeChange, PALETTES } from "../../core/map/palette.mjs";
import { Operations, STATES } from "../map/operations.mjs";
import { Vessels } from "../map/vessels.mjs";
import { Zones } from "../map/zones.mjs";
import { ApiError, acknowledgeIncident, planOf, stays, trackOf } from "./api.mjs";
import { Details } from "./details.mjs";
import { Feed } from "./feed.mjs";
import { IncidentList } from "./incidents.mjs";
import { Picture } from "./picture.mjs";
import { Status } from "./status.mjs";

const SEVERITY_COLOURS = { 1: "#5b8db8", 2: "#e0a100", 3: "#f0702a", 4: "#e5383b" };
const FORCE_EVERY_MS = 30_000; // a zone begins or ceases to be in force without a word
const TRACK_MS = 2 * 3600 * 1000;
const HOME_KEY = "watchfloor-live-map-view";
const page = pageData("page-data");
const byId = (id) => document.getElementById(id);

let theme = currentTheme();
let selection = {};
let plan = null; // of the chosen operation
const picture = new Picture(() => stays(page.stays));
const assetKinds = new Map(page.asset_kinds.map((kind) => [kind.slug, kind]));
const zoneKinds = new Map(page.zone_kinds.map((kind) => [kind.slug, kind]));
const operationKinds = new Map(page.operation_kinds.map((kind) => [kind.slug, kind]));

const map = createMap("map", theme, { ...savedView(), hash: false });
map.addControl(new maplibre.ScaleControl({ unit: "nautical", maxWidth: 120 }), "bottom-right");
map.addControl(new maplibre.NavigationControl({ showCompass: false }), "bottom-right");

const status = new Status({
  connection: byId("connection"),
  connectionText: byId("connection-text"),
  clock: byId("clock"),
  rate: byId("rate"),
  counts: { online: byId("count-online"), late: byId("count-late"), lost: byId("count-lost") },
});
const incidents = new IncidentList({ list: byId("incidents"), count: byId("incident-count"), states: page.incident_states, mayAcknowledge, onOpen: openIncident, onAcknowledge: acknowledge });
const details = new Details(byId("details"), picture, { links: page.links, onChoose: choose, onClose: () => choose({}) });

let zones;
let operations;
let vessels;
map.once("style.load", () => {
  zones = new Zones(map, { theme, colourOf: (zone) => zoneKinds.get(zone.properties.kind)?.colour });
  operations = new Operations(map, { theme });
  addTrack();
  vessels = new Vessels(map, { theme, colourOf: colourOfAsset, nameOf: (id) => picture.nameOf(id), size: page.wall ? 1.35 : 1 });
  map.on("click", clicked);
  map.on("mousemove", (event) => (map.getCanvas().style.cursor = vessels.at(event.point) || operations.at(event.point) || zones.at(event.point) ? "pointer" : ""));
  map.on("moveend", saveView);
  start();
});

function start() {
  const url = new URL(page.feed, location.href);
  url.protocol = location.protocol === "https:" ? "wss:" : "ws:";
  const feed = new Feed(url.href, { onState: connectionChanged });
  picture.listen(changed);
  picture.follow(feed);
  feed.open();
  setInterval(tick, 1000);
  setInterval(() => {
    zones.replace([...picture.zones.values()].map(withForce));
    operationsChanged();
  }, FORCE_EVERY_MS);
  document.body.dataset.ready = "true";
}

function connectionChanged(state) {
  status.connection(state);
  if (state.name === "refused") notice("This screen has been signed out. Reload the page to sign in again.");
}

function changed(topic, change) {
  if (topic === "positions") positionsChanged(change);
  if (topic === "zones") zonesChanged(change);
  if (topic === "incidents") incidentsChanged();
  if (topic === "assets") assetsChanged();
  if (topic === "operations") operationsChanged();
  if (topic === "stays") zones.light(picture.occupied());
  if (concerns(topic, change)) showSelection();
}

function assetsChanged() {
  drawLegend();
  vessels.refresh();
}

function positionsChanged(change) {
  if (!change) vessels.replace([...picture.positions.values()].map(asPosition).filter(Boolean));
  else if (change.change === "upsert") moved(picture.positions.get(change.id ?? change.feature.id));
  else if (change.change === "remove") vessels.remove(change.id);
  zones.light(picture.occupied());
  status.counts(picture.positions);
  if (!change) fitOnce();
}

function moved(feature) {
  const position = asPosition(feature);
  if (position) vessels.put(position);
  status.heard(Date.now());
}

function zonesChanged(change) {
  if (!change) zones.replace([...picture.zones.values()].map(withForce));
  else if (change.change === "upsert") zones.put(withForce(change.feature));
  else if (change.change === "remove") zones.remove(change.id);
  zones.light(picture.occupied());
  drawLegend();
}

function operationsChanged() {
  operations.replace([...picture.operations.values()], Date.now());
  drawLegend();
}

function incidentsChanged() {
  const open = picture.openIncidents();
  incidents.show(open, Date.now());
  const marks = new Map();
  for (const { properties } of open.toReversed()) if (properties.asset_id && properties.state !== "acknowledged") marks.set(properties.asset_id, SEVERITY_COLOURS[properties.severity]);
  vessels.mark(marks);
  document.title = open.length ? `(${open.length}) Live map | Watchfloor` : "Live map | Watchfloor";
}

function tick() {
  const now = Date.now();
  status.tick(now);
  incidents.tick(now);
  details.tick(now);
}

function asPosition({ id, geometry, properties }) {
  if (!geometry) return null;
  const [lon, lat] = geometry.coordinates;
  const { fixed_at: fixedAt, speed_mps: speedMps = null, course_deg: courseDeg = null, heading_deg: headingDeg = null, connectivity } = properties;
  return { id, lon, lat, fixedAt: Date.parse(fixedAt), speedMps, courseDeg: courseDeg ?? headingDeg, connectivity };
}

function withForce(feature) {
  const { valid_from: from, valid_to: to, is_active: isActive = true } = feature.properties;
  const now = Date.now();
  const inForce = isActive && (!from || Date.parse(from) <= now) && (!to || now < Date.parse(to));
  return { ...feature, properties: { ...feature.properties, in_force: inForce } };
}

function colourOfAsset(id) {
  return safeColour(assetKinds.get(picture.kindOf(id))?.colour, "#7f95a1");
}

// --- choosing ------------------------------------------------------------------------------------------------

function clicked(event) {
  const asset = vessels.at(event.point);
  const operation = asset ? null : operations.at(event.point);
  choose(asset ? { asset } : operation ? { operation } : { zone: zones.at(event.point) });
}

function choose(next) {
  selection = next.asset || next.zone || next.operation ? next : {};
  vessels.select(selection.asset ?? null);
  zones.choose(selection.zone ?? null);
  operations.choose(selection.operation ?? null);
  learnPlan(selection.operation);
  showTrack(selection.asset);
  showSelection();
}

function showSelection() {
  if (selection.asset) details.showAsset(selection.asset, { colour: colourOfAsset(selection.asset), kind: assetKinds.get(picture.kindOf(selection.asset))?.name });
  else if (selection.zone) {
    const kind = zoneKinds.get(picture.zones.get(selection.zone)?.properties.kind);
    details.showZone(selection.zone, { colour: kind?.colour, kind: kind?.name });
  } else if (selection.operation) {
    const { state, kind } = picture.operations.get(selection.operation)?.properties ?? {};
    details.showOperation(selection.operation, { colour: STATES[state]?.colour, kind: operationKinds.get(kind)?.name, state: page.operation_states[state], plan });
  } else details.hide();
}

/** What the feed does not tell of an operation: who plans it, between which heights. */
async function learnPlan(operation) {
  plan = null;
  if (!operation) return;
  const found = await planOf(operation).catch(() => null);
  if (selection.operation !== operation) return;
  plan = found;
  showSelection();
}

function concerns(topic, change) {
  const chosen = selection.asset ?? selection.zone ?? selection.operation;
  if (!chosen) return false;
  return !change || change.id === chosen || (topic === "positions" && change.change === "event");
}

function openIncident({ id, geometry, properties }) {
  incidents.choose(id);
  const asset = properties.asset_id && picture.positions.has(properties.asset_id) ? properties.asset_id : null;
  choose(asset ? { asset } : { zone: properties.zone_id });
  const centre = (asset && picture.positions.get(asset).geometry?.coordinates) ?? geometry?.coordinates;
  if (centre) map.easeTo({ center: centre, zoom: Math.max(map.getZoom(), 12.5), padding: padding(), duration: 900 });
}

/** Offer only what is allowed as the page was opened; the server decides when it is done. */
function mayAcknowledge({ id, organisation_id: organisation }) {
  const { everything, organisations, objects } = page.may_acknowledge;
  return everything || organisations.includes(organisation) || objects.includes(id);
}

async function acknowledge({ id }) {
  try {
    await acknowledgeIncident(id);
  } catch (error) {
    notice(error instanceof ApiError ? error.message : "The server could not be reached.");
  }
}

function notice(text) {
  const node = el("p", { class: "notice", role: "alert" }, text);
  byId("notices").append(node);
  setTimeout(() => node.remove(), 6000);
}

// --- the track of the chosen vessel --------------------------------------------------------------------------

function addTrack() {
  map.addSource("track", { type: "geojson", data: emptyTrack() });
  map.addLayer({ id: "track", type: "line", source: "track", layout: { "line-join": "round" }, paint: { "line-color": PALETTES[theme].accent, "line-width": 2, "line-opacity": 0.8 } });
}

async function showTrack(asset) {
  map.getSource("track").setData(emptyTrack());
  if (!asset) return;
  const geometry = await trackOf(asset, Date.now() - TRACK_MS).catch(() => null);
  if (geometry && selection.asset === asset) map.getSource("track").setData({ type: "Feature", properties: {}, geometry });
}

function emptyTrack() {
  return { type: "FeatureCollection", features: [] };
}

// --- view, legend, theme -------------------------------------------------------------------------------------

let fitted = Boolean(savedView().center);

function fitOnce() {
  if (!fitted && picture.positions.size) fit();
}

function fit() {
  const points = [...picture.positions.values()].map(({ geometry }) => geometry?.coordinates).filter(Boolean);
  const box = bounds({ coordinates: points });
  if (!box) return;
  fitted = true;
  map.fitBounds(box, { padding: padding(), maxZoom: 13, duration: 0 });
}

function padding() {
  const panel = byId("rail").getBoundingClientRect();
  const isBeside = panel.width < innerWidth * 0.6;
  const foot = innerHeight - byId("legend").getBoundingClientRect().top;
  return { top: 80, bottom: isBeside ? foot + 20 : 60, left: 40, right: isBeside ? innerWidth - panel.left + 30 : 40 };
}

function savedView() {
  if (page.wall) return {};
  try {
    return JSON.parse(sessionStorage.getItem(HOME_KEY)) ?? {};
  } catch {
    return {};
  }
}

function saveView() {
  const { lng, lat } = map.getCenter();
  sessionStorage.setItem(HOME_KEY, JSON.stringify({ center: [lng, lat], zoom: map.getZoom() }));
}

function drawLegend() {
  const present = new Set([...picture.assets.values()].map(({ properties }) => properties.kind));
  const presentZones = new Set([...picture.zones.values()].map(({ properties }) => properties.kind));
  const presentStates = operations.states();
  const entry = (shape, { colour, name }) => el("li", { class: `legend-${shape}`, vars: { swatch: safeColour(colour, "#7f95a1") } }, shape === "asset" ? icon("hull") : null, name);
  fill(
    byId("legend-entries"),
    page.asset_kinds.filter(({ slug }) => present.has(slug)).map((kind) => entry("asset", kind)),
    page.zone_kinds.filter(({ slug }) => presentZones.has(slug)).map((kind) => entry("zone", kind)),
    Object.entries(STATES).filter(([state]) => presentStates.has(state)).map(([state, { colour, running }]) => entry(running ? "running" : "planned", { colour, name: `Operation ${page.operation_states[state]?.label.toLowerCase() ?? state}` })),
  );
}

function applyTheme(next) {
  theme = next;
  document.documentElement.classList.toggle("dark", theme === "dark");
  if (!vessels) return;
  paintBase(map, theme);
  zones.paint(theme);
  operations.paint(theme);
  vessels.paint(theme);
  map.setPaintProperty("track", "line-color", PALETTES[theme].accent);
}

applyTheme(theme);
onThemeChange((next) => next !== theme && applyTheme(next));
byId("theme").addEventListener("click", () => {
  const next = theme === "dark" ? "light" : "dark";
  chooseTheme(next);
  applyTheme(next);
});
byId("fit").addEventListener("click", fit);
byId("fold").addEventListener("click", () => document.body.classList.toggle("is-folded"));
addEventListener("keydown", (event) => event.key === "Escape" && choose({}));
