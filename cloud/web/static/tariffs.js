// This home's own half hours under every tariff of the catalogue.

import { ask, askIfAny } from "./api.js";
import { card, el } from "./dom.js";
import { energy, money } from "./words.js";

/** Show the comparison of the last year. */
export async function showTariffs() {
  const { meters } = await ask("/meters");
  const meter = meters.find((one) => one.medium === "electricity") ?? meters[0];
  const path = meter && `/meters/${encodeURIComponent(meter.meter)}/comparison`;
  const report = meter && (await askIfAny(path));
  if (!report || !report.options.length) {
    return { cards: [card("Tariffs", el("p", {}, "There is nothing to compare yet: it takes some days of half hours, and a catalogue of tariffs."))] };
  }
  const currency = report.currency ?? "GBP";
  const rows = report.options.map((one) =>
    el("li", {},
      el("span", { class: one.rank === 1 ? "best" : "" }, `${one.rank ?? "–"}. ${one.name}${one.is_current ? " (yours)" : ""}`),
      el("strong", {}, money(one.total_millionths, currency)),
      el("small", {}, [
        one.supplier,
        one.is_cap ? "the price cap: nobody can switch to it" : "",
        one.saving_millionths > 0 ? `saves ${money(one.saving_millionths, currency)}` : "",
        one.unpriced_slots ? `${one.unpriced_slots} half hours without a price` : "",
      ].filter(Boolean).join(" · "))));
  const list = card("The last year under other tariffs",
    el("p", { class: "note" }, `${report.compared} compared with your own half hours.`), el("ul", { class: "rows" }, ...rows));
  list.classList.add("wide");
  const shift = report.load_shift;
  const load = shift && card("If you moved some use",
    el("p", {}, shift.is_enough
      ? `Moving ${energy(shift.energy_mwh)} within its own days would make ${shift.code} the cheapest.`
      : `Even moving ${energy(shift.energy_mwh)} would leave ${shift.code} behind.`));
  return { cards: [list, load].filter(Boolean) };
}
