/** Just enough plane geometry for a picture; what counts (who is inside what) is decided by the server. */

const EARTH_M = 6_371_008.8;
const RAD = Math.PI / 180;

/** Great-circle distance in metres between two [lon, lat]. */
export function distance(a, b) {
  const dLat = (b[1] - a[1]) * RAD;
  const dLon = (b[0] - a[0]) * RAD;
  const h = Math.sin(dLat / 2) ** 2 + Math.cos(a[1] * RAD) * Math.cos(b[1] * RAD) * Math.sin(dLon / 2) ** 2;
  return 2 * EARTH_M * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** The direction from a to b in degrees clockwise from north. */
export function bearing(a, b) {
  const x = (b[0] - a[0]) * Math.cos(((a[1] + b[1]) / 2) * RAD);
  return (Math.atan2(x, b[1] - a[1]) / RAD + 360) % 360;
}

/** A closed ring of [lon, lat] around a centre, `radius` in metres; good for a picture. */
export function circleRing([lon, lat], radius, count = 64) {
  const angle = radius / EARTH_M;
  const ring = Array.from({ length: count }, (_, step) => {
    const course = (-2 * Math.PI * step) / count;
    const sine = Math.sin(lat * RAD) * Math.cos(angle) + Math.cos(lat * RAD) * Math.sin(angle) * Math.cos(course);
    const east = Math.atan2(Math.sin(course) * Math.sin(angle) * Math.cos(lat * RAD), Math.cos(angle) - Math.sin(lat * RAD) * sine);
    return [lon + east / RAD, Math.asin(sine) / RAD];
  });
  return [...ring, ring[0]];
}

/** The angle a fraction of the way from one course to another, the short way round. */
export function turn(from, to, fraction) {
  const difference = ((to - from + 540) % 360) - 180;
  return (from + difference * fraction + 360) % 360;
}

export function between(a, b, fraction) {
  return [a[0] + (b[0] - a[0]) * fraction, a[1] + (b[1] - a[1]) * fraction];
}

/** [west, south, east, north] of any GeoJSON geometry, or null for an empty one. */
export function bounds(geometry) {
  const box = [Infinity, Infinity, -Infinity, -Infinity];
  for (const [lon, lat] of positions(geometry?.coordinates)) {
    box[0] = Math.min(box[0], lon);
    box[1] = Math.min(box[1], lat);
    box[2] = Math.max(box[2], lon);
    box[3] = Math.max(box[3], lat);
  }
  return Number.isFinite(box[0]) ? box : null;
}

/** A point in the middle of the largest ring, for a label. */
export function labelPoint(geometry) {
  const outers = geometry.type === "Polygon" ? [geometry.coordinates[0]] : geometry.coordinates.map((polygon) => polygon[0]);
  const largest = outers.toSorted((a, b) => Math.abs(area(b)) - Math.abs(area(a)))[0];
  return largest && centroid(largest);
}

function area(ring) {
  let sum = 0;
  for (let i = 0; i + 1 < ring.length; i++) sum += ring[i][0] * ring[i + 1][1] - ring[i + 1][0] * ring[i][1];
  return sum / 2;
}

function centroid(ring) {
  const whole = area(ring);
  if (Math.abs(whole) < 1e-12) return ring[0];
  let x = 0;
  let y = 0;
  for (let i = 0; i + 1 < ring.length; i++) {
    const cross = ring[i][0] * ring[i + 1][1] - ring[i + 1][0] * ring[i][1];
    x += (ring[i][0] + ring[i + 1][0]) * cross;
    y += (ring[i][1] + ring[i + 1][1]) * cross;
  }
  return [x / (6 * whole), y / (6 * whole)];
}

function* positions(coordinates) {
  if (!Array.isArray(coordinates)) return;
  if (typeof coordinates[0] === "number") yield coordinates;
  else for (const part of coordinates) yield* positions(part);
}
