// The page: puts each view that the hub sends into the document, and says when the hub is gone.
// It computes nothing that the hub has computed already; figures arrive as text.

import { describe, drawChart, fillRows, svg } from "./chart.js";
import { showDeparted } from "./departed.js";
import { follow } from "./stream.js";

const SPEAK_EVERY_MS = 30_000; // a screen reader must not be spoken to every second
const SHAPES = {
  low: "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14Z",
  medium: "M10 1.5 18.5 10 10 18.5 1.5 10Z",
  high: "M10 2 19 18H1Z",
  none: "M3 8.5h14v3H3Z",
};
const MARKS = {
  good: "M4 10.5 8.5 15 16.5 5.5",
  notice: "M10 4v8M10 15.5v.5",
  fault: "M5 5l10 10M15 5 5 15",
  off: "M4 10h12",
};

const at = (id) => document.getElementById(id);
let shown = null; // the view on the screen
let heardAt = 0;
let isLost = false;
let spokenAt = -Infinity;
let spokenState = "";
let drawn = "";

function write(id, text) {
  const element = at(id);
  if (element.textContent !== text) element.textContent = text;
}

function build(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

function replaceIfChanged(id, key, make) {
  const element = at(id);
  if (element.dataset.key === key) return;
  element.dataset.key = key;
  element.replaceChildren(...make());
}

function showPower(power) {
  const level = power.state === "fresh" ? power.level : "none";
  document.body.dataset.level = level;
  document.body.dataset.state = power.state;
  document.body.dataset.direction = power.direction;
  write("number", power.number);
  write("unit", power.unit);
  write("age", power.state === "stale" ? `stale, ${power.age_text}` : power.age_text);
  const words = { fresh: level, stale: "stale", missing: "not known" };
  write("light-word", power.direction === "exporting" && power.state === "fresh" ? "exporting" : words[power.state]);
  at("light-shape").setAttribute("d", SHAPES[level]);
  write("rate", power.cost_per_hour_text);
  write("rate-note", power.cost_per_hour_note);
  write("why", power.scale.explanation.replace(/(\d) (k?W)/g, "$1\u00a0$2")); // never "500" without its W
  write("scale-low", power.scale.low_below_text);
  write("scale-high", power.scale.high_from_text);
  write("scale-full", power.scale.full_text);
  const angle = (power.gauge_permille / 1_000) * 180;
  at("hand").setAttribute("transform", `rotate(${angle} 130 130)`);
  const meter = at("gauge");
  meter.setAttribute("aria-valuemax", power.scale.full_w);
  meter.setAttribute("aria-valuenow", Math.min(Math.max(power.net_w ?? 0, 0), power.scale.full_w));
  meter.setAttribute("aria-valuetext", power.sentence);
  document.title = power.net_w === null ? "Hearthlink" : `${power.number} ${power.unit} · Hearthlink`;
}

// What the hub said before it was lost is old, whatever it said of its age then.
function asStale(power) {
  if (power.net_w === null) return power;
  return {
    ...power,
    state: "stale",
    age_text: `${span(performance.now() - heardAt + power.age_ms)} ago`,
    sentence: `No connection to the hub. It last said ${power.number} ${power.unit}`,
    cost_per_hour_text: "",
    cost_per_hour_note: "cost not known while the hub is away",
  };
}

function showCost(cost) {
  write("cost", cost.text);
  at("cost").classList.toggle("words", cost.total_millionths === null);
  write("cost-note", cost.note);
  replaceIfChanged("cost-lines", JSON.stringify(cost.lines), () =>
    cost.lines.flatMap((line) => [build("dt", "", line.name), build("dd", "", line.text)]));
}

function showPeriods({ yesterday, week, month }) {
  const shownOnes = [yesterday, week, month];
  replaceIfChanged("periods", JSON.stringify(shownOnes), () => shownOnes.flatMap((period) => {
    const value = build("dd", "", `${period.cost_text} · ${period.energy_text}`);
    if (period.note) value.append(build("small", "", ` ${period.note}`));
    return [build("dt", "", period.name), value];
  }));
}

function showBudget(budget, isReadOnly) {
  at("budget-change").hidden = isReadOnly;
  at("budget-bar").hidden = !budget || budget.used_permille === null;
  write("budget", budget ? [budget.text, budget.note].filter(Boolean).join(" · ") : "No budget is set.");
  replaceIfChanged("budget-bar", JSON.stringify(budget), () => {
    if (!budget) return [];
    const fill = build("span", `fill ${budget.state}`);
    const mark = build("span", "mark");
    fill.style.width = `${Math.min(budget.used_permille, 1_000) / 10}%`;
    mark.style.left = `${budget.month_permille / 10}%`;
    return [fill, mark];
  });
}

function showCredit(credit) {
  at("credit").hidden = !credit;
  if (!credit) return;
  const lines = [["Balance", credit.balance_text], ["Emergency credit", credit.emergency_text],
    ["Debt", credit.debt_text], [credit.is_stale ? "Stale" : "As of", credit.age_text]];
  replaceIfChanged("credit-lines", JSON.stringify(lines), () =>
    lines.flatMap(([name, text]) => [build("dt", "", name), build("dd", "", text)]));
}

function showMessages(messages, isReadOnly) {
  at("messages").hidden = !messages.length;
  at("message-pin-line").hidden = isReadOnly || messages.every((one) => one.is_acknowledged);
  replaceIfChanged("message-list", JSON.stringify([messages, isReadOnly]), () => messages.map((one) => {
    const text = Object.assign(build("p", "", one.text), { dir: "auto" });
    const when = build("small", "", one.received_text + (one.is_acknowledged ? " · read" : ""));
    const line = build("li", one.is_acknowledged ? "read" : "", text, when);
    if (!one.is_acknowledged && !isReadOnly) {
      line.append(Object.assign(build("button", "", "Acknowledge"), { type: "submit", value: one.id }));
    }
    return line;
  }));
}

function showUsage(usage, solar) {
  write("used", usage.today.text);
  const notes = [usage.sentence, usage.today.note === "not known" ? "" : usage.today.note];
  if (solar && solar.text) notes.push(solar.text);
  write("compare", notes.filter(Boolean).join(" · "));
  replaceIfChanged("days", JSON.stringify(usage), () => dayBars(usage));
}

function dayBars(usage) {
  const days = [usage.today, usage.yesterday, usage.average_week, usage.average_four_weeks];
  const most = Math.max(1, ...days.map((day) => day.energy_mwh ?? 0));
  return days.flatMap((day) => {
    const fill = build("span", day === usage.today ? "fill today" : "fill");
    fill.style.width = `${((day.energy_mwh ?? 0) / most) * 100}%`;
    const track = build("span", "track", fill);
    const name = build("dt", "", day.name);
    const value = build("dd", "", track, build("span", "value", day.text));
    if (day === usage.yesterday && usage.yesterday_by_now.energy_mwh !== null) {
      const mark = build("span", "mark");
      mark.style.left = `${(usage.yesterday_by_now.energy_mwh / most) * 100}%`;
      track.append(mark);
      const byNow = usage.yesterday_by_now;
      value.append(build("small", "", `${byNow.name.replace("Yesterday ", "")}: ${byNow.text}`));
    }
    if (day.note && day !== usage.today) value.append(build("small", "", day.note));
    return [name, value];
  });
}

function showGas(gas) {
  at("gas-card").hidden = !gas;
  document.body.classList.toggle("has-gas", Boolean(gas));
  if (!gas) return;
  write("gas", gas.volume_text);
  at("gas").classList.toggle("words", gas.volume_l === null);
  write("gas-energy", [gas.energy_text, gas.cost_text].filter(Boolean).join(" · "));
  const stale = gas.state === "stale" ? ["stale"] : [];
  write("gas-note", [...stale, gas.as_of_text, gas.note].filter(Boolean).join(" · "));
}

function showHalves(halves) {
  const key = `${at("chart").clientWidth} ${JSON.stringify(halves)}`;
  if (key === drawn) return;
  drawn = key;
  const rest = "Point at a bar to read it";
  write("readout", rest);
  drawChart(at("chart"), halves, (half) => write("readout", half ? describe(half) : rest));
  fillRows(at("rows"), halves);
  at("legend-export").hidden = !halves.some((half) => half.export_mwh);
}

function showMeters(meters) {
  at("meters-card").hidden = !meters.length;
  replaceIfChanged("meters", JSON.stringify(meters), () => meters.map((one) => {
    const heard = build("span", one.is_silent ? "silent" : "", one.is_silent ? `silent, ${one.age_text}` : one.age_text);
    const figures = one.figures.flatMap(({ name, text }) => [build("dt", "", name), build("dd", "", text)]);
    return build("li", "", build("strong", "", one.meter), build("small", "", `${one.text} · `, heard),
      build("dl", "lines", ...figures));
  }));
}

function showHub(view) {
  replaceIfChanged("health", JSON.stringify(view.health), () => view.health.map((line) => {
    const mark = svg("svg", { viewBox: "0 0 20 20", "aria-hidden": "true" });
    mark.append(svg("path", { d: MARKS[line.condition] }));
    const state = build("span", "unseen", ` ${line.condition}: `);
    const text = build("span", "text", line.text);
    if (line.hint) text.append(build("small", "", line.hint));
    return build("li", line.condition, mark, build("strong", "", line.name), state, text);
  }));
  at("quarantine-box").hidden = !view.quarantine.length;
  replaceIfChanged("quarantine", JSON.stringify(view.quarantine), () =>
    view.quarantine.map((words) => build("li", "", words)));
  at("notices").hidden = !view.notices.length;
  write("notices-text", view.notices.join(" "));
}

function showSharing(view) {
  write("granularity", view.granularity_text);
  write("limit", view.limit_text);
  at("limit").hidden = !view.limit_text;
  at("sharing-form").hidden = view.is_read_only;
  at("read-only").hidden = !view.is_read_only;
  const key = JSON.stringify([view.granularity, view.granularity_choices]);
  replaceIfChanged("choices", key, () => view.granularity_choices.map((choice) => {
    const input = Object.assign(document.createElement("input"), {
      type: "radio", name: "granularity", value: choice.value, checked: choice.value === view.granularity,
    });
    return build("label", "", input, build("span", "", choice.text));
  }));
}

function speak(view) {
  const { power } = view;
  const state = `${isLost} ${power.state} ${power.level} ${power.direction}`;
  const now = performance.now();
  if (state === spokenState || now - spokenAt < SPEAK_EVERY_MS) return;
  spokenState = state;
  spokenAt = now;
  write("spoken", power.sentence);
}

function show(view) {
  shown = view;
  heardAt = performance.now();
  if (isLost) {
    isLost = false;
    document.body.classList.remove("lost");
    at("offline").hidden = true;
    write("spoken", "The hub is back.");
  }
  write("clock", view.clock_text);
  write("date", view.date_text);
  showPower(view.power);
  write("generation", view.generation_text);
  showCost(view.cost);
  showPeriods(view.periods);
  write("tariff-now", view.rate ? [view.rate.price_text, view.rate.next_cheap_text].filter(Boolean).join(". ") : "");
  showBudget(view.budget, view.is_read_only);
  showCredit(view.prepayment);
  showMessages(view.messages, view.is_read_only);
  showUsage(view.usage, view.solar);
  showGas(view.gas);
  showHalves(view.half_hours);
  showMeters(view.meters);
  showHub(view);
  showSharing(view);
  showJoining(view);
  speak(view);
}

function span(ms) {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function showLost() {
  if (!isLost) {
    isLost = true;
    document.body.classList.add("lost");
    at("offline").hidden = false;
    write("spoken", "No connection to the hub. The figures are old.");
  }
  tickLost();
}

function tickLost() {
  if (!isLost) return;
  if (!shown) return write("offline-age", "Trying again…");
  const age = `${span(performance.now() - heardAt)} ago`;
  write("offline-age", `Showing what it said ${age} (${shown.clock_text}). Trying again…`);
  showPower(asStale(shown.power));
}

function showJoining(view) {
  const joining = view.joining;
  at("joining").hidden = !joining;
  write("joining-text", joining ? joining.text : "");
  write("joining-hint", joining ? joining.hint : "");
  at("claim-form").hidden = !joining || !joining.wants_claim || view.is_read_only;
  at("pin-form").hidden = !view.may_set_pin;
  write("pin-hint", view.pin_hint);
}

async function send(path, change, place, done) {
  try {
    const answer = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Hearthlink-Token": shown ? shown.token : "" },
      body: JSON.stringify(change),
    });
    const told = await answer.json();
    write(place, answer.ok ? done : `${told.detail} ${told.hint}`.trim());
  } catch {
    write(place, "The hub did not answer. Try again.");
  }
}

