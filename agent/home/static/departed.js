// What has left this home, as the hub has counted it; asked for when somebody looks.

const HEADS = ["Day", "Meter", "Detail", "Left", "Held back"];
const EMPTY = "Nothing has left this home.";

const at = (id) => document.getElementById(id);
const count = (number) => number.toLocaleString("en-GB");

function cell(name, text, scope) {
  const made = document.createElement(name);
  if (scope) made.scope = scope;
  made.textContent = text;
  return made;
}

function row(...cells) {
  const made = document.createElement("tr");
  made.append(...cells);
  return made;
}

function table(lines, words) {
  const made = document.createElement("table");
  made.createTHead().append(row(...HEADS.map((head) => cell("th", head, "col"))));
  const body = made.createTBody();
  for (const one of [...lines].reverse()) {
    const texts = [one.meter, words[one.granularity] ?? one.granularity, count(one.samples), count(one.withheld)];
    body.append(row(cell("th", one.day, "row"), ...texts.map((text) => cell("td", text))));
  }
  return made;
}

/** Show what has left; `words` say what each granularity means. */
export async function showDeparted(words) {
  try {
    const answer = await fetch("/v1/departures");
    const told = await answer.json();
    if (!answer.ok) throw new Error(`${told.detail} ${told.hint}`.trim());
    const lines = told.departures;
    at("departed").hidden = !lines.length;
    at("departed").replaceChildren(...(lines.length ? [table(lines, words)] : []));
    at("departed-note").textContent = lines.length
      ? "Samples by UTC day, without those of the last minute. Older days: hearthlink log sent."
      : EMPTY;
  } catch (error) {
    at("departed").hidden = true;
    at("departed-note").textContent = error instanceof TypeError ? "The hub did not answer. Try again." : error.message;
  }
}
