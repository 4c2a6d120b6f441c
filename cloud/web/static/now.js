// Power now, live, with what today has used and cost so far.

import { ask, askIfAny, follow } from "./api.js";
import { card, el } from "./dom.js";
import { periodOf, today } from "./periods.js";
import { energy, instant, money, power } from "./words.js";

const STALE_MS = 60_000;

/** Show the first electricity meter live; `leave` ends its stream. */
export async function showNow({ home }) {
  const { meters } = await ask("/meters");
  const meter = meters.find((one) => one.medium === "electricity");
  if (!meter) {
    return { cards: [card("Power now", el("p", {}, "No electricity meter has sent anything yet."))] };
  }
  const { from, to } = periodOf("day", today(home.zone));
  const path = `/meters/${encodeURIComponent(meter.meter)}`;
  const query = { from, to };
  const [usage, cost] = await Promise.all([
    ask(`${path}/usage`, { query: { ...query, resolution: "day" } }),
    askIfAny(`${path}/cost`, { query }),
  ]);
  const figure = el("p", { class: "figure live" }, "–");
  const note = el("p", { class: "note" }, `Last heard ${instant(meter.last_taken_at, home.zone)}.`);
  let heardMs = 0;
  const stop = follow(meter.meter, (sample) => {
    const { power_import_w: used = 0, power_export_w: exported = 0 } = sample.registers;
    figure.textContent = power(used - exported);
    heardMs = Date.now();
    note.textContent = used >= exported ? "from the grid, live" : "to the grid, live";
  }, () => {});
  const watch = setInterval(() => {
    if (heardMs && Date.now() - heardMs > STALE_MS) note.textContent = "The hub has gone quiet.";
  }, STALE_MS / 4);
  const [day] = usage.intervals;
  const costCard = cost
    ? card("Cost today", el("p", { class: "figure" }, money(cost.total_millionths, cost.currency)),
      el("p", { class: "note" }, cost.unpriced_slots ? `${cost.unpriced_slots} half hours have no price yet.` : cost.tariff))
    : card("Cost today", el("p", { class: "note" }, "No tariff is set."));
  return {
    cards: [
      card("Power now", figure, note),
      card("Electricity today", el("p", { class: "figure" }, energy(day?.import_mwh)),
        el("p", { class: "note" }, day?.export_mwh ? `${energy(day.export_mwh)} exported` : "")),
      costCard,
    ],
    leave: () => {
      clearInterval(watch);
      stop();
    },
  };
}
