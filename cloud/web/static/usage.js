// What was used, by day, week, month or year, of one meter at a time.

import { ask, address } from "./api.js";
import { drawBars } from "./bars.js";
import { showChosen } from "./chosen.js";
import { card, el } from "./dom.js";
import { label, PERIODS } from "./periods.js";
import { energy, volume } from "./words.js";

const SHOWN = {
  electricity: ["import_mwh", energy],
  gas: ["gas_mwh", energy],
  water: ["water_l", volume],
};
const NOUNS = { "half-hour": ["half hour", "half hours"], day: ["day", "days"], month: ["month", "months"] };

/** Show the usage of a period. */
export const showUsage = (app) => showChosen("Usage", app, async (meter, { kind, from, to }, name) => {
  const { resolution } = PERIODS[kind];
  const path = `/meters/${encodeURIComponent(meter.meter)}/usage`;
  const { intervals } = await ask(path, { query: { from, to, resolution } });
  const [quantity, write] = SHOWN[meter.medium] ?? SHOWN.electricity;
  const used = card(`${name} used`,
    el("p", { class: "figure" }, write(sum(intervals, quantity))),
    el("p", { class: "note" }, notesOf(intervals, meter, resolution)),
    drawBars("Usage", intervals.map((one) => barOf(one, quantity, write, resolution, app.home.zone)), write));
  used.classList.add("wide");
  const file = address("/exports/usage", { meter: meter.meter, from, to, format: "csv" });
  return [used, el("p", { class: "note wide" }, el("a", { href: file, download: true }, "Download as CSV"))];
});

function barOf(one, quantity, write, resolution, zone) {
  const isAhead = new Date(one.start) > new Date();
  const value = one[quantity] ?? null;
  const said = [value === null ? null : write(value), one.gas_l == null ? null : volume(one.gas_l),
    one.export_mwh ? `${energy(one.export_mwh)} exported` : null, isAhead ? "not yet" : one.status];
  return {
    label: label(one.start, resolution, zone),
    value,
    below: one.export_mwh ?? 0,
    quality: isAhead ? "ahead" : one.status,
    text: said.filter(Boolean).join(", "),
  };
}

function sum(intervals, quantity) {
  const known = intervals.map((one) => one[quantity]).filter((one) => one !== null && one !== undefined);
  return known.length ? known.reduce((all, one) => all + one, 0) : null;
}

/** Say what else there was, and how well it is known since the meter began and until now. */
function notesOf(intervals, meter, resolution) {
  const began = new Date(meter.first_taken_at);
  const now = new Date();
  const heard = intervals.filter((one) => new Date(one.end) > began && new Date(one.start) < now);
  const count = (status) => heard.filter((one) => one.status === status && new Date(one.end) <= now).length;
  const some = (number, words) => `${number} ${NOUNS[resolution][number === 1 ? 0 : 1]} ${words}`;
  const [gas, exported, missing, estimated] =
    [sum(intervals, "gas_l"), sum(intervals, "export_mwh"), count("missing"), count("estimated")];
  return [
    gas ? `${volume(gas)}.` : "",
    exported ? `${energy(exported)} exported.` : "",
    missing ? `${some(missing, "without a reading")}.` : heard.length ? "Nothing is missing." : "No reading of then.",
    estimated ? `${some(estimated, "estimated or not whole")}.` : "",
  ].filter(Boolean).join(" ");
}
