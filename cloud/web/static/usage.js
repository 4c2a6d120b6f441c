// What was used, by day, week, month or year, of one meter at a time.

import { ask, address } from "./api.js";
import { drawBars } from "./bars.js";
import { card, chooser, el } from "./dom.js";
import { beside, label, periodOf, PERIODS, title, today } from "./periods.js";
import { energy } from "./words.js";

const QUANTITY = { electricity: "import_mwh", gas: "gas_mwh" };
const kept = { period: null, meter: null };

/** Make the row that goes from period to period; `redraw` is called after each choice. */
export function steps(home, redraw) {
  kept.period ??= periodOf("day", today(home.zone));
  const go = (period) => {
    kept.period = period;
    redraw();
  };
  const kinds = Object.entries(PERIODS).map(([kind, { title: text }]) => [kind, text]);
  return el("div", { class: "period wide" },
    chooser("Period", kinds, kept.period.kind, (kind) => go(periodOf(kind, kept.period.from))),
    el("button", { class: "quiet", "aria-label": "Earlier", onclick: () => go(beside(kept.period, -1)) }, "‹"),
    el("strong", {}, title(kept.period)),
    el("button", { class: "quiet", "aria-label": "Later", onclick: () => go(beside(kept.period, 1)) }, "›"));
}

/** Make the choice of a meter, and tell which is chosen. */
export function meterChoice(meters, redraw) {
  const meter = meters.find((one) => one.meter === kept.meter) ?? meters[0];
  const names = meters.map((one) => [one.meter, `${one.medium} ${one.meter.slice(-6)}`]);
  const choose = (id) => {
    kept.meter = id;
    redraw();
  };
  return { meter, choice: meters.length > 1 ? chooser("Meter", names, meter.meter, choose) : null };
}

/** The period that is shown, common to usage and cost. */
export const shown = () => kept.period;

/** Show the usage of a period. */
export async function showUsage({ home, show }) {
  const row = steps(home, show);
  const { meters } = await ask("/meters");
  if (!meters.length) return { cards: [card("Usage", el("p", {}, "No meter has sent anything yet."))] };
  const { meter, choice } = meterChoice(meters, show);
  const { kind, from, to } = shown();
  const { resolution } = PERIODS[kind];
  const path = `/meters/${encodeURIComponent(meter.meter)}/usage`;
  const report = await ask(path, { query: { from, to, resolution } });
  const quantity = QUANTITY[meter.medium];
  const sum = (name) => report.intervals.reduce((all, one) => all + (one[name] ?? 0), 0);
  const bars = report.intervals.map((one) => ({
    label: label(one.start, resolution, home.zone),
    value: one[quantity] ?? null,
    below: one.export_mwh ?? 0,
    quality: one.status,
    text: one[quantity] == null ? one.status
      : `${energy(one[quantity])}${one.export_mwh ? `, ${energy(one.export_mwh)} exported` : ""}, ${one.status}`,
  }));
  const missing = report.intervals.filter((one) => one.status === "missing" && new Date(one.start) < new Date()).length;
  const used = card(`${meter.medium[0].toUpperCase()}${meter.medium.slice(1)} used`,
    el("p", { class: "figure" }, energy(sum(quantity))),
    el("p", { class: "note" }, [
      sum("export_mwh") ? `${energy(sum("export_mwh"))} exported.` : "",
      missing ? `${missing} ${missing === 1 ? "interval is" : "intervals are"} missing.` : "Nothing is missing.",
    ].join(" ")),
    drawBars("Usage", bars, energy));
  used.classList.add("wide");
  const file = address("/exports/usage", { meter: meter.meter, from, to, format: "csv" });
  return {
    cards: [row, choice, used, el("p", { class: "note wide" }, el("a", { href: file, download: true }, "Download as CSV"))].filter(Boolean),
  };
}
