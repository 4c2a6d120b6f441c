// Draws bars as inline SVG with the same figures as a table below: seen, heard and copied.

import { el } from "./dom.js";

const NS = "http://www.w3.org/2000/svg";
const HEIGHT = 220;
const TOP = 14;
const FOOT = 24;
const TICK_PX = 7;
const LABEL_PX = 46;

function svg(name, attributes = {}, text = "") {
  const made = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.textContent = text;
  return made;
}

/** The least of 1, 2 and 5 times a power of ten that is no less. */
function niceAbove(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((step) => step * power).find((step) => step >= value * 0.999);
}

/**
 * Draw `bars` of {label, value, below, quality, text}; `value` null is a hole, unless it is "ahead".
 * @param {string} name what is drawn, for those who do not see it
 * @param {(value: number) => string} write a value of the axis in words
 */
export function drawBars(name, bars, write) {
  const host = el("div", { class: "bars" });
  const readout = el("p", { class: "note readout" }, " ");
  const draw = () => {
    const across = Math.max(host.clientWidth, 260);
    const up = niceAbove(Math.max(0, ...bars.map((bar) => bar.value ?? 0)));
    const most = Math.max(0, ...bars.map((bar) => bar.below ?? 0));
    const down = most > 0 ? niceAbove(most) : 0;
    const scale = (HEIGHT - TOP - FOOT) / (up + down);
    const zero = TOP + up * scale;
    const parts = [up, up / 2];
    const gutter = 4 + TICK_PX * Math.max(...parts.map((part) => write(part).length));
    const step = (across - gutter) / Math.max(1, bars.length);
    const every = Math.ceil(LABEL_PX / step);
    const root = svg("svg", { viewBox: `0 0 ${across} ${HEIGHT}`, role: "img", "aria-label": name });
    for (const part of parts) {
      const y = zero - part * scale;
      root.append(svg("line", { x1: gutter, x2: across, y1: y, y2: y, class: "grid" }));
      root.append(svg("text", { x: 0, y: y + 4, class: "tick" }, write(part)));
    }
    bars.forEach((bar, place) => {
      const x = gutter + place * step;
      const inner = { x: x + step * 0.12, width: step * 0.76 };
      const group = svg("g", { class: `bar ${bar.quality ?? "measured"}` });
      group.append(svg("rect", { x, width: step, y: TOP, height: HEIGHT - TOP - FOOT, class: "room" }));
      if (bar.value === null && bar.quality !== "ahead") {
        group.append(svg("rect", { ...inner, y: zero - 8, height: 8, class: "hole" }));
      } else if (bar.value !== null) {
        const height = Math.max(0, bar.value) * scale;
        group.append(svg("rect", { ...inner, y: zero - height, height, class: "ink" }));
      }
      if (bar.below) group.append(svg("rect", { ...inner, y: zero, height: bar.below * scale, class: "out" }));
      const tell = () => (readout.textContent = `${bar.label}: ${bar.text}`);
      group.addEventListener("pointerenter", tell);
      group.addEventListener("click", tell);
      root.append(group);
      // One that would not be whole is left out.
      if (place % every === 0 && x + (step + LABEL_PX) / 2 <= across + LABEL_PX / 4) {
        root.append(svg("text", { x: x + step / 2, y: HEIGHT - 6, class: "tick", "text-anchor": "middle" }, bar.label));
      }
    });
    root.append(svg("line", { x1: gutter, x2: across, y1: zero, y2: zero, class: "axis" }));
    host.replaceChildren(root);
  };
  new ResizeObserver(draw).observe(host);
  const rows = bars.map((bar) => el("tr", {}, el("th", { scope: "row" }, bar.label), el("td", {}, bar.text)));
  return el(
    "div", {}, host, readout,
    el("details", {}, el("summary", {}, "Show as a table"),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": `${name} as a table` },
        el("table", {}, el("tbody", {}, ...rows)))),
  );
}
