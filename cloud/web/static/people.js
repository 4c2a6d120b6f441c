// Members, invitations, keys and the signed-in person's own account.

import { ask, askIfAny } from "./api.js";
import { card, chooser, el, field, form } from "./dom.js";
import { instant } from "./words.js";

const ROLES = [["viewer", "may look"], ["member", "may change"], ["owner", "may do everything"]];
const KEY_SCOPE = "household:read";

/** List the cards about people, as far as the caller may see them. */
export async function peopleCards(me, home, show) {
  const place = `/households/${encodeURIComponent(home.household)}`;
  const [members, keys, waiting] = await Promise.all([
    askIfAny(`${place}/members`), askIfAny("/api-keys"), askIfAny("/me/invitations"),
  ]);
  const isOwner = home.role === "owner";
  return [
    waiting?.invitations.length && waitingCard(waiting.invitations, show),
    members && memberCard(members.members, place, isOwner),
    keys && isOwner && keyCard(keys.keys, home, show),
    me.kind === "session" && accountCard(me, show),
  ].filter(Boolean);
}

function waitingCard(invitations, show) {
  const answer = async (one, method, path) => {
    await ask(`/me/invitations/${one.invitation}${path}`, { method });
    await show();
  };
  const rows = invitations.map((one) => el("li", {}, el("span", {}, `${one.name}, as ${one.role}`),
    el("button", { onclick: () => answer(one, "POST", "/acceptance") }, "Join"),
    el("button", { class: "quiet", onclick: () => answer(one, "DELETE", "") }, "Turn down")));
  return card("Homes that wait for you", el("ul", { class: "rows" }, ...rows));
}

function memberCard(members, place, isOwner) {
  const rows = members.map((one) => el("li", {}, el("span", {}, one.name || one.email || "someone"), el("span", {}, one.role)));
  return card("Who shares this home", el("ul", { class: "rows" }, ...rows), isOwner ? invitation(place) : null);
}

function invitation(place) {
  let role = "viewer";
  const told = el("p", { class: "code" });
  const made = form("Invite", "Invite somebody", async () => {
    await prove();
    const answer = await ask(`${place}/invitations`, { method: "POST", body: { role } });
    told.textContent = answer.link ?? answer.code;
    return "Give this to them; it works once.";
  }, chooser("They", ROLES, role, (chosen) => (role = chosen)), proof());
  const prove = prover(made);
  return el("div", {}, made, told);
}

function keyCard(keys, home, show) {
  const rows = keys.filter((one) => !one.revoked_at).map((one) =>
    el("li", {}, el("span", {}, one.name),
      el("button", { class: "quiet", onclick: async () => {
        await ask(`/api-keys/${one.key_id}`, { method: "DELETE" });
        await show();
      } }, "Revoke"),
      el("small", {}, `last used ${instant(one.last_used_at, home.zone)}`)));
  const told = el("p", { class: "code" });
  const made = form("New key", "Make a key", async ({ name }) => {
    await prove();
    const answer = await ask("/api-keys", { method: "POST", body: { name, scopes: [KEY_SCOPE] } });
    told.textContent = answer.key;
    return "Copy it now: it is shown once. It may read, nothing else.";
  }, field("What will use it", "name"), proof());
  const prove = prover(made);
  return card("Keys for other apps", el("ul", { class: "rows" }, ...rows), made, told);
}

function accountCard(me, show) {
  const away = async (path) => {
    await ask(path, { method: "DELETE" });
    location.hash = "";
    await show();
  };
  return card(me.email ?? "You",
    el("p", {}, el("button", { onclick: () => away("/sessions/current") }, "Sign out"),
      el("button", { class: "quiet", onclick: () => away("/sessions") }, "Sign out everywhere")),
    el("details", {}, el("summary", {}, me.has_second_factor ? "Second factor is on" : "Add a second factor"),
      me.has_second_factor ? el("p", { class: "note" }, `${me.recovery_codes_left} recovery codes are left.`) : secondFactor()));
}

function secondFactor() {
  const shown = el("div");
  const begin = form("Second factor", "Begin", async () => {
    await prove();
    const made = await ask("/me/second-factor", { method: "POST" });
    const confirmed = form("Confirm", "Confirm", async ({ code }) => {
      const { recovery_codes: codes } = await ask("/me/second-factor/confirmation", { method: "POST", body: { code } });
      shown.replaceChildren(el("p", {}, "On. Keep these codes on paper; each works once:"), el("p", { class: "code" }, codes.join(" ")));
    }, field("Six digits of the app", "code", { inputmode: "numeric", autocomplete: "one-time-code" }));
    const picture = `data:image/svg+xml,${encodeURIComponent(made.qr_svg)}`;
    shown.replaceChildren(el("img", { class: "qr", src: picture, alt: "QR code for your app" }),
      el("p", { class: "code" }, made.secret), confirmed);
  }, proof());
  const prove = prover(begin);
  return el("div", {}, begin, shown);
}

function proof() {
  return el("div", { class: "proof", hidden: true },
    field("Your password again", "proof", { type: "password", required: false, autocomplete: "current-password" }),
    field("Code of your app, if you have one", "proof_code", { required: false, autocomplete: "one-time-code" }));
}

/** Make what proves again who sits here, once the form's fields for it are filled. */
function prover(made) {
  const box = made.querySelector(".proof");
  const [password, code] = box.querySelectorAll("input");
  made.addEventListener("submit", () => box.hidden && (box.hidden = false), { capture: true });
  return async () => {
    if (!password.value) throw new Error("Show your password again first.");
    await ask("/sessions/current/proof", { method: "POST", body: { password: password.value, code: code.value } });
    password.value = code.value = "";
  };
}
