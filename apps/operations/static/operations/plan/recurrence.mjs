/** Weekly rules (RFC 5545, the subset that the server takes) as what a person chooses, and back. */

export const DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"];
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

/** On which day an instant falls by the clocks of a zone. */
export function dayOf(instant, timeZone) {
  const at = new Date(instant);
  if (Number.isNaN(at.getTime())) return "MO";
  const name = new Intl.DateTimeFormat("en-GB", { weekday: "short", timeZone }).format(at);
  return name.slice(0, 2).toUpperCase();
}

export function ownTimeZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}
