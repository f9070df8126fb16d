/**
 * Draws the volumes of a plan with terra-draw: areas, circles by centre and radius, corridors as lines with a width.
 *
 * Each volume is one feature. What terra-draw cannot edit (several polygons, holes) is shown and kept as it is.
 */

import { TerraDraw, TerraDrawCircleMode, TerraDrawLineStringMode, TerraDrawPolygonMode, TerraDrawRectangleMode, TerraDrawSelectMode } from "../../vendor/terra-draw/terra-draw.mjs";
import { TerraDrawMapLibreGLAdapter } from "../../vendor/terra-draw-maplibre-gl-adapter/terra-draw-maplibre-gl-adapter.mjs";
import { featureOf, outlineOf, shapeOf } from "./shapes.mjs";

const M_PER_PX = 78_271.517; // at the equator and zoom 0, of a tile of 512
const HINTS = {
  polygon: "Click the corners; click the first one again to finish.",
  rectangle: "Click two opposite corners.",
  circle: "Click the centre, then where the circle ends.",
  linestring: "Click along the line; click its end again to finish. Its width stands beside the map.",
  select: "Click a volume, then drag it or its corners. A middle point adds a corner; Delete removes the volume.",
};

export class Drawing {
  tools = [
    { name: "polygon", label: "Polygon", title: "Draw an area" },
    { name: "rectangle", label: "Rectangle", title: "Draw a rectangle" },
    { name: "circle", label: "Circle", title: "Draw a circle by its centre and radius" },
    { name: "linestring", label: "Corridor", title: "Draw a line that has a width" },
    { name: "select", label: "Edit", title: "Move and reshape" },
  ];
  tool = null;
  onTool = () => {};
  #map;
  #plan;
  #say;
  #draw;
  #keys = new Map(); // of a feature, that of its volume
  #isOurs = false; // what changes now, we change

