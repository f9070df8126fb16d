/** Shapes as REST says them, and what terra-draw draws of them: polygons, rings around a centre, lines. */

import { circleRing, distance } from "../../core/map/geometry.mjs";

const PRECISION = 7; // about a centimetre
const USUAL_WIDTH_M = 100;

/** A feature that can be edited, or `null` for a shape that is kept as it is: several polygons, or one with holes. */
export function featureOf(shape) {
  switch (shape.type) {
    case "Circle":
      return feature("circle", { type: "Polygon", coordinates: [circleRing(shape.centre, shape.radius_m).map(rounded)] }, { radiusKilometers: shape.radius_m / 1000 });
    case "Corridor":
      return feature("linestring", { type: "LineString", coordinates: shape.coordinates.map(rounded) });
    default: {
      const polygons = polygonsOf(shape);
      const isPlain = polygons.length === 1 && polygons[0].length === 1;
      return isPlain ? feature("polygon", { type: "Polygon", coordinates: [polygons[0][0].map(rounded)] }) : null;
    }
  }
}

/** The shape that a drawn feature stands for; what it cannot say, the shape before it does. */
export function shapeOf({ geometry, properties }, before = null) {
  if (properties.mode === "circle") return circleOf(geometry.coordinates[0]);
  if (properties.mode === "linestring") return { type: "Corridor", coordinates: geometry.coordinates, width_m: before?.width_m ?? USUAL_WIDTH_M };
  return { type: "Polygon", coordinates: geometry.coordinates };
}

/** A GeoJSON geometry to look at. */
export function outlineOf(shape) {
  if (shape.type === "Circle") return { type: "Polygon", coordinates: [circleRing(shape.centre, shape.radius_m)] };
  if (shape.type === "Corridor") return { type: "LineString", coordinates: shape.coordinates };
  return { type: "MultiPolygon", coordinates: polygonsOf(shape) };
}

export function nameOf({ type }) {
  return { Circle: "Circle", Corridor: "Corridor" }[type] ?? "Area";
}

function polygonsOf(shape) {
  return shape.type === "Polygon" ? [shape.coordinates] : shape.coordinates;
}

function circleOf(ring) {
  const points = ring.slice(0, -1);
  const centre = rounded([0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length));
  const radius = points.reduce((sum, point) => sum + distance(centre, point), 0) / points.length;
  return { type: "Circle", centre, radius_m: Math.max(0.1, Number(radius.toFixed(radius < 100 ? 1 : 0))) };
}

function feature(mode, geometry, properties = {}) {
  return { type: "Feature", properties: { mode, ...properties }, geometry };
}

function rounded(position) {
  return position.slice(0, 2).map((value) => Number(value.toFixed(PRECISION)));
}
