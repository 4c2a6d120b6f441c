// What was used and spent by day, week, month and year, from the hub's own log.

import { drawBars } from "./bars.js";
import { chooser, el, speak } from "./dom.js";
import { beside, label, periodOf, PERIODS, title, today } from "./periods.js";
import { offerRange } from "./range.js";
import { energy, money } from "./words.js";

const QUANTITY = { electricity: "import_mwh", gas: "gas_mwh" };
const MEDIA = [["electricity", "Electricity"], ["gas", "Gas"]];

const at = (id) => document.getElementById(id);
const state = { period: null, medium: "electricity", zone: "UTC", now: new Date() };
let asked = 0; // only the answer to the latest question is shown

class Refused extends Error {}

async function ask(path, query) {
  const answer = await fetch(`${path}?${new URLSearchParams(query)}`);
  const told = await answer.json();
  if (!answer.ok) throw new Refused(`${told.detail} ${told.hint}`.trim());
  return told;
}

function question(period, resolution) {
  return { from: period.from, to: period.to, medium: state.medium, resolution };
}

function sum(intervals, name) {
  const known = intervals.filter((one) => one[name] !== null && one[name] !== undefined);
  return known.length ? known.reduce((all, one) => all + one[name], 0) : null;
}

function showPeriod() {
  const go = (period) => {
    state.period = period;
    show();
  };
  const kinds = Object.entries(PERIODS).map(([kind, { title: text }]) => [kind, text]);
  const pick = (medium) => {
    state.medium = medium;
    show();
  };
  at("period").replaceChildren(
    chooser("Period", kinds, state.period.kind, (kind) => go(periodOf(kind, state.period.from))),
    el("button", { class: "quiet", "aria-label": "Earlier", onclick: () => go(beside(state.period, -1)) }, "‹"),
    el("strong", {}, title(state.period)),
    el("button", { class: "quiet", "aria-label": "Later", onclick: () => go(beside(state.period, 1)) }, "›"),
    chooser("Medium", MEDIA, state.medium, pick));
}

function showUsed(intervals, before) {
  const quantity = QUANTITY[state.medium];
  const used = sum(intervals, quantity);
  at("used").textContent = energy(used);
  const exported = sum(intervals, "export_mwh");
  const count = (status) => intervals.filter((one) => one.status === status && new Date(one.start) < state.now).length;
  const notes = [
    exported ? `${energy(exported)} exported` : "",
    count("missing") ? `${count("missing")} of ${intervals.length} intervals missing` : "",
    count("estimated") ? `${count("estimated")} estimated or not whole` : "",
  ];
  at("used-note").textContent = notes.filter(Boolean).join(" · ") || (used === null ? "Nothing is known of it" : "All of it measured");
  const rows = before.flatMap(([name, then]) => {
    const amount = sum(then, quantity);
    const change = amount && used !== null ? ` (${used >= amount ? "+" : "−"}${Math.abs(Math.round((used / amount - 1) * 100))} %)` : "";
    return [el("dt", {}, name), el("dd", {}, `${energy(amount)}${change}`)];
  });
  at("compared").replaceChildren(...rows);
}

function showBars(intervals, resolution) {
  const quantity = QUANTITY[state.medium];
  const bars = intervals.map((one) => ({
    label: label(one.start, resolution, state.zone),
    value: one[quantity] ?? null,
    below: one.export_mwh ?? 0,
    quality: one.status,
    text: one[quantity] == null ? one.status
      : `${energy(one[quantity])}${one.export_mwh ? `, ${energy(one.export_mwh)} exported` : ""}, ${one.status}`,
  }));
  at("bars").replaceChildren(drawBars("Usage by interval", bars, energy));
}

// As on the first page: what the days before the first known one cost by standing charge alone is left out.
function sinceFirst(intervals, used, resolution) {
  if (resolution === "half-hour") return intervals; // the day's standing charge is in its first half hour
  const first = used.findIndex((one) => one.status !== "missing");
  return first < 0 ? [] : intervals.filter((one) => one.start >= used[first].start);
}

async function showSpent(number, used) {
  try {
    const { resolution } = PERIODS[state.period.kind];
    const answer = await ask("/v1/costs", question(state.period, resolution));
    if (number !== asked) return;
    const { currency, tariff } = answer;
    const intervals = sinceFirst(answer.intervals, used, resolution);
    const unpriced = sum(intervals, "unpriced_slots");
    const isLate = intervals.length && intervals[0].start !== answer.intervals[0].start;
    at("spent").textContent = money(sum(intervals, "total_millionths"), currency);
    at("spent-note").textContent = [
      `${tariff}, with standing charge and VAT`,
      isLate ? `since ${label(intervals[0].start, resolution, state.zone)}` : "",
      unpriced ? `${unpriced} half hours have no price` : "",
    ].filter(Boolean).join(" · ");
  } catch (error) {
    if (number !== asked) return;
    at("spent").textContent = "–";
    at("spent-note").textContent = error.message;
  }
}

// The year before by its dates; a leap day's is the day before.
function yearBefore({ kind, from }) {
  const day = from.endsWith("-02-29") ? `${from.slice(0, 8)}28` : from;
  return periodOf(kind, `${Number(day.slice(0, 4)) - 1}${day.slice(4)}`);
}

async function show() {
  const number = (asked += 1);
  showPeriod();
  const { resolution } = PERIODS[state.period.kind];
  const whole = state.period.kind === "year" ? "month" : "day";
  try {
    const used = async (period, by) => (await ask("/v1/usage", question(period, by))).series[0].intervals;
    const intervals = await used(state.period, resolution);
    if (number !== asked) return;
    showUsed(intervals, []);
    showBars(intervals, resolution);
    for (const [id, format] of [["csv", "csv"], ["json", "json"]]) {
      const query = new URLSearchParams({ ...question(state.period, "half-hour"), format });
      at(id).href = `/v1/exports/usage?${query}`;
    }
    const before = [
      [`The ${state.period.kind} before`, await used(beside(state.period, -1), whole)],
      ["A year before", await used(yearBefore(state.period), whole)],
    ];
    if (number !== asked) return;
    showUsed(intervals, before);
    await showSpent(number, intervals);
    speak(`${title(state.period)}: ${at("used").textContent}`);
  } catch (error) {
    if (number !== asked) return;
    at("used-note").textContent = error instanceof Refused ? error.message : "The hub did not answer. Try again.";
  }
}

// The hub's clock and zone, not the browser's: its days are the ones that it counts.
const view = await ask("/view.json", {}).catch(() => ({ zone: "UTC", now_ms: Date.now() }));
state.zone = view.zone;
state.now = new Date(view.now_ms);
const todayIs = today(state.zone, state.now);
state.period = periodOf("day", todayIs);
show();
offerRange({ from: periodOf("month", todayIs).from, to: todayIs }, () => state.medium);
const release = new URL(import.meta.url).pathname.split("/")[2];
navigator.serviceWorker?.register(`/worker.js?build=${release}`).catch(() => {});
