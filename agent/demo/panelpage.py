"""The demo's page with the hub's own display and, beside it, the picture that its panel draws.

It is the demo's: a household's hub has no part in it but that it lets itself be shown there, where
`page.framed_by` says so.
"""

import http.server
import threading
from pathlib import Path
from urllib.parse import urlsplit

from agent.demo.ports import free_port

HOST = "127.0.0.1"

POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; frame-src "
"""With the display's address after it: nothing else is asked for."""

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>The display and a panel</title><link rel="icon" href="panel.png">
<link rel="stylesheet" href="panel.css">
<script src="panel.js" defer></script></head><body>
<iframe src="{display}" title="The hub's own page"></iframe>
<figure><img src="panel.png" alt="What the C reference panel shows now" width="432" height="256">
<figcaption>The panel on the wall, drawn by firmware_bridge/reference, a second after the meter.
Beside it the hub's own page.</figcaption></figure></body></html>
"""
STYLE = """body{margin:0;display:flex;flex-wrap:wrap;gap:2rem;font:1rem system-ui;background:#ddd}
iframe{flex:1 1 30rem;height:100vh;border:0}figure{width:432px;margin:2rem 2rem 2rem 0}
img{border:.6rem solid #222;border-radius:.6rem;margin-left:-.6rem}
"""
SCRIPT = """const picture = document.querySelector("img");
setInterval(() => { picture.src = `panel.png?at=${Date.now()}`; }, 1000);
"""
"""The picture alone is loaded anew, so that the page beside it stays as it is."""


def serve_panel_page(picture: Path, display_url: str) -> http.server.ThreadingHTTPServer:
    """Serve the page on a free port, in a thread; the picture is read as it is when asked for."""
    files = {
        "/": (PAGE.format(display=display_url).encode(), "text/html; charset=utf-8"),
        "/panel.css": (STYLE.encode(), "text/css"),
        "/panel.js": (SCRIPT.encode(), "text/javascript"),
    }

    class Handler(http.server.BaseHTTPRequestHandler):
        """Serves the page and the picture, and nothing else."""

        def do_GET(self) -> None:
            """Answer with a file of the page, or the picture as it is now."""
            path = urlsplit(self.path).path
            if path in files:
                self._answer(*files[path])
            elif path == "/panel.png" and picture.exists():
                self._answer(picture.read_bytes(), "image/png")
            else:
                self.send_error(404)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (its name)
            """Keep the demo's terminal for the demo."""

        def _answer(self, content: bytes, media_type: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Security-Policy", POLICY + display_url)
            self.end_headers()
            self.wfile.write(content)

    server = http.server.ThreadingHTTPServer((HOST, free_port()), Handler)
    threading.Thread(target=server.serve_forever, name="panel page", daemon=True).start()
    return server