  constructor(map, plan, { colour, say }) {
    this.#map = map;
    this.#plan = plan;
    this.#say = say;
    this.#addLayers(colour);
    this.#draw = new TerraDraw({ adapter: new TerraDrawMapLibreGLAdapter({ map, coordinatePrecision: 7 }), modes: modes(colour) });
    this.#draw.start();
    this.#draw.on("change", (ids, type) => this.#changed(ids, type));
    this.#draw.on("finish", (id, { action }) => this.#finished(id, action));
    this.#draw.on("select", (id) => this.#plan.choose(this.#keys.get(id) ?? null));
    plan.listen((what, key) => this.#told(what, key));
    this.#load();
    this.use(plan.volumes.length ? "select" : "polygon");
  }

  use(name) {
    this.tool = name;
    this.#draw.setMode(name);
    this.#say(HINTS[name]);
    this.onTool(name);
  }

  #load() {
    this.#ourselves(() => {
      this.#draw.clear();
      this.#keys.clear();
      for (const { key, body } of this.#plan.volumes) this.#put(key, body.shape);
    });
    this.#showBands();
  }

  #put(key, shape) {
    const feature = featureOf(shape);
    const [result] = feature ? this.#draw.addFeatures([feature]) : [];
    if (result?.valid) this.#keys.set(result.id, key);
  }

  #told(what, key) {
    if (this.#isOurs) return;
    if (what === "all") this.#load();
    if (what === "shape") this.#again(key);
    if (what === "chosen") this.#choose(key);
  }

  /** Draw one volume anew: its radius or width was typed. */
  #again(key) {
    const id = this.#idOf(key);
    const feature = featureOf(this.#plan.body(key).shape);
    if (id !== undefined && feature) this.#ourselves(() => this.#draw.updateFeatureGeometry(id, feature.geometry));
    this.#showBands();
  }

  #choose(key) {
    const id = this.#idOf(key);
    if (id === undefined || this.tool !== "select") return;
    this.#ourselves(() => this.#draw.selectFeature(id));
  }

  #finished(id, action) {
    const feature = this.#draw.getSnapshotFeature(id);
    if (!feature) return;
    const known = this.#keys.get(id);
    if (action === "draw") this.#ourselves(() => this.#keys.set(id, this.#plan.add(shapeOf(feature))));
    else if (known) this.#ourselves(() => this.#plan.change(known, { shape: shapeOf(feature, this.#plan.body(known).shape) }));
    this.#showBands();
    if (action === "draw") queueMicrotask(() => this.use("select"));
  }

  #changed(ids, type) {
    if (this.#isOurs) return;
    if (type === "delete") {
      for (const id of ids.filter((each) => this.#keys.has(each) && !this.#draw.hasFeature(each))) {
        const key = this.#keys.get(id);
        this.#keys.delete(id);
        this.#ourselves(() => this.#plan.remove(key));
      }
    }
    if (type === "update" || type === "delete") this.#showBands();
  }

  #ourselves(change) {
    const was = this.#isOurs;
    this.#isOurs = true;
    try {
      return change();
    } finally {
      this.#isOurs = was;
    }
  }

  #idOf(key) {
    for (const [id, each] of this.#keys) if (each === key) return id;
    return undefined;
  }

  #addLayers(colour) {
    this.#map.addSource("plan", { type: "geojson", data: collection([]) });
    const wide = ["interpolate", ["exponential", 2], ["zoom"], 0, ["get", "px"], 22, ["*", ["get", "px"], 2 ** 22]];
    const isLine = ["==", ["geometry-type"], "LineString"];
    this.#map.addLayer({ id: "plan-band", type: "line", source: "plan", filter: isLine, layout: { "line-cap": "round", "line-join": "round" }, paint: { "line-color": colour, "line-opacity": 0.28, "line-width": wide } });
    this.#map.addLayer({ id: "plan-kept", type: "fill", source: "plan", filter: ["!", isLine], paint: { "fill-color": colour, "fill-opacity": 0.25 } });
    this.#map.addLayer({ id: "plan-kept-line", type: "line", source: "plan", filter: ["!", isLine], paint: { "line-color": colour, "line-width": 2, "line-dasharray": [3, 2] } });
  }

  /** Show the widths of corridors as they are drawn now, and what is kept as it is. */
  #showBands() {
    const shown = this.#plan.volumes.map(({ key, body: { shape } }) => {
      const id = this.#idOf(key);
      if (shape.type !== "Corridor") return id === undefined ? asFeature(outlineOf(shape)) : null;
      const drawn = id === undefined ? null : this.#draw.getSnapshotFeature(id);
      const line = drawn?.geometry ?? outlineOf(shape);
      const px = shape.width_m / (M_PER_PX * Math.cos((line.coordinates[0][1] * Math.PI) / 180));
      return asFeature(line, { px });
    });
    this.#map.getSource("plan").setData(collection(shown.filter(Boolean)));
  }
}

function modes(colour) {
  const styles = { fillColor: colour, fillOpacity: 0.22, outlineColor: colour, outlineWidth: 2 };
  const editable = { feature: { draggable: true, coordinates: { midpoints: true, draggable: true, deletable: true } } };
  return [
    new TerraDrawPolygonMode({ styles: { ...styles, closingPointColor: colour } }),
    new TerraDrawRectangleMode({ styles }),
    new TerraDrawCircleMode({ styles }),
    new TerraDrawLineStringMode({ styles: { lineStringColor: colour, lineStringWidth: 2, closingPointColor: colour } }),
    new TerraDrawSelectMode({
      flags: { polygon: editable, rectangle: editable, linestring: editable, circle: { feature: { draggable: true, coordinates: { resizable: "center-fixed" } } } },
      styles: {
        selectedPolygonColor: colour, selectedPolygonFillOpacity: 0.34, selectedPolygonOutlineColor: colour, selectedPolygonOutlineWidth: 2.5,
        selectedLineStringColor: colour, selectedLineStringWidth: 3, selectionPointColor: colour, midPointColor: colour,
      },
    }),
  ];
}

function asFeature(geometry, properties = {}) {
  return { type: "Feature", properties, geometry };
}

function collection(features) {
  return { type: "FeatureCollection", features };
}
