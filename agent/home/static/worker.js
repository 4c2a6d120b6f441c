// Keeps the display's own files, so that it opens while the hub is away. No figure is kept.

const BUILD = new URL(location.href).searchParams.get("build");
const SHELF = `hearthlink-${BUILD}`;
const PAGES = ["/", "/history"];
const FILES = [
  "bars.js", "chart.js", "departed.js", "dom.js", "history.js", "home.css", "home.js", "icon.svg", "kiosk.css", "looks.css",
  "periods.js", "range.js", "stream.js", "words.js",
];

addEventListener("install", (event) => {
  const shell = [...PAGES, ...FILES.map((name) => `/static/${BUILD}/${name}`)];
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
  if (event.request.mode === "navigate" && PAGES.includes(pathname)) {
    event.respondWith(fetch(event.request).catch(() => caches.match(pathname)));
  } else if (pathname.startsWith("/static/")) {
    event.respondWith(caches.match(event.request).then((kept) => kept ?? fetch(event.request)));
  }
});
