/** Weekly rules (RFC 5545, the subset that the server takes) as what a person chooses, and back. */

export const DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
const NAMES = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
const PARTS = new Set(["FREQ", "INTERVAL", "BYDAY", "COUNT", "UNTIL", "WKST"]);

/** What a rule says: `{interval, days, count, until}`; `null` for one that this form cannot show. */
export function readRule(rule) {
  const parts = Object.fromEntries(rule.split(";").map((part) => part.split("=")));
  const days = (parts.BYDAY ?? "").split(",").filter(Boolean);
  const isKnown = parts.FREQ === "WEEKLY" && Object.keys(parts).every((name) => PARTS.has(name)) && days.every((day) => DAYS.includes(day));
  return isKnown ? { interval: Number(parts.INTERVAL ?? 1), days, count: parts.COUNT ? Number(parts.COUNT) : null, until: parts.UNTIL ?? null, wkst: parts.WKST ?? null } : null;
}

export function writeRule({ interval, days, count, until, wkst }) {
  const parts = ["FREQ=WEEKLY"];
  if (interval > 1) parts.push(`INTERVAL=${interval}`);
  if (days.length) parts.push(`BYDAY=${DAYS.filter((day) => days.includes(day)).join(",")}`);
  parts.push(until ? `UNTIL=${until}` : `COUNT=${count ?? 1}`);
  if (wkst) parts.push(`WKST=${wkst}`);
  return parts.join(";");
}

/** The day on which a rule's `UNTIL` falls by the clocks of a zone, as `2026-12-31`; "" for none that can be read. */
export function lastDayOf(until, timeZone) {
  const [, y, m, d, ...time] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(until ?? "") ?? [];
  return y ? byClocks(Date.UTC(y, m - 1, d, ...time), timeZone).slice(0, 10) : "";
}

/** The `UNTIL` that lets a whole day of a zone (`2026-12-31`) still count. */
export function untilEndOf(day, timeZone) {
  const wanted = Date.parse(`${day}T23:59:59Z`);
  let at = wanted;
  // Twice, since the clocks may change between the first guess and the instant.
  for (let round = 0; round < 2; round++) at += wanted - Date.parse(`${byClocks(at, timeZone)}Z`);
  return new Date(at).toISOString().replace(/[-:]|\.000/g, "");
}

/** What the clocks of a zone show at an instant, as `2026-12-31T23:59:59`. */
function byClocks(at, timeZone) {
  const shown = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium", timeZone: known(timeZone) });
  return shown.format(at).replace(" ", "T");
}

/** A zone that the browser knows: while one types, it may be none. The server says so. */
function known(timeZone) {
  try {
    return new Intl.DateTimeFormat("en", { timeZone }).resolvedOptions().timeZone;
  } catch {
    return "UTC";
  }
}

/** On which day an instant falls by the clocks of a zone. */
export function dayOf(instant, timeZone) {
  const at = new Date(instant);
  if (Number.isNaN(at.getTime())) return "MO";
  const name = new Intl.DateTimeFormat("en-GB", { weekday: "short", timeZone }).format(at);
  return name.slice(0, 2).toUpperCase();
}

/** A day of a rule (`MO`) as a person reads it. */
export function nameOfDay(day) {
  return NAMES[DAYS.indexOf(day)] ?? day;
}

export function ownTimeZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
