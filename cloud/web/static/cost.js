// What a period cost, line by line, and what it will cost by its end.

import { ask, askIfAny } from "./api.js";
import { drawBars } from "./bars.js";
import { card, el } from "./dom.js";
import { label, PERIODS } from "./periods.js";
import { meterChoice, shown, steps } from "./usage.js";
import { energy, money, price } from "./words.js";

/** Show the cost of a period. */
export async function showCost({ home, show }) {
  const row = steps(home, show);
  const { meters } = await ask("/meters");
  if (!meters.length) return { cards: [card("Cost", el("p", {}, "No meter has sent anything yet."))] };
  const { meter, choice } = meterChoice(meters, show);
  const { kind, from, to } = shown();
  const { resolution } = PERIODS[kind];
  const path = `/meters/${encodeURIComponent(meter.meter)}`;
  const query = { from, to };
  const report = await askIfAny(`${path}/cost`, { query });
  if (!report) return { cards: [row, choice, noTariff()].filter(Boolean) };
  const [series, preview] = await Promise.all([
    askIfAny(`${path}/costs`, { query: { ...query, resolution } }),
    askIfAny(`${path}/preview`, { query }),
  ]);
  const inMoney = (millionths) => money(millionths, report.currency);
  const bars = (series?.intervals ?? []).map((one) => ({
    label: label(one.start, resolution, home.zone),
    value: one.missing_slots && !one.energy_mwh ? null : one.total_millionths,
    quality: one.estimated_slots ? "estimated" : "measured",
    text: `${inMoney(one.total_millionths)} for ${energy(one.energy_mwh)}`,
  }));
  const total = card("Cost",
    el("p", { class: "figure" }, inMoney(report.total_millionths)),
    el("p", { class: "note" }, report.tariff || "No tariff held."),
    report.unpriced_slots ? el("p", { class: "note" }, `${report.unpriced_slots} half hours have no price yet; they are not in the sum.`) : null,
    bars.length ? drawBars("Cost", bars, inMoney) : null);
  total.classList.add("wide");
  const lines = card("Line by line", el("ul", { class: "rows" }, ...report.lines.map((line) =>
    el("li", {}, el("span", {}, line.name || line.kind), el("strong", {}, inMoney(line.amount_millionths)),
      !line.energy_mwh || line.price_millionths_per_kwh == null ? null
        : el("small", {}, `${energy(line.energy_mwh)} at ${price(line.price_millionths_per_kwh, report.currency)}`)))));
  const ahead = preview && card("By the end of it", el("p", { class: "figure" }, inMoney(preview.expected_millionths)),
    preview.low_millionths == null ? null
      : el("p", { class: "note" }, `Between ${inMoney(preview.low_millionths)} and ${inMoney(preview.high_millionths)}, eight times of ten.`));
  return { cards: [row, choice, total, lines, ahead].filter(Boolean) };
}

function noTariff() {
  return card("Cost", el("p", {}, "No tariff is agreed for this meter, so nothing can be priced."));
}
