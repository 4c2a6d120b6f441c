// Has the display's own files kept, so that it opens while the hub is away.

const build = new URL(location.href).searchParams.get("build");
const place = "/static/";
importScripts(`${place}${build}/shelf.js`);

keepShell({
  build,
  place,
  pages: ["/", "/history"],
  files: [
    "bars.js", "chart.js", "departed.js", "dom.js", "history.js", "home.css", "home.js", "icon.svg", "kiosk.css",
    "looks.css", "periods.js", "range.js", "stream.js", "words.js",
  ],
});
