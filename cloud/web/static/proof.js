// Proving again who sits here: the API says when, and only then is it asked for.

import { ask } from "./api.js";
import { el, field, form } from "./dom.js";

const AGAIN = "Your password again, please: this is too much to leave to whoever sits here.";

/** Make a form as `form` does, that asks for the password once the API wants it, and then goes on. */
export function provable(title, button, onsend, ...children) {
  const box = el("div", { hidden: true },
    field("Your password again", "proof", { type: "password", required: false, autocomplete: "current-password" }),
    field("Code of your app, if you have one", "proof_code", { required: false, autocomplete: "one-time-code" }));
  const [password, code] = box.querySelectorAll("input");
  return form(title, button, async ({ proof, proof_code: given, ...rest }) => {
    if (proof) {
      await ask("/sessions/current/proof", { method: "POST", body: { password: proof, code: given } });
      password.value = code.value = "";
      box.hidden = true;
    }
    try {
      return await onsend(rest);
    } catch (error) {
      if (error.code !== "proof-needed") throw error;
      box.hidden = false;
      password.focus();
      return AGAIN;
    }
  }, ...children, box);
}
