// Has the app's own files kept, so that it opens without a network.

const build = new URL(location.href).searchParams.get("build");
const place = "/app/static/";
importScripts(`${place}${build}/shelf.js`);

keepShell({
  build,
  place,
  pages: ["/app/"],
  files: [
    "account.js", "api.js", "app.css", "app.js", "bars.js", "chosen.js", "cost.js", "dom.js", "home.js", "icon.svg",
    "looks.css", "now.js", "people.js", "periods.js", "proof.js", "signin.js", "tariffs.js", "usage.js", "words.js",
  ],
});
