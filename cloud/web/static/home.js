// The home itself: meters, hubs and what they may send; files; then its people.

import { ask, address } from "./api.js";
import { listMeters, nameOf } from "./chosen.js";
import { card, chooser, el, speak } from "./dom.js";
import { peopleCards } from "./people.js";
import { periodOf, today } from "./periods.js";
import { DETAIL, instant } from "./words.js";

const ORDER = Object.keys(DETAIL);

/** Show what belongs to the home. */
export async function showHome(app) {
  const { me, home, show } = app;
  const mayRead = home.permissions.includes("household:read");
  const [meters, { gateways }] = await Promise.all([mayRead ? listMeters() : [], ask("/gateways")]);
  const mayChange = home.permissions.includes("household:write");
  return {
    cards: [mayRead && meterCard(meters, home), hubCard(gateways, home, mayChange, show), fileCard(meters, home),
      ...(await peopleCards(me, home, show))].filter(Boolean),
  };
}

function meterCard(meters, home) {
  if (!meters.length) return card("Meters", el("p", { class: "note" }, "No meter has sent anything yet."));
  return card("Meters", el("ul", { class: "rows" }, ...meters.map((one) =>
    el("li", {}, el("span", {}, `${one.medium} ${one.meter}`),
      el("small", {}, `since ${instant(one.first_taken_at, home.zone, { dateStyle: "medium" })}, last heard ${instant(one.last_taken_at, home.zone)}`)))));
}

function hubCard(gateways, home, mayChange, show) {
  if (!gateways.length) return card("Hubs, and what leaves this home", el("p", { class: "note" }, "No hub has been heard of yet."));
  return card("Hubs, and what leaves this home", el("ul", { class: "rows" }, ...gateways.map((hub) => {
    const detail = hub.consent_limit ?? hub.consent;
    const missing = hub.logs.reduce((all, log) => all + log.missing_count, 0);
    return el("li", {},
      el("span", {}, `${hub.thing} ${hub.revoked_at ? "(shut out)" : hub.is_online ? "" : "(offline)"}`),
      mayChange && detail && !hub.revoked_at ? consent(hub.thing, detail, show) : el("span", {}, DETAIL[detail] ?? "not told yet"),
      el("small", {}, `last seen ${instant(hub.last_seen, home.zone)}; ${missing ? `${missing} samples are on their way or missing` : "nothing is missing"}`));
  })), el("p", { class: "note" }, "Here it can be made less; more is allowed at the hub itself."));
}

function consent(thing, detail, show) {
  const narrower = ORDER.slice(Math.max(0, ORDER.indexOf(detail))).map((one) => [one, DETAIL[one]]);
  return chooser(`What ${thing} may send`, narrower, detail, async (granularity) => {
    const sure = confirm(`Send ${DETAIL[granularity]} from now on? More can only be allowed at the hub.`);
    if (sure) await ask(`/gateways/${encodeURIComponent(thing)}/consent`, { method: "PUT", body: { granularity } });
    speak(sure ? "Changed." : "Not changed.");
    await show();
  });
}

const FORMATS = [["csv", "CSV, for a spreadsheet"], ["json", "JSON"], ["espi", "Green Button"]];

/** Offer each year of each meter as a file. */
function fileCard(meters, home) {
  if (!meters.length) return null;
  const chosen = { meter: meters[0].meter, from: periodOf("year", today(home.zone)).from, format: "csv" };
  const link = el("a", { download: true }, "Download");
  const choose = (name) => (value) => {
    chosen[name] = value;
    const { to } = periodOf("year", chosen.from);
    link.href = address("/exports/usage", { meter: chosen.meter, from: chosen.from, to, format: chosen.format });
  };
  choose("format")("csv");
  const began = Math.min(...meters.map((one) => Number(today(home.zone, new Date(one.first_taken_at)).slice(0, 4))));
  const years = Array.from({ length: Number(chosen.from.slice(0, 4)) - began + 1 }, (_, ago) => String(began + ago)).reverse();
  return card("Your data as files", el("div", { class: "choices" },
    chooser("Meter of the file", meters.map((one) => [one.meter, nameOf(one, meters)]), chosen.meter, choose("meter")),
    chooser("Year of the file", years.map((one) => [`${one}-01-01`, one]), chosen.from, choose("from")),
    chooser("Format of the file", FORMATS, chosen.format, choose("format")), link));
}
