// Days, weeks, months and years of the household's calendar, as pairs of dates `[from, to)`.

export const PERIODS = {
  day: { title: "Day", resolution: "half-hour" },
  week: { title: "Week", resolution: "day" },
  month: { title: "Month", resolution: "day" },
  year: { title: "Year", resolution: "month" },
};

const DAYS = { day: 1, week: 7 };
const MONTHS = { month: 1, year: 12 };

const text = (date) => date.toISOString().slice(0, 10);
const date = (words) => new Date(`${words}T00:00:00Z`);

/** The day of an instant in the household's zone, today by default, as YYYY-MM-DD. */
export function today(zone, at = new Date()) {
  return new Intl.DateTimeFormat("sv-SE", { timeZone: zone }).format(at);
}

/** The period of a kind that a day is in. */
export function periodOf(kind, day) {
  const from = date(day);
  if (kind === "week") from.setUTCDate(from.getUTCDate() - ((from.getUTCDay() + 6) % 7));
  if (kind in MONTHS) from.setUTCDate(1);
  if (kind === "year") from.setUTCMonth(0);
  const to = new Date(from);
  if (kind in DAYS) to.setUTCDate(to.getUTCDate() + DAYS[kind]);
  else to.setUTCMonth(to.getUTCMonth() + MONTHS[kind]);
  return { kind, from: text(from), to: text(to) };
}

/** The period of another kind: of today where that is looked at already, else of its first day. */
export function within(kind, { from, to }, today) {
  return periodOf(kind, from <= today && today < to ? today : from);
}

/** The period before or after. */
export function beside(period, step) {
  const day = date(step > 0 ? period.to : period.from);
  if (step < 0) day.setUTCDate(day.getUTCDate() - 1);
  return periodOf(period.kind, text(day));
}

/** The period in words. */
export function title({ kind, from, to }) {
  const write = (day, options) =>
    new Intl.DateTimeFormat("en-GB", { ...options, timeZone: "UTC" }).format(date(day));
  if (kind === "year") return from.slice(0, 4);
  if (kind === "month") return write(from, { month: "long", year: "numeric" });
  if (kind === "day") return write(from, { weekday: "short", day: "numeric", month: "short", year: "numeric" });
  const last = new Date(date(to) - 86_400_000);
  return `${write(from, { day: "numeric", month: "short" })} – ${write(text(last), { day: "numeric", month: "short", year: "numeric" })}`;
}

/** What an interval of a resolution is called. */
export function label(start, resolution, zone) {
  const options = {
    "half-hour": { hour: "2-digit", minute: "2-digit" },
    day: { day: "numeric", month: "short" },
    month: { month: "short" },
  }[resolution];
  return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone }).format(new Date(start));
}
