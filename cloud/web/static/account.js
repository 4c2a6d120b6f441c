// The signed-in person's own account: sessions, password and second factor.

import { ask } from "./api.js";
import { card, el, field, form } from "./dom.js";
import { provable } from "./proof.js";

/** Make the card of the person's own account. */
export function accountCard(me, show) {
  const away = async (path) => {
    await ask(path, { method: "DELETE" });
    location.hash = "";
    await show();
  };
  return card(me.email ?? "You",
    el("p", {}, el("button", { onclick: () => away("/sessions/current") }, "Sign out"),
      el("button", { class: "quiet", onclick: () => away("/sessions") }, "Sign out everywhere")),
    el("details", {}, el("summary", {}, "Change the password"), passwordForm()),
    el("details", {}, el("summary", {}, me.has_second_factor ? "Second factor is on" : "Add a second factor"),
      me.has_second_factor ? factorOff(me, show) : factorOn()));
}

function passwordForm() {
  const made = provable("Password", "Change it", async ({ password }) => {
    await ask("/me/password", { method: "PUT", body: { password } });
    made.querySelector("input").value = "";
    return "Changed. Your other sessions are over.";
  }, field("New password, 12 characters or more", "password", { type: "password", autocomplete: "new-password", minlength: 12 }));
  return made;
}

function factorOff(me, show) {
  return el("div", {}, el("p", { class: "note" }, `${me.recovery_codes_left} recovery codes are left.`),
    provable("No second factor", "Take it away", async () => {
      await ask("/me/second-factor", { method: "DELETE" });
      await show();
    }));
}

function factorOn() {
  const shown = el("div");
  const begin = provable("Second factor", "Begin", async () => {
    const made = await ask("/me/second-factor", { method: "POST" });
    const confirmed = form("Confirm", "Confirm", async ({ code }) => {
      const { recovery_codes: codes } = await ask("/me/second-factor/confirmation", { method: "POST", body: { code } });
      shown.replaceChildren(el("p", {}, "On. Keep these codes on paper; each works once:"), el("p", { class: "code" }, codes.join(" ")));
    }, field("Six digits of the app", "code", { inputmode: "numeric", autocomplete: "one-time-code" }));
    const picture = `data:image/svg+xml,${encodeURIComponent(made.qr_svg)}`;
    shown.replaceChildren(el("img", { class: "qr", src: picture, alt: "QR code for your app" }),
      el("p", { class: "code" }, made.secret), confirmed);
  });
  return el("div", {}, begin, shown);
}
