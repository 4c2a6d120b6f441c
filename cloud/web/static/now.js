// Power now, live, with what today has used and cost so far.

import { ask, askIfAny, follow } from "./api.js";
import { listMeters, nameOf } from "./chosen.js";
import { card, el } from "./dom.js";
import { periodOf, today } from "./periods.js";
import { energy, instant, money, power, volume } from "./words.js";

const STALE_MS = 60_000;
const AGAIN_MS = 30_000;
const pathOf = (meter) => `/meters/${encodeURIComponent(meter.meter)}`;

/** Show the first electricity meter live, and today by every meter; `leave` ends the stream. */
export async function showNow({ home, show }) {
  const meters = await listMeters();
  if (!meters.length) return { cards: [card("Power now", el("p", {}, "No meter has sent anything yet."))] };
  const { from, to } = periodOf("day", today(home.zone));
  const days = await Promise.all(meters.map((meter) => dayCards(meter, meters, { from, to }, home.zone)));
  const [first] = meters;
  const live = first.medium === "electricity" ? liveCard(first, home, show) : null;
  return { cards: [...(live ? [live.made] : []), ...days.flat()], leave: live?.leave };
}

/** What today used, what it cost where there is a tariff, and what is left where it is prepaid. */
async function dayCards(meter, meters, query, zone) {
  const [usage, cost, credit] = await Promise.all([
    ask(`${pathOf(meter)}/usage`, { query: { ...query, resolution: "day" } }),
    askIfAny(`${pathOf(meter)}/cost`, { query }),
    askIfAny(`${pathOf(meter)}/credit`),
  ]);
  const [day = {}] = usage.intervals;
  const name = nameOf(meter, meters);
  const used = meter.medium === "water" ? volume(day.water_l) : energy(meter.medium === "gas" ? day.gas_mwh : day.import_mwh);
  const beside = [day.gas_l ? volume(day.gas_l) : "", day.export_mwh ? `${energy(day.export_mwh)} exported` : ""];
  return [
    card(`${name} today`, el("p", { class: "figure" }, used), el("p", { class: "note" }, beside.filter(Boolean).join(", "))),
    cost ? card(`${name} cost today`, el("p", { class: "figure" }, money(cost.total_millionths, cost.currency)),
      el("p", { class: "note" }, cost.unpriced_slots ? `${cost.unpriced_slots} half hours have no price yet.` : cost.tariff)) : null,
    credit ? creditCard(name, credit, zone) : null,
  ].filter(Boolean);
}

/** What the meter itself says is left; what it does not tell is left out, and never 0. */
function creditCard(name, credit, zone) {
  const inMoney = (millionths) => (millionths == null ? "–" : money(millionths, credit.currency));
  const isTold = ([, millionths]) => millionths != null;
  const beside = [["emergency credit", credit.emergency_credit_millionths], ["debt", credit.debt_millionths]];
  return card(`${name} credit`, el("p", { class: "figure" }, inMoney(credit.credit_millionths)),
    el("p", { class: "note" }, [...beside.filter(isTold).map(([word, amount]) => `${inMoney(amount)} ${word}`),
      `as of ${instant(credit.taken_at, zone)}`].join(", ")));
}

function liveCard(meter, home, show) {
  const figure = el("p", { class: "figure live" }, "–");
  const note = el("p", { class: "note" }, `Last heard ${instant(meter.last_taken_at, home.zone)}.`);
  let heardMs = 0;
  let again = 0;
  const stop = follow(meter.meter, (sample) => {
    const { power_import_w: used = 0, power_export_w: exported = 0 } = sample.registers;
    figure.textContent = power(Math.abs(used - exported));
    heardMs = Date.now();
    note.textContent = used >= exported ? "from the grid, live" : "to the grid, live";
  }, () => {
    note.textContent = "The live view has ended; it is asked for again.";
    again = setTimeout(show, AGAIN_MS);
  });
  const watch = setInterval(() => {
    if (heardMs && Date.now() - heardMs > STALE_MS) note.textContent = "The hub has gone quiet.";
  }, STALE_MS / 4);
  return {
    made: card("Power now", figure, note),
    leave: () => {
      clearInterval(watch);
      clearTimeout(again);
      stop();
    },
  };
}
