/** Heights, times and verdicts as a person reads them. */

const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
const TIME = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "UTC" });
const VERDICTS = {
  refused: ["in the way", "alert"],
  needs_approval: ["has to be asked", "notice"],
  overrules: ["gives way to this", "notice"],
  shared: ["shares the space", "calm"],
  conditional: ["conditions apply", "notice"],
  advisory: ["good to know", "calm"],
};

/** What follows, and in which tone it is told. */
export function verdict(name) {
  return VERDICTS[name] ?? [name.replaceAll("_", " "), "notice"];
}

export function heights({ lower_m: lower, lower_datum: lowerDatum, upper_m: upper, upper_datum: upperDatum }) {
  if (lower === null && upper === null) return "every height";
  if (lower !== null && upper !== null && lowerDatum === upperDatum) return `${metres(lower)} to ${metres(upper)} m ${lowerDatum}`;
  return [lower === null ? "" : `from ${metres(lower)} m ${lowerDatum}`, upper === null ? "" : `up to ${metres(upper)} m ${upperDatum}`].filter(Boolean).join(" ");
}

/** A time in UTC; the day of its end only where it is another one. */
export function window(start, end) {
  if (!start && !end) return "at all times";
  if (!start) return `until ${moment(end)}`;
  if (!end) return `from ${moment(start)}`;
  const isSameDay = DAY.format(new Date(start)) === DAY.format(new Date(end));
  return `${moment(start)} to ${isSameDay ? TIME.format(new Date(end)) : moment(end)}`;
}

/** How much later, in hours and minutes. */
export function delay(seconds) {
  const minutes = Math.ceil(seconds / 60);
  const [days, hours] = [Math.floor(minutes / 1440), Math.floor((minutes % 1440) / 60)];
  return [days && `${days} d`, hours && `${hours} h`, minutes % 60 && `${minutes % 60} min`].filter(Boolean).join(" ") || "at once";
}

export function metres(value) {
  return new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 }).format(value);
}

function moment(at) {
  return `${DAY.format(new Date(at))}, ${TIME.format(new Date(at))}`;
}
