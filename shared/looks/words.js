// Figures in words: energy, power, money and time as people say them.

const MWH_PER_KWH = 1_000_000;
const MILLIONTHS = 1_000_000;
const LITRES_PER_M3 = 1_000;

const round = (value, digits) =>
  value.toLocaleString("en-GB", { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** Energy in kWh; a dash where it is not known. */
export function energy(mwh) {
  if (mwh === null || mwh === undefined) return "–";
  return `${round(mwh / MWH_PER_KWH, mwh < 100 * MWH_PER_KWH ? 2 : 0)} kWh`;
}

/** A volume in m³; a dash where it is not known. */
export function volume(litres) {
  if (litres === null || litres === undefined) return "–";
  return `${round(litres / LITRES_PER_M3, litres < 100 * LITRES_PER_M3 ? 2 : 0)} m³`;
}

/** Power in W, or in kW from one on. */
export function power(watts) {
  return Math.abs(watts) < 1000 ? `${watts} W` : `${round(watts / 1000, 2)} kW`;
}

/** Money as it is printed. */
export function money(millionths, currency) {
  if (millionths === null || millionths === undefined) return "–";
  const options = { style: "currency", currency };
  return new Intl.NumberFormat("en-GB", options).format(millionths / MILLIONTHS);
}

/** A price by the kWh. */
export function price(millionths, currency) {
  const options = { style: "currency", currency, maximumFractionDigits: 4 };
  return `${new Intl.NumberFormat("en-GB", options).format(millionths / MILLIONTHS)} a kWh`;
}

/** An instant in the household's zone. */
export function instant(text, zone, options = { dateStyle: "medium", timeStyle: "short" }) {
  if (!text) return "never";
  return new Intl.DateTimeFormat("en-GB", { ...options, timeZone: zone }).format(new Date(text));
}

/** What a granularity means to the household. */
export const DETAIL = {
  live: "everything, live",
  "10s": "every ten seconds",
  "half-hourly": "half hours",
  daily: "days",
  none: "nothing",
};
