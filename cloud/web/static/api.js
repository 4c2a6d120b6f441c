// Speaks with /v1: one way to ask, one kind of error. The session is a cookie that no script reads.

let household = null;

/** What the API answered where it refused; `code` and `status` tell which. */
export class Refused extends Error {
  constructor(status, problem) {
    // A hint that names an address of the API is for who writes apps.
    const hint = problem.hint?.includes("/v1") ? null : problem.hint;
    super([problem.detail ?? problem.title, hint].filter(Boolean).join(": "));
    this.status = status;
    this.code = problem.code ?? "";
  }
}

/** Choose the household that is asked about; null where there is one alone. */
export function chooseHousehold(id) {
  household = id;
}

/** Say where something of the household is in the API. */
export function address(path, query = {}) {
  const url = new URL(`/v1${path}`, location.origin);
  if (household) url.searchParams.set("household", household);
  for (const [key, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) url.searchParams.set(key, value);
  }
  return url;
}

/** Ask the API; the answer's JSON, or null where it has none. */
export async function ask(path, { method = "GET", query = {}, body } = {}) {
  const options = { method, credentials: "same-origin", headers: { Accept: "application/json" } };
  if (body !== undefined) {
    options.headers["Content-Type"] = "application/json";
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(address(path, query), options);
  const text = await answer.text();
  const read = text ? JSON.parse(text) : null;
  if (!answer.ok) throw new Refused(answer.status, read ?? { title: answer.statusText });
  return read;
}

/** Ask, and give null where there is no such thing. */
export async function askIfAny(path, options) {
  try {
    return await ask(path, options);
  } catch (error) {
    if (error instanceof Refused && [403, 404, 409, 422].includes(error.status)) return null;
    throw error;
  }
}

/** Follow a meter's live samples until what is returned is called; `onEnd` where it was refused. */
export function follow(meter, onSample, onEnd) {
  const source = new EventSource(address(`/meters/${encodeURIComponent(meter)}/live`));
  source.addEventListener("live", (event) => onSample(JSON.parse(event.data)));
  // One that broke off comes back by itself.
  source.onerror = () => source.readyState === EventSource.CLOSED && onEnd();
  return () => source.close();
}