function taken(id) {
  const value = at(id).value;
  at(id).value = "";
  return value;
}

function onSubmit(id, act) {
  at(id).addEventListener("submit", (event) => {
    event.preventDefault();
    act(event.submitter);
  });
}

onSubmit("sharing-form", () => {
  const granularity = new FormData(at("sharing-form")).get("granularity");
  send("/granularity", { pin: taken("pin"), granularity }, "answer", "Changed.");
});
onSubmit("message-form", (button) => {
  const id = Number((button ?? at("message-list").querySelector("button")).value);
  send("/acknowledge", { pin: taken("message-pin"), id }, "message-answer", "Acknowledged.");
});
onSubmit("budget-form", () =>
  send("/budget", { pin: taken("budget-pin"), amount: at("amount").value }, "budget-answer", "The budget is set."));
onSubmit("claim-form", () =>
  send("/claim", { pin: taken("claim-pin"), claim: taken("claim") }, "told", "Taken. The hub joins now."));
onSubmit("pin-form", () => send("/pin", { pin: taken("first-pin") }, "told", "The PIN is set."));
at("sharing").addEventListener("toggle", () => {
  const choices = shown ? shown.granularity_choices : [];
  if (at("sharing").open) showDeparted(Object.fromEntries(choices.map(({ value, text }) => [value, text.split(":")[0]])));
});
addEventListener("resize", () => shown && showHalves(shown.half_hours));
setInterval(tickLost, 1_000);
// On a wall, seen from across the room: what is now and what it costs, and nothing to press.
if (new URLSearchParams(location.search).has("kiosk")) document.body.classList.add("kiosk");
follow({ onView: show, onLost: showLost });
const release = new URL(import.meta.url).pathname.split("/")[2];
navigator.serviceWorker?.register(`/worker.js?build=${release}`).catch(() => {}); // in a secure context alone
