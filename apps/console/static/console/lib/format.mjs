/** Numbers and instants as people on watch read them. Pure: the current instant is an argument. */

const KNOTS_PER_MPS = 1.943844;
const MISSING = "–";

/** How long ago, in the two largest units that matter: `8 s`, `3 min 05 s`, `2 h 10 min`, `4 d`. */
export function age(fromMs, nowMs) {
  const seconds = Math.max(0, Math.floor((nowMs - fromMs) / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(seconds % 60).padStart(2, "0")} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, "0")} min`;
  return `${Math.floor(hours / 24)} d`;
}

/** Time left until an instant, or `now`. */
export function countdown(untilMs, nowMs) {
  const seconds = Math.ceil((untilMs - nowMs) / 1000);
  return seconds <= 0 ? "now" : age(0, seconds * 1000);
}

export function knots(speedMps) {
  return isNumber(speedMps) ? `${(speedMps * KNOTS_PER_MPS).toFixed(1)} kn` : MISSING;
}

export function degrees(value) {
  return isNumber(value) ? `${String(Math.round(value) % 360).padStart(3, "0")}°` : MISSING;
}

export function metres(value) {
  return isNumber(value) ? `${Math.round(value)} m` : MISSING;
}

/** Degrees and decimal minutes, as on a chart: `40°38.65′N 074°03.05′W`. */
export function place(lon, lat) {
  if (!isNumber(lon) || !isNumber(lat)) return MISSING;
  return `${angle(lat, 2, "N", "S")} ${angle(lon, 3, "E", "W")}`;
}

function angle(value, width, positive, negative) {
  const minutesTotal = Math.round(Math.abs(value) * 6000) / 100;
  const whole = Math.floor(minutesTotal / 60);
  const minutes = (minutesTotal - whole * 60).toFixed(2).padStart(5, "0");
  return `${String(whole).padStart(width, "0")}°${minutes}′${value < 0 ? negative : positive}`;
}

/** `14:05:09 UTC`. */
export function clock(ms) {
  return `${new Date(ms).toISOString().slice(11, 19)} UTC`;
}

/** `20 Nov 14:05 UTC`. */
export function day(ms) {
  const date = new Date(ms);
  const month = date.toLocaleString("en-GB", { month: "short", timeZone: "UTC" });
  return `${date.getUTCDate()} ${month} ${date.toISOString().slice(11, 16)} UTC`;
}

/** `watchfloor_kind` as `Watchfloor kind`. */
export function words(text) {
  const plain = String(text ?? "").replaceAll("_", " ");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}
