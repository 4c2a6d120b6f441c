// What is looked at: a meter and a period, which usage, cost and tariffs have in common.

import { ask, Refused } from "./api.js";
import { card, chooser, el } from "./dom.js";
import { beside, periodOf, PERIODS, title, today, within } from "./periods.js";

const MEDIA = { electricity: "Electricity", gas: "Gas", water: "Water", heat: "Heat" };
const ORDER = Object.keys(MEDIA);
const kept = { period: null, meter: null };

/** List the home's meters, electricity first. */
export async function listMeters() {
  const { meters } = await ask("/meters");
  return meters.sort((one, other) => ORDER.indexOf(one.medium) - ORDER.indexOf(other.medium));
}

/** Call a meter what it measures; its id's end is added where several do. */
export function nameOf(meter, meters) {
  const name = MEDIA[meter.medium];
  const isAlone = meters.filter((one) => one.medium === meter.medium).length === 1;
  return isAlone ? name : `${name} …${meter.meter.slice(-6)}`;
}

/**
 * Show what `draw` lists of the chosen meter, below the choices; so is what the API refuses, so that
 * another choice can be made.
 * @param {(meter: object, period: object, name: string) => Promise<(Element|null)[]>} draw
 */
export async function showChosen(part, { home, show }, draw, { hasPeriod = true } = {}) {
  const meters = await listMeters();
  if (!meters.length) return { cards: [card(part, el("p", {}, "No meter has sent anything yet."))] };
  const meter = meters.find((one) => one.meter === kept.meter) ?? meters[0];
  kept.period ??= periodOf("day", today(home.zone));
  const choices = [...(hasPeriod ? steps(home, show) : []), meterChoice(meter, meters, show)].filter(Boolean);
  const row = choices.length ? el("div", { class: "period wide" }, ...choices) : null;
  try {
    return { cards: [row, ...(await draw(meter, kept.period, nameOf(meter, meters)))].filter(Boolean) };
  } catch (error) {
    if (!(error instanceof Refused) || error.status === 401) throw error;
    return { cards: [row, card(part, el("p", {}, error.message))].filter(Boolean) };
  }
}

function steps(home, redraw) {
  const go = (period) => {
    kept.period = period;
    redraw();
  };
  const kinds = Object.entries(PERIODS).map(([kind, { title: text }]) => [kind, text]);
  const narrow = (kind) => go(within(kind, kept.period, today(home.zone)));
  return [
    chooser("Period", kinds, kept.period.kind, narrow),
    el("span", { class: "steps" },
      el("button", { class: "quiet", "aria-label": "Earlier", onclick: () => go(beside(kept.period, -1)) }, "‹"),
      el("strong", {}, title(kept.period)),
      el("button", { class: "quiet", "aria-label": "Later", onclick: () => go(beside(kept.period, 1)) }, "›")),
  ];
}

function meterChoice(meter, meters, redraw) {
  if (meters.length === 1) return null;
  const names = meters.map((one) => [one.meter, nameOf(one, meters)]);
  return chooser("Meter", names, meter.meter, (id) => {
    kept.meter = id;
    redraw();
  });
}
