/** Brings every map of a form to life: areas that are drawn, places that are chosen, previews. */

import { el, safeColour } from "../lib/dom.mjs";
import { createMap, maplibre, paintBase } from "../map/basemap.mjs";
import { bounds } from "../map/geometry.mjs";
import { currentTheme, onThemeChange } from "../map/palette.mjs";
import { AreaEditor } from "./area-editor.mjs";
import { PointEditor } from "./point-editor.mjs";

const EDITORS = { area: AreaEditor, point: PointEditor };
const FALLBACK = "#0d7f9e";
const BESIDE = "#c48a0a";
const WORLD = { center: [0, 25], zoom: 1 };

function begin(root) {
  if (root.dataset.begun) return;
  root.dataset.begun = "true";
  const kind = root.dataset.mapWidget;
  const field = root.querySelector("textarea");
  const geometry = parse(field ? field.value : root.dataset.geojson);
  if (kind === "preview" && !geometry) return;
  const canvas = root.querySelector(".wf-map-canvas");
  canvas.hidden = false;
  const map = createMap(canvas, currentTheme(), { ...WORLD, cooperativeGestures: false, scrollZoom: kind !== "preview" });
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "top-right");
  onThemeChange((theme) => paintBase(map, theme));
  map.once("style.load", () => {
    show(map, geometry, kind === "point" || geometry?.type === "Point" ? 12 : 13);
    if (kind === "preview") preview(map, geometry, { beside: parse(root.dataset.beside), colour: colourOf(root) });
    else edit(root, map, field, geometry, EDITORS[kind]);
    root.dataset.ready = "true";
  });
}

function show(map, geometry, maxZoom) {
  const box = geometry && bounds(geometry);
  if (box) map.fitBounds(box, { padding: 48, maxZoom, duration: 0 });
}

function preview(map, geometry, { beside, colour }) {
  if (beside) {
    map.addSource("beside", { type: "geojson", data: { type: "Feature", properties: {}, geometry: beside } });
    map.addLayer({ id: "beside", type: "line", source: "beside", paint: { "line-color": BESIDE, "line-width": 1.5, "line-dasharray": [4, 2] } });
  }
  map.addSource("shape", { type: "geojson", data: { type: "Feature", properties: {}, geometry } });
  if (geometry.type.endsWith("Polygon")) map.addLayer({ id: "fill", type: "fill", source: "shape", paint: { "fill-color": colour, "fill-opacity": 0.22 } });
  if (geometry.type === "Point") map.addLayer({ id: "point", type: "circle", source: "shape", paint: { "circle-color": colour, "circle-radius": 7, "circle-stroke-color": "#ffffff", "circle-stroke-width": 2 } });
  else map.addLayer({ id: "line", type: "line", source: "shape", paint: { "line-color": colour, "line-width": 2 } });
}

function edit(root, map, field, geometry, Editor) {
  const hint = root.querySelector(".wf-map-hint");
  const say = (text, isWrong = false) => {
    hint.textContent = text;
    hint.classList.toggle("is-wrong", isWrong);
  };
  const write = (value) => {
    field.value = value ? JSON.stringify(value) : "";
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };
  const editor = new Editor(map, { colour: colourOf(root), write, say });
  editor.load(geometry);
  addTools(root, editor, () => show(map, parse(field.value), 14));
  field.addEventListener("input", () => {
    const typed = parse(field.value);
    if (field.value.trim() && !typed) return say("The text is not GeoJSON yet.", true);
    editor.load(typed);
    show(map, typed, 14);
  });
}

function addTools(root, editor, fit) {
  const bar = root.querySelector(".wf-map-tools");
  const buttons = editor.tools.map(({ name, label, title }) => el("button", { type: "button", title, "data-tool": name, on: { click: () => editor.use(name) } }, label));
  bar.append(...buttons, el("button", { type: "button", title: "Show all of it", on: { click: fit } }, "Fit"));
  bar.hidden = false;
  editor.onTool = (current) => {
    for (const button of buttons) if (editor.tools.find(({ name }) => name === button.dataset.tool).isMode) button.setAttribute("aria-pressed", String(button.dataset.tool === current));
  };
  editor.onTool(editor.tool);
}

function parse(text) {
  try {
    const value = JSON.parse(text);
    return value?.type && Array.isArray(value.coordinates) ? value : null;
  } catch {
    return null;
  }
}

function colourOf(root) {
  return safeColour(root.dataset.colour, FALLBACK);
}

function beginAll(within) {
  for (const root of within.querySelectorAll("[data-map-widget]")) if (!root.closest(".empty-form")) begin(root);
}

beginAll(document);
document.addEventListener("formset:added", (event) => beginAll(event.target));
