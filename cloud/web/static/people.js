// Who shares the home: members, invitations that wait, and keys of other apps.

import { accountCard } from "./account.js";
import { ask, askIfAny } from "./api.js";
import { card, chooser, el, field, form } from "./dom.js";
import { provable } from "./proof.js";
import { invitation } from "./signin.js";
import { instant } from "./words.js";

const ROLES = [
  ["viewer", "may look"],
  ["member", "may change"],
  ["owner", "may do everything"],
  ["installer", "may see how the hub does, and no reading"],
];
const KEY_SCOPE = "household:read";

/** List the cards about people, as far as the caller may see them. */
export async function peopleCards(me, home, show) {
  const place = `/households/${encodeURIComponent(home.household)}`;
  const isOwner = home.permissions.includes("household:manage");
  const [members, keys, open] = await Promise.all([
    askIfAny(`${place}/members`), isOwner ? askIfAny("/api-keys") : null,
    isOwner ? askIfAny(`${place}/invitations`) : null,
  ]);
  return [
    members && memberCard({ members: members.members, open: open?.invitations ?? [], me, home, place, isOwner, show }),
    keys && keyCard(keys.keys, home, show),
    ...(await ownCards(me, show)),
  ].filter(Boolean);
}

/** List the cards of a person by themselves, who may have no home yet. */
export async function ownCards(me, show) {
  const waiting = await askIfAny("/me/invitations");
  return [
    waiting?.invitations.length && waitingCard(waiting.invitations, show),
    joinCard(show),
    me.kind === "session" && accountCard(me, show),
  ].filter(Boolean);
}

function joinCard(show) {
  return card("Invited to another home?", form("Join a home", "Join", async ({ code }) => {
    await ask("/invitations/acceptance", { method: "POST", body: { code } });
    location.hash = "home";
    await show();
  }, field("Code of the invitation", "code", { autocomplete: "off", value: invitation() })));
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

function memberCard(about) {
  const { members, open, isOwner, place, home, show } = about;
  const rows = members.map((one) => memberRow(one, about));
  const waiting = open.map((one) => el("li", {}, el("span", {}, `Somebody invited, as ${one.role}`),
    el("button", { class: "quiet", onclick: async () => {
      await ask(`${place}/invitations/${one.invitation}`, { method: "DELETE" });
      await show();
    } }, "Withdraw"),
    el("small", {}, `until ${instant(one.expires_at, home.zone)}`)));
  return card("Who shares this home", el("ul", { class: "rows" }, ...rows, ...waiting), isOwner ? inviteForm(place) : null);
}

function memberRow(one, { me, place, isOwner, members, show }) {
  const name = one.name || one.email || "someone";
  const row = el("li", {}, el("span", {}, name), el("span", {}, one.role));
  if (one.user === me.user && members.length > 1) {
    row.append(part(`Leave as ${name}`, "Leave this home", () => ask(`${place}/departure`, { method: "POST" }), show));
  } else if (one.user !== me.user && isOwner) {
    const path = `${place}/members/${encodeURIComponent(one.user)}`;
    row.append(part(`Remove ${name}`, "Remove", () => ask(path, { method: "DELETE" }), show));
  }
  return row;
}

/** Make the form that ends a membership, once its person is sure. */
function part(title, button, end, show) {
  let isSure = false;
  return provable(title, button, async () => {
    isSure ||= confirm(`${title}? This holds at once.`);
    if (!isSure) return "Not done.";
    await end();
    await show();
  });
}

function inviteForm(place) {
  let role = "viewer";
  const told = el("p", { class: "code" });
  const made = provable("Invite", "Invite somebody", async () => {
    const answer = await ask(`${place}/invitations`, { method: "POST", body: { role } });
    told.textContent = answer.link ?? answer.code;
    return "Give this to them; it works once, within a week.";
  }, chooser("They", ROLES, role, (chosen) => (role = chosen)));
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
  const made = provable("New key", "Make a key", async ({ name }) => {
    const answer = await ask("/api-keys", { method: "POST", body: { name, scopes: [KEY_SCOPE] } });
    told.textContent = answer.key;
    return "Copy it now: it is shown once. It may read, nothing else.";
  }, field("What will use it", "name"));
  return card("Keys for other apps", el("ul", { class: "rows" }, ...rows), made, told);
}
