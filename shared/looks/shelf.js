// Keeps a page's own files, so that it opens while its server is away. No figure and nothing of the household is kept.
// For a worker, which says by `keepShell` what they are.

/** Keep `pages`, and the `files` of this build under `place`; pages are asked for anew each time, files never. */
self.keepShell = ({ build, place, pages, files }) => {
  const shelfName = `hearthlink-${build}`;

  addEventListener("install", (event) => {
    const shell = [...pages, ...files.map((name) => `${place}${build}/${name}`)];
    event.waitUntil(caches.open(shelfName).then((shelf) => shelf.addAll(shell)).then(() => skipWaiting()));
  });

  addEventListener("activate", (event) => {
    const forget = async () => {
      const names = await caches.keys();
      await Promise.all(names.filter((name) => name !== shelfName).map((name) => caches.delete(name)));
      await clients.claim();
    };
    event.waitUntil(forget());
  });

  addEventListener("fetch", (event) => {
    const { pathname, origin } = new URL(event.request.url);
    if (event.request.method !== "GET" || origin !== location.origin) return;
    if (event.request.mode === "navigate" && pages.includes(pathname)) {
      event.respondWith(fetch(event.request).catch(() => caches.match(pathname)));
    } else if (pathname.startsWith(place)) {
      event.respondWith(caches.match(event.request).then((kept) => kept ?? fetch(event.request)));
    }
  });
};
