/** Brings the plan of an operation to life: the map, the volumes beside it, and what they meet. */

import { el } from "../../core/lib/dom.mjs";
import { createMap, maplibre, paintBase } from "../../core/map/basemap.mjs";
import { bounds } from "../../core/map/geometry.mjs";
import { currentTheme, onThemeChange } from "../../core/map/palette.mjs";
import { Answer } from "./answer.mjs";
import { Cards } from "./cards.mjs";
import { Drawing } from "./drawing.mjs";
import { Plan } from "./plan.mjs";
import { outlineOf } from "./shapes.mjs";
import { Surroundings } from "./surroundings.mjs";

const WORDS = ["title", "description", "contact"];
const COLOUR = "#0d7f9e";
const WORLD = { center: [0, 25], zoom: 1 };
const HOME_KEY = "watchfloor-live-map-view"; // where the live map keeps what one looked at last

function begin(root) {
  const about = JSON.parse(root.dataset.plan);
  const plan = new Plan(root.querySelector("textarea"));
  const canvas = root.querySelector(".wf-map-canvas");
  canvas.hidden = false;
  root.querySelector(".wf-plan-side").hidden = false;
  root.append(timeZones());
  new Cards(root.querySelector(".wf-plan-volumes"), plan);
  const map = createMap(canvas, currentTheme(), lastView() ?? WORLD);
  map.addControl(new maplibre.NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new maplibre.ScaleControl({ maxWidth: 120 }), "bottom-left");
  onThemeChange((theme) => paintBase(map, theme));
  map.once("style.load", () => draw(root, map, plan, about));
}

function draw(root, map, plan, about) {
  const hint = root.querySelector(".wf-map-hint");
  const surroundings = new Surroundings(map, { around: about.around, besides: about.operation_id });
  let said = "";
  const drawing = new Drawing(map, plan, { colour: COLOUR, say: (text) => (hint.textContent = said = text) });
  map.on("mousemove", ({ point }) => (hint.textContent = surroundings.at(point) ?? said));
  addTools(root, drawing, () => show(map, plan));
  const answer = new Answer(root.querySelector(".wf-plan-answer"), plan, {
    about: () => known(root, about),
    onConflicts: (conflicts) => surroundings.show(plan.bodies(), conflicts),
  });
  for (const name of ["kind", "organisation", "priority", ...WORDS]) root.closest("form")?.elements[name]?.addEventListener("change", () => answer.later());
  show(map, plan);
  surroundings.begin().then((box) => box && !plan.volumes.length && !lastView() && map.fitBounds(box, { padding: 40, duration: 0 }));
  root.dataset.ready = "true";
}

/** What the form says of the operation now; of one that there is, the page says the rest. */
function known(root, { check, kinds, around, ...about }) {
  const form = root.closest("form");
  const links = { operation: around.operation, zone: around.zone };
  const { kind, organisation, priority } = form.elements;
  return {
    check,
    links,
    csrf: form.elements.csrfmiddlewaretoken.value,
    kind: kind ? kinds[kind.value] : about.kind,
    organisation_id: organisation ? organisation.value : about.organisation_id,
    priority: priority ? (priority.value === "" ? null : Number(priority.value)) : about.priority,
    operation_id: about.operation_id ?? null,
    ...Object.fromEntries(WORDS.map((name) => [name, form.elements[name]?.value ?? null])),
  };
}

function addTools(root, drawing, fit) {
  const bar = root.querySelector(".wf-map-tools");
  const buttons = drawing.tools.map(({ name, label, title }) => el("button", { type: "button", title, "data-tool": name, on: { click: () => drawing.use(name) } }, label));
  bar.append(...buttons, el("button", { type: "button", title: "Show all of it", on: { click: fit } }, "Fit"));
  bar.hidden = false;
  drawing.onTool = (current) => buttons.forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.tool === current)));
  drawing.onTool(drawing.tool);
}

function show(map, plan) {
  const box = bounds({ coordinates: plan.bodies().map(({ shape }) => outlineOf(shape).coordinates) });
  if (box) map.fitBounds(box, { padding: 70, maxZoom: 14, duration: 0 });
}

function lastView() {
  try {
    return JSON.parse(sessionStorage.getItem(HOME_KEY));
  } catch {
    return null;
  }
}

function timeZones() {
  const names = Intl.supportedValuesOf?.("timeZone") ?? [];
  return el("datalist", { id: "wf-time-zones" }, ["UTC", ...names].map((name) => el("option", { value: name })));
}

for (const root of document.querySelectorAll("[data-plan]")) begin(root);
