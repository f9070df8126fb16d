/**
 * A map that needs no network: Natural Earth's land and borders from static files, a graticule, and nothing else.
 *
 * Natural Earth is drawn for 1:10,000,000. Closer than zoom 10 its coast is only a sketch, so land and coast fade
 * there and leave the stage to what moves, and the corner says for which scale they were drawn. The fine coast is eight megabytes: it is fetched when somebody comes close, and
 * the coarse one stands in until it is there.
 */

import * as maplibre from "../../vendor/maplibre-gl/maplibre-gl.mjs";
import { PALETTES } from "./palette.mjs";

const VENDOR = new URL("../../vendor/", import.meta.url);
const NEAR = 5; // from this zoom the fine coast is worth its size

maplibre.setWorkerUrl(new URL("maplibre-gl/maplibre-gl-worker.mjs", VENDOR).href);

export { maplibre };

/** A MapLibre map over the offline base map. `options` go to MapLibre as they are. */
export function createMap(container, theme, options = {}) {
  const map = new maplibre.Map({
    container,
    style: style(theme),
    attributionControl: false,
    dragRotate: false,
    pitchWithRotate: false,
    maxZoom: 17,
    fadeDuration: 0,
    ...options,
  });
  map.theme = theme;
  map.touchZoomRotate.disableRotation();
  map.once("style.load", () => {
    bringNearLand(map);
    map.on("zoom", () => bringNearLand(map));
  });
  map.addControl(new maplibre.AttributionControl({ compact: false, customAttribution: "Natural Earth, 1:10,000,000" }), "bottom-right");
  return map;
}

/** Recolour a map in place; sources, and what others have added, stay. */
export function paintBase(map, theme) {
  map.theme = theme;
  for (const layer of [...layers(PALETTES[theme]), ...land("near", PALETTES[theme])]) {
    if (!map.getLayer(layer.id)) continue;
    for (const [property, value] of Object.entries(layer.paint)) map.setPaintProperty(layer.id, property, value);
  }
}

function style(theme) {
  return {
    version: 8,
    sources: {
      "land-far": file("land-50m", 8),
      borders: file("borders-50m", 5),
      graticule: { type: "geojson", data: graticule() },
    },
    layers: layers(PALETTES[theme]),
  };
}

function bringNearLand(map) {
  if (map.getZoom() < NEAR || map.getSource("land-near")) return;
  map.addSource("land-near", file("land-10m", 12));
  for (const layer of land("near", PALETTES[map.theme], { minzoom: NEAR })) map.addLayer(layer, "borders");
  map.on("sourcedata", function arrived({ sourceId }) {
    if (sourceId !== "land-near" || !map.isSourceLoaded("land-near")) return;
    map.off("sourcedata", arrived);
    for (const { id } of land("far", PALETTES[map.theme])) map.setLayerZoomRange(id, 0, NEAR);
  });
}

function file(name, maxzoom) {
  return { type: "geojson", data: new URL(`world-atlas/${name}.geojson`, VENDOR).href, maxzoom, tolerance: 0.3, buffer: 32 };
}

function land(id, colours, range = {}) {
  const source = `land-${id}`;
  return [
    { id: `${id}-shore`, type: "line", source, ...range, paint: shore(colours) },
    { id, type: "fill", source, ...range, paint: ground(colours) },
    { id: `${id}-coast`, type: "line", source, ...range, paint: coast(colours) },
  ];
}

function layers(colours) {
  return [
    { id: "water", type: "background", paint: { "background-color": colours.water } },
    ...land("far", colours),
    { id: "borders", type: "line", source: "borders", paint: { "line-color": colours.border, "line-width": 1, "line-dasharray": [3, 2] } },
    { id: "graticule", type: "line", source: "graticule", paint: { "line-color": colours.graticule, "line-width": 0.6, "line-opacity": 0.7 } },
  ];
}

// A soft band along the coast: depth at small scales, and a truthful blur at large ones.
function shore(colours) {
  return {
    "line-color": colours.shallow,
    "line-width": ["interpolate", ["exponential", 1.6], ["zoom"], 2, 2, 9, 14, 14, 60],
    "line-blur": ["interpolate", ["exponential", 1.6], ["zoom"], 2, 1, 9, 8, 14, 50],
  };
}

function coast(colours) {
  return {
    "line-color": colours.coast,
    "line-width": ["interpolate", ["linear"], ["zoom"], 2, 0.4, 9, 1],
    "line-opacity": ["interpolate", ["linear"], ["zoom"], 10, 1, 13, 0.25],
  };
}

function ground(colours) {
  return { "fill-color": colours.land, "fill-opacity": ["interpolate", ["linear"], ["zoom"], 11, 1, 14, 0.4] };
}

function graticule() {
  const lines = [];
  for (let lon = -180; lon <= 180; lon += 10) lines.push(range(-85, 85).map((lat) => [lon, lat]));
  for (let lat = -80; lat <= 80; lat += 10) lines.push(range(-180, 180).map((lon) => [lon, lat]));
  return { type: "Feature", properties: {}, geometry: { type: "MultiLineString", coordinates: lines } };
}

function range(from, to, step = 5) {
  return Array.from({ length: (to - from) / step + 1 }, (_, index) => from + index * step);
}
