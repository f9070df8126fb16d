/**
 * Draws and edits the polygons of an area with terra-draw.
 *
 * terra-draw knows no holes. A polygon with holes is shown and kept exactly as it is; it can be edited as text.
 */

import { TerraDraw, TerraDrawPolygonMode, TerraDrawRectangleMode, TerraDrawSelectMode } from "../../vendor/terra-draw/terra-draw.mjs";
import { TerraDrawMapLibreGLAdapter } from "../../vendor/terra-draw-maplibre-gl-adapter/terra-draw-maplibre-gl-adapter.mjs";

const PRECISION = 7; // about a centimetre
const HINTS = {
  polygon: "Click the corners; click the first one again to finish.",
  rectangle: "Click two opposite corners.",
  select: "Click a shape, then drag it, its corners, or a middle point to add a corner. Delete removes the chosen shape.",
};

export class AreaEditor {
  tools = [
    { name: "polygon", label: "Polygon", title: "Draw a polygon", isMode: true },
    { name: "rectangle", label: "Rectangle", title: "Draw a rectangle", isMode: true },
    { name: "select", label: "Edit", title: "Move and reshape", isMode: true },
    { name: "remove", label: "Remove", title: "Remove the chosen shape, or all when none is chosen" },
  ];
  tool = "select";
  onTool = () => {};
  #draw;
  #map;
  #kept = [];
  #write;
  #say;
  #loading = false;
  #chosen = null;

  constructor(map, { colour, write, say }) {
    this.#map = map;
    this.#write = write;
    this.#say = say;
    this.#addKeptLayer(colour);
    this.#draw = new TerraDraw({ adapter: new TerraDrawMapLibreGLAdapter({ map, coordinatePrecision: PRECISION }), modes: modes(colour) });
    this.#draw.start();
    this.#draw.on("change", (_ids, type) => type !== "styling" && this.#changed());
    this.#draw.on("finish", () => this.#finished());
    this.#draw.on("select", (id) => (this.#chosen = id));
    this.#draw.on("deselect", () => (this.#chosen = null));
  }

  /** Show a geometry instead of what is there; nothing is written back. */
  load(geometry) {
    this.#loading = true;
    this.#draw.clear();
    const polygons = polygonsOf(geometry);
    this.#kept = polygons.filter((rings) => rings.length > 1);
    const results = this.#draw.addFeatures(polygons.filter((rings) => rings.length === 1).map(asFeature));
    this.#kept.push(...polygons.filter((rings) => rings.length === 1).filter((_, index) => results[index]?.valid === false));
    this.#showKept();
    this.#loading = false;
    this.use(polygons.length ? "select" : "polygon");
  }

  use(name) {
    if (name === "remove") return this.#remove();
    this.tool = name;
    this.#draw.setMode(name);
    this.#say(this.#kept.length && name === "select" ? "Parts with holes are kept as they are; edit them as text." : HINTS[name]);
    this.onTool(name);
  }

  #remove() {
    if (this.#chosen !== null && this.#draw.hasFeature(this.#chosen)) this.#draw.removeFeatures([this.#chosen]);
    else {
      this.#draw.clear();
      this.#kept = [];
      this.#showKept();
    }
    this.#chosen = null;
    this.#changed();
    if (!this.#polygons().length) this.use("polygon");
  }

  #finished() {
    this.#changed();
    if (this.tool !== "select") queueMicrotask(() => this.use("select"));
  }

  #changed() {
    if (this.#loading) return;
    const coordinates = [...this.#kept, ...this.#polygons()];
    this.#write(coordinates.length ? { type: "MultiPolygon", coordinates } : null);
  }

  /** The finished polygons: while one is drawn it is in the store as well, and not yet a shape. */
  #polygons() {
    return this.#draw
      .getSnapshot()
      .filter(({ geometry, properties }) => geometry.type === "Polygon" && !properties.currentlyDrawing && geometry.coordinates[0].length > 3)
      .map(({ geometry }) => geometry.coordinates);
  }

  #addKeptLayer(colour) {
    this.#map.addSource("kept", { type: "geojson", data: kept([]) });
    this.#map.addLayer({ id: "kept-fill", type: "fill", source: "kept", paint: { "fill-color": colour, "fill-opacity": 0.2 } });
    this.#map.addLayer({ id: "kept-line", type: "line", source: "kept", paint: { "line-color": colour, "line-width": 2, "line-dasharray": [3, 2] } });
  }

  #showKept() {
    this.#map.getSource("kept").setData(kept(this.#kept));
  }
}

function modes(colour) {
  const styles = { fillColor: colour, fillOpacity: 0.22, outlineColor: colour, outlineWidth: 2 };
  const editable = { feature: { draggable: true, coordinates: { midpoints: true, draggable: true, deletable: true } } };
  return [
    new TerraDrawPolygonMode({ styles: { ...styles, closingPointColor: colour } }),
    new TerraDrawRectangleMode({ styles }),
    new TerraDrawSelectMode({
      flags: { polygon: editable, rectangle: editable },
      styles: { selectedPolygonColor: colour, selectedPolygonFillOpacity: 0.32, selectedPolygonOutlineColor: colour, selectedPolygonOutlineWidth: 2.5, selectionPointColor: colour, midPointColor: colour },
    }),
  ];
}

function polygonsOf(geometry) {
  if (geometry?.type === "Polygon") return [geometry.coordinates];
  return geometry?.type === "MultiPolygon" ? geometry.coordinates : [];
}

function asFeature(rings) {
  const rounded = rings.map((ring) => ring.map((position) => position.slice(0, 2).map((value) => Number(value.toFixed(PRECISION)))));
  return { type: "Feature", properties: { mode: "polygon" }, geometry: { type: "Polygon", coordinates: rounded } };
}

function kept(polygons) {
  return { type: "Feature", properties: {}, geometry: { type: "MultiPolygon", coordinates: polygons } };
}
