// Signing in: password, then a code where there is a second factor; and the first time, by a code.

import { ask } from "./api.js";
import { card, el, field, form } from "./dom.js";

/** List the cards of somebody who is not signed in; `onDone` is called once they are. */
export function showSignIn(onDone) {
  const code = el("div", { hidden: true }, field("Code of your app, or a recovery code", "code", { required: false, autocomplete: "one-time-code" }));
  const signIn = form("Sign in", "Sign in", async ({ email, password, code: given }) => {
    const proof = /^\d{6}$/.test(given.trim()) ? { code: given.trim() } : given ? { recovery_code: given } : {};
    try {
      await ask("/sessions", { method: "POST", body: { email, password, ...proof } });
    } catch (error) {
      if (error.code !== "second-factor-needed") throw error;
      code.hidden = false;
      code.querySelector("input").focus();
      if (given) throw error;
      return "Now the code of your app.";
    }
    await onDone();
  }, field("E-mail", "email", { type: "email", autocomplete: "username" }),
  field("Password", "password", { type: "password", autocomplete: "current-password" }), code);

  const setUp = form("Set up", "Choose", async ({ code: given, password }) => {
    await ask("/set-up", { method: "POST", body: { code: given, password } });
    return "Done: now sign in.";
  }, field("Code you were given", "code", { autocomplete: "off" }),
  field("New password, 12 characters or more", "password", { type: "password", autocomplete: "new-password", minlength: 12 }));

  const join = form("Join", "Join", async ({ code: given, email, name, password }) => {
    await ask("/users", { method: "POST", body: { code: given, email, name, password } });
    try {
      await ask("/sessions", { method: "POST", body: { email, password } });
    } catch (error) {
      if (error.code !== "wrong-credentials") throw error;
      return "If you had an account here already, sign in with its own password: the home waits for you.";
    }
    await onDone();
  }, field("Code of the invitation", "code", { autocomplete: "off", value: invitation() }),
  field("E-mail", "email", { type: "email", autocomplete: "username" }),
  field("Your name", "name", { autocomplete: "name" }),
  field("New password, 12 characters or more", "password", { type: "password", autocomplete: "new-password", minlength: 12 }));

  return [
    card("Sign in", signIn),
    el("section", { class: "card" },
      el("details", {}, el("summary", {}, "I have a set-up code"), setUp),
      el("details", { open: Boolean(invitation()) }, el("summary", {}, "I was invited to a home"), join)),
  ];
}

/** Read the code of an invitation's link; "" where the address has none. */
export function invitation() {
  return new URLSearchParams(location.hash.slice(1)).get("invitation") ?? "";
}
