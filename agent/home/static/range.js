// A file of any range of days: asked for first, so that what is refused is said in words.

const at = (id) => document.getElementById(id);

function dayAfter(text) {
  const day = new Date(`${text}T00:00:00Z`);
  day.setUTCDate(day.getUTCDate() + 1);
  return day.toISOString().slice(0, 10);
}

function keep(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // a browser may still be writing it
}

async function download(medium) {
  const query = new URLSearchParams({
    from: at("first").value, to: dayAfter(at("last").value), medium,
    resolution: at("resolution").value, format: at("format").value,
  });
  const answer = await fetch(`/v1/exports/usage?${query}`);
  if (!answer.ok) {
    const told = await answer.json();
    return `${told.detail} ${told.hint}`.trim();
  }
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))[1];
  keep(await answer.blob(), name);
  return `${name} is downloaded.`;
}

/** Let a range be downloaded, of the medium that `readMedium` gives; it begins with these days. */
export function offerRange({ from, to }, readMedium) {
  at("first").value = from;
  at("last").value = to;
  at("range").addEventListener("submit", async (event) => {
    event.preventDefault();
    at("range-note").textContent = "Reading…";
    try {
      at("range-note").textContent = await download(readMedium());
    } catch {
      at("range-note").textContent = "The hub did not answer. Try again.";
    }
  });
}
