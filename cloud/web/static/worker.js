// Keeps the app's own files, so that it opens without a network. Nothing of the household is kept.

const BUILD = new URL(location.href).searchParams.get("build");
const SHELF = `hearthlink-${BUILD}`;
const FILES = [
  "account.js", "api.js", "app.css", "app.js", "bars.js", "chosen.js", "cost.js", "dom.js", "home.js",
  "icon.svg", "looks.css", "now.js", "people.js", "periods.js", "proof.js", "signin.js", "tariffs.js",
  "usage.js", "words.js",
];

addEventListener("install", (event) => {
  const shell = ["/app/", ...FILES.map((name) => `/app/static/${BUILD}/${name}`)];
  event.waitUntil(caches.open(SHELF).then((shelf) => shelf.addAll(shell)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  const forget = async () => {
    const names = await caches.keys();
    await Promise.all(names.filter((name) => name !== SHELF).map((name) => caches.delete(name)));
    await clients.claim();
  };
  event.waitUntil(forget());
});

addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  if (event.request.method !== "GET" || origin !== location.origin) return;
  if (event.request.mode === "navigate" && pathname === "/app/") {
    event.respondWith(fetch(event.request).catch(() => caches.match("/app/")));
  } else if (pathname.startsWith("/app/static/")) {
    event.respondWith(caches.match(event.request).then((kept) => kept ?? fetch(event.request)));
  }
});
