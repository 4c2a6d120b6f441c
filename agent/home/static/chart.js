// Draws the last 48 half hours as an inline SVG, and the same figures as rows of a table.

const NS = "http://www.w3.org/2000/svg";
const TOP = 20;
const BOTTOM = 24;
const NARROW = 520;
const GUTTER = 52; // room for the labels of the grid
const GAP = 0.22; // share of a bar's room left free
const NICE_KWH = [0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10, 12, 16, 20];

/** Make an SVG element with attributes. */
export function svg(name, attributes = {}, text = "") {
  const element = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text) element.textContent = text;
  return element;
}

const kwh = (mwh) => (mwh ?? 0) / 1_000_000;
const niceAbove = (value) => NICE_KWH.find((step) => step >= value) ?? Math.ceil(value);

/** Describe one half hour in a line. */
export function describe(half) {
  const used = half.import_mwh === null ? half.quality : `${half.energy_text}, ${half.quality}`;
  const exported = half.export_mwh ? `, exported ${kwh(half.export_mwh).toFixed(2)} kWh` : "";
  return `${half.label}: ${used}${half.cost_text ? `, ${half.cost_text}` : ""}${exported}`;
}

/** Draw the chart into `host`; `onPick` hears the half hour under the pointer, or null. */
export function drawChart(host, halves, onPick) {
  const across = Math.max(host.clientWidth, 200); // one unit is one pixel: text keeps its size
  const height = across < NARROW ? 150 : 220;
  const floor = height - BOTTOM;
  const exports = halves.some((half) => half.export_mwh);
  const up = niceAbove(Math.max(0.05, ...halves.map((half) => kwh(half.import_mwh))));
  const down = exports ? niceAbove(Math.max(...halves.map((half) => kwh(half.export_mwh)))) : 0;
  const perKwh = (floor - TOP) / (up + down);
  const zero = TOP + up * perKwh;
  const step = (across - GUTTER) / halves.length;
  const radius = Math.min(3, step / 4);
  const root = svg("svg", {
    viewBox: `0 0 ${across} ${height}`,
    class: "plot",
    role: "img",
    "aria-label": summarise(halves),
  });
  root.append(hatching());
  for (const part of [up, up / 2]) {
    const y = zero - part * perKwh;
    root.append(svg("line", { x1: GUTTER, x2: across, y1: y, y2: y, class: "grid" }));
    root.append(svg("text", { x: 0, y: y + 4, class: "tick" }, `${+part.toFixed(2)} kWh`));
  }
  halves.forEach((half, place) => root.append(column(half, GUTTER + place * step)));
  root.append(svg("line", { x1: GUTTER, x2: across, y1: zero, y2: zero, class: "axis" }));
  pointAt(root, halves, onPick);
  host.replaceChildren(root);

  function column(half, x) {
    const group = svg("g", { class: `bar ${half.quality}` });
    const place = { x: x + (step * GAP) / 2, width: step * (1 - GAP), rx: radius };
    group.append(svg("rect", { x, y: TOP, width: step, height: floor - TOP, class: "room" }));
    if (half.quality === "missing") {
      const tall = Math.min(26, up * perKwh);
      group.append(svg("rect", { ...place, y: zero - tall, height: tall, class: "ink" }));
    } else if (half.import_mwh !== null) {
      const tall = Math.max(kwh(half.import_mwh) * perKwh, half.import_mwh ? 2 : 0);
      group.append(svg("rect", { ...place, y: zero - tall, height: tall, class: "ink" }));
    }
    if (half.export_mwh) {
      const deep = Math.max(kwh(half.export_mwh) * perKwh, 2);
      group.append(svg("rect", { ...place, y: zero + 1, height: deep, class: "out" }));
    }
    if (half.tick) {
      group.append(svg("line", { x1: x, x2: x, y1: floor, y2: floor + 7, class: "axis" }));
      const label = { x: Math.min(x, across - 17), y: height - 4, class: "tick" };
      group.append(svg("text", { ...label, "text-anchor": "middle" }, half.tick));
    }
    return group;
  }
}

/** Fill the table's body with the same half hours, newest first. */
export function fillRows(body, halves) {
  const rows = [...halves].reverse().map((half) => {
    const row = document.createElement("tr");
    const from = document.createElement("th");
    from.scope = "row";
    from.textContent = half.label;
    row.append(from);
    const used = half.import_mwh === null ? "–" : half.energy_text;
    for (const text of [used, half.cost_text || "–", half.quality]) {
      row.append(Object.assign(document.createElement("td"), { textContent: text }));
    }
    return row;
  });
  body.replaceChildren(...rows);
}

function summarise(halves) {
  const known = halves.filter((half) => half.import_mwh !== null);
  if (!known.length) return "Chart of the last 48 half hours: nothing measured yet";
  const most = known.reduce((a, b) => (b.import_mwh > a.import_mwh ? b : a));
  const missing = halves.filter((half) => half.quality === "missing").length;
  const holes = missing ? `; ${missing} missing` : "";
  return `Chart of the last 48 half hours; the highest, ${most.energy_text}, from ${most.label}${holes}`;
}

function hatching() {
  const pattern = svg("pattern", {
    id: "hatch", width: 8, height: 8, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)",
  });
  pattern.append(svg("rect", { width: 8, height: 8, class: "hatch-ground" }));
  pattern.append(svg("rect", { width: 4, height: 8, class: "hatch-line" }));
  const defs = svg("defs");
  defs.append(pattern);
  return defs;
}

function pointAt(root, halves, onPick) {
  root.addEventListener("pointermove", (event) => {
    const box = root.getBoundingClientRect();
    const along = (event.clientX - box.left - GUTTER) / (box.width - GUTTER);
    const place = Math.floor(along * halves.length);
    onPick(halves[Math.max(0, Math.min(place, halves.length - 1))]);
  });
  root.addEventListener("pointerleave", () => onPick(null));
}
