// Keeps the page connected to the hub: one EventSource, our own back-off, and a watch for silence.
// A browser's own reconnection gives up on some errors, and never notices a link that went half open.

const SILENCE_MS = 15_000; // three missed beats of the hub
const BACK_OFF_MS = [1_000, 2_000, 4_000, 8_000, 15_000];

/**
 * Follow the hub's events.
 * @param {{onView: (view: object) => void, onLost: () => void}} listener
 */
export function follow(listener) {
  const ownBuild = new URL(import.meta.url).pathname.split("/")[2];
  let source = null;
  let tries = 0;
  let silence = 0;
  let retry = 0;

  function heard() {
    clearTimeout(silence);
    silence = setTimeout(lose, SILENCE_MS);
  }

  function lose() {
    clearTimeout(silence);
    clearTimeout(retry);
    source?.close();
    source = null;
    listener.onLost();
    const wait = BACK_OFF_MS[Math.min(tries, BACK_OFF_MS.length - 1)];
    tries += 1;
    retry = setTimeout(connect, wait * (0.8 + 0.4 * Math.random()));
  }

  function connect() {
    clearTimeout(retry);
    source?.close();
    source = new EventSource("/events");
    heard();
    source.onerror = lose;
    source.addEventListener("beat", heard);
    source.addEventListener("build", (event) => {
      heard();
      if (event.data !== ownBuild) location.reload(); // the hub was upgraded under this page
    });
    source.addEventListener("view", (event) => {
      heard();
      tries = 0;
      listener.onView(JSON.parse(event.data));
    });
  }

  addEventListener("online", () => source ?? connect());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible" && !source) connect();
  });
  connect();
}
