// What a period cost, line by line, and what it will cost by its end.

import { ask, askIfAny } from "./api.js";
import { drawBars } from "./bars.js";
import { showChosen } from "./chosen.js";
import { card, el } from "./dom.js";
import { label, periodOf, PERIODS, today } from "./periods.js";
import { energy, money, price } from "./words.js";

/** Show the cost of a period. */
export const showCost = (app) => showChosen("Cost", app, async (meter, { kind, from, to }, name) => {
  const { zone } = app.home;
  const { resolution } = PERIODS[kind];
  const path = `/meters/${encodeURIComponent(meter.meter)}`;
  const day = today(zone);
  if (from > day) return [card("Cost", el("p", {}, "This has not begun."))];
  const isOver = to <= day;
  const query = { from, to };
  // What was spent has no standing charge of days to come; nor has it in the intervals.
  const spent = { from, to: isOver ? to : periodOf("day", day).to };
  const report = await askIfAny(`${path}/cost`, { query: spent });
  if (!report) return [card("Cost", el("p", {}, "No tariff is agreed for this meter, so nothing can be priced."))];
  const [series, preview] = await Promise.all([
    ask(`${path}/costs`, { query: { ...query, resolution } }),
    // What is over has nothing to look ahead from.
    isOver ? null : askIfAny(`${path}/preview`, { query }),
  ]);
  return [totalCard(name, report, series, { resolution, zone, isOver }), linesCard(report), preview && aheadCard(preview)];
});

function totalCard(name, report, series, { resolution, zone, isOver }) {
  const inMoney = (millionths) => money(millionths, report.currency);
  const bars = series.intervals.map((one) => barOf(one, inMoney, resolution, zone));
  const made = card(`${name} cost${isOver ? "" : " so far"}`,
    el("p", { class: "figure" }, inMoney(report.total_millionths)),
    el("p", { class: "note" }, report.tariff || "No tariff held."),
    report.unpriced_slots ? el("p", { class: "note" }, `${report.unpriced_slots} half hours have no price yet; they are not in the sum.`) : null,
    drawBars("Cost", bars, inMoney));
  made.classList.add("wide");
  return made;
}

function barOf(one, inMoney, resolution, zone) {
  const isAhead = new Date(one.start) > new Date();
  const isKnown = !isAhead && (one.energy_mwh !== 0 || one.missing_slots === 0);
  return {
    label: label(one.start, resolution, zone),
    value: isKnown ? Math.max(0, one.total_millionths) : null,
    below: isKnown ? Math.max(0, -one.total_millionths) : 0,
    quality: isAhead ? "ahead" : one.estimated_slots || one.missing_slots ? "estimated" : "measured",
    text: isKnown ? `${inMoney(one.total_millionths)} for ${energy(one.energy_mwh)}` : isAhead ? "not yet" : "missing",
  };
}

function linesCard(report) {
  return card("Line by line", el("ul", { class: "rows" }, ...report.lines.map((line) =>
    el("li", {}, el("span", {}, line.name || line.kind), el("strong", {}, money(line.amount_millionths, report.currency)),
      detailOf(line, report.currency)))));
}

function detailOf(line, currency) {
  if (line.days) return el("small", {}, `${line.days} ${line.days === 1 ? "day" : "days"}`);
  if (!line.energy_mwh) return null;
  const at = line.price_millionths_per_kwh == null ? "at half-hourly prices" : `at ${price(line.price_millionths_per_kwh, currency)}`;
  return el("small", {}, `${energy(line.energy_mwh)} ${at}`);
}

function aheadCard(preview) {
  const inMoney = (millionths) => money(millionths, preview.currency);
  return card("By the end of it", el("p", { class: "figure" }, inMoney(preview.expected_millionths)),
    preview.low_millionths == null ? null
      : el("p", { class: "note" }, `Between ${inMoney(preview.low_millionths)} and ${inMoney(preview.high_millionths)}, eight times of ten.`));
}
