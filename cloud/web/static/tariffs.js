// This home's own half hours under every tariff of the catalogue.

import { askIfAny } from "./api.js";
import { showChosen } from "./chosen.js";
import { card, el } from "./dom.js";
import { energy, money } from "./words.js";

const SLOT_MS = 1_800_000;
const SLOTS_PER_DAY = 48;
const DAY_MS = SLOT_MS * SLOTS_PER_DAY;
const YEAR_DAYS = 360;
const NOTHING = "There is nothing to compare yet: it takes some days of half hours, and a catalogue of tariffs.";

/** Show the comparison of the last year. */
export const showTariffs = (app) => showChosen("Tariffs", app, async (meter) => {
  const report = await askIfAny(`/meters/${encodeURIComponent(meter.meter)}/comparison`);
  if (!report || !report.options.length) return [card("Tariffs", el("p", {}, NOTHING))];
  const days = Math.round((new Date(report.end) - new Date(report.start)) / DAY_MS);
  const list = card(days < YEAR_DAYS ? `Your last ${days} days under other tariffs` : "The last year under other tariffs",
    el("p", { class: "note" }, `${report.compared} compared with your own half hours${known(report)}.`),
    el("ul", { class: "rows" }, ...report.options.map((one) => optionRow(one, report.currency))));
  list.classList.add("wide");
  return [list, report.load_shift && shiftCard(report)];
}, { hasPeriod: false });

/** Say how much of the year there is, where some of it is not known. */
function known({ start, end, missing_slots: missing }) {
  const slots = (new Date(end) - new Date(start)) / SLOT_MS;
  return missing ? `, of which ${Math.round((slots - missing) / SLOTS_PER_DAY)} days are known` : "";
}

function optionRow(one, currency) {
  const saving = one.saving_millionths;
  return el("li", {},
    el("span", { class: one.rank === 1 ? "best" : "" }, `${one.rank ?? "–"}. ${one.name}${one.is_current ? " (yours)" : ""}`),
    el("strong", {}, money(one.total_millionths, currency)),
    el("small", {}, [
      one.supplier,
      one.is_cap ? "the price cap: nobody can switch to it" : "",
      saving > 0 ? `saves ${money(saving, currency)}` : saving < 0 ? `${money(-saving, currency)} more` : "",
      one.unpriced_slots ? `${one.unpriced_slots} half hours without a price` : "",
    ].filter(Boolean).join(" · ")));
}

function shiftCard({ options, load_shift: shift }) {
  const name = (code) => options.find((one) => one.code === code)?.name ?? code;
  return card("If you moved some use", el("p", {}, shift.is_enough
    ? `Moving ${energy(shift.energy_mwh)} within its own days would make ${name(shift.code)} cost no more than ${name(shift.over)}.`
    : `Even moving ${energy(shift.energy_mwh)} would leave ${name(shift.code)} behind ${name(shift.over)}.`));
}
