/** Chooses one place: a click puts the marker, dragging moves it. */

import { maplibre } from "../map/basemap.mjs";

export class PointEditor {
  tools = [{ name: "remove", label: "Remove", title: "Forget the place" }];
  tool = null;
  onTool = () => {};
  #map;
  #marker;
  #write;
  #say;

  constructor(map, { colour, write, say }) {
    this.#map = map;
    this.#write = write;
    this.#say = say;
    this.#marker = new maplibre.Marker({ color: colour, draggable: true });
    this.#marker.on("dragend", () => this.#put(this.#marker.getLngLat()));
    map.on("click", ({ lngLat }) => this.#put(lngLat));
    map.getCanvas().style.cursor = "crosshair";
  }

  load(geometry) {
    if (geometry?.type === "Point") this.#marker.setLngLat(geometry.coordinates.slice(0, 2)).addTo(this.#map);
    else this.#marker.remove();
    this.#say("Click the map to choose a place; drag the marker to move it.");
  }

  use() {
    this.#marker.remove();
    this.#write(null);
  }

  #put({ lng, lat }) {
    const wrapped = new maplibre.LngLat(lng, lat).wrap();
    this.#marker.setLngLat(wrapped).addTo(this.#map);
    this.#write({ type: "Point", coordinates: [Number(wrapped.lng.toFixed(7)), Number(wrapped.lat.toFixed(7))] });
  }
}
