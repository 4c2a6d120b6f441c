// The app's frame: who is signed in, which home and which part of the app is shown.

import { ask, chooseHousehold, Refused } from "./api.js";
import { chooser, el } from "./dom.js";
import { showCost } from "./cost.js";
import { showHome } from "./home.js";
import { showNow } from "./now.js";
import { ownCards } from "./people.js";
import { invitation, showSignIn } from "./signin.js";
import { showTariffs } from "./tariffs.js";
import { showUsage } from "./usage.js";

const TABS = {
  now: ["Now", showNow],
  usage: ["Usage", showUsage],
  cost: ["Cost", showCost],
  tariffs: ["Tariffs", showTariffs],
  home: ["Home", showHome],
};

const OLD_MS = 60_000;

const view = document.getElementById("view");
const tabs = document.getElementById("tabs");
const choices = document.getElementById("choices");
let leave = () => {};
let turn = 0;
let shownMs = 0;

/** Show what the address names; whoever is not signed in is asked to first. */
async function show() {
  const ours = ++turn;
  leave();
  leave = () => {};
  view.setAttribute("aria-busy", "true");
  try {
    const me = await ask("/me");
    shownMs = Date.now();
    const home = chooseHome(me);
    const open = tabsOf(home);
    const named = invitation() ? "home" : location.hash.slice(1);
    const name = open.includes(named) ? named : open[0];
    frame(name, open, me, home);
    if (!home) {
      const cards = await ownCards(me, show);
      if (ours === turn) view.replaceChildren(el("p", { class: "note wide" }, "You have no home here yet: ask its owner to invite you."), ...cards);
      return;
    }
    const page = await TABS[name][1]({ me, home, show });
    if (ours !== turn) return page.leave?.();
    view.replaceChildren(...page.cards);
    leave = page.leave ?? leave;
  } catch (error) {
    if (ours !== turn) return;
    if (error instanceof Refused && error.status === 401) {
      tabs.hidden = true;
      choices.replaceChildren();
      view.replaceChildren(...showSignIn(show));
    } else {
      view.replaceChildren(
        el("section", { class: "card wide" }, el("p", {}, error instanceof Refused ? error.message : "The service does not answer."),
          el("button", { onclick: show }, "Try again")),
      );
    }
  } finally {
    if (ours === turn) view.removeAttribute("aria-busy");
  }
}

function chooseHome(me) {
  const kept = localStorage.getItem("household");
  const home = me.households.find((one) => one.household === kept) ?? me.households[0];
  chooseHousehold(me.households.length > 1 ? home.household : null);
  return home;
}

/** Who may read nothing, an installer, sees the home and its hubs alone. */
function tabsOf(home) {
  return home?.permissions.includes("household:read") ? Object.keys(TABS) : ["home"];
}

function frame(name, open, me, home) {
  tabs.hidden = false;
  tabs.replaceChildren(
    ...open.map((key) => el("a", { href: `#${key}`, "aria-current": key === name ? "page" : null }, TABS[key][0])),
  );
  const homes = me.households.map((one) => [one.household, one.name]);
  const choose = (id) => {
    localStorage.setItem("household", id);
    show();
  };
  choices.replaceChildren(homes.length > 1 ? chooser("Home", homes, home.household, choose) : el("strong", {}, home?.name ?? ""));
  document.title = `${TABS[name][0]} – Hearthlink`;
}

function tellNetwork() {
  document.getElementById("offline").hidden = navigator.onLine;
}

addEventListener("hashchange", () => {
  show();
  view.focus();
});
addEventListener("online", () => {
  tellNetwork();
  show();
});
addEventListener("offline", tellNetwork);
// An app on a phone lies in the background for days: what it then shows is of now.
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && shownMs && Date.now() - shownMs > OLD_MS) show();
});
tellNetwork();
show();
const build = new URL(import.meta.url).pathname.split("/")[3];
navigator.serviceWorker?.register(`/app/worker.js?build=${build}`).catch(() => {});
