"""The installer's screen as HTML: sign in, make a claim, show it, watch the hub join. Pure.

Works without a script; with it the progress is looked at anew every few seconds. Nothing is loaded
from elsewhere, and every state is a word, never a colour alone.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from cloud.fleet.claims import DEFAULT_MINUTES, MAX_INSTALLER_CHARS, MAX_MINUTES
from cloud.households.tenancies import MAX_NAME_CHARS
from shared.claims import grouped
from shared.units import MS_PER_MINUTE, MS_PER_SECOND

ROOT = "/install"
WORD = "order"
"""The form's field with a word of its own."""

SCRIPT_PATH = f"{ROOT}/live.js"
LOOK_EVERY_MS = 3_000
CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

STYLE = """
:root { color-scheme: light dark; --ground: #f5f2ec; --card: #fffefb; --edge: #e4ded3;
  --ink: #1c2629; --soft: #57646a; --ember: #b8451a; --alarm: #7d2316; --alarm-ground: #fbe4dd; }
@media (prefers-color-scheme: dark) { :root { --ground: #11181b; --card: #1a2327; --edge: #2b373c;
  --ink: #eef2f1; --soft: #a3b1b6; --ember: #ff9468; --alarm: #ffc9bd; --alarm-ground: #4a1d15; } }
* { box-sizing: border-box; }
body { max-width: 34rem; margin: 0 auto; padding: 8px; background: var(--ground); color: var(--ink);
  font: 1rem/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
h1 { font-size: 1.2rem; margin: 8px 6px; } h2 { font-size: 1.05rem; margin: 0 0 8px; }
.card { margin: 12px 0; padding: 16px; border: 1px solid var(--edge); border-radius: 18px;
  background: var(--card); }
label { display: block; margin: 12px 0 4px; } .hint { color: var(--soft); font-size: .875rem; }
input { width: 100%; min-height: 44px; padding: 8px 12px; border: 1px solid var(--soft);
  border-radius: 10px; background: var(--card); color: var(--ink); font: inherit; }
button { width: 100%; min-height: 48px; margin-top: 16px; border: 0; border-radius: 10px;
  background: var(--ink); color: var(--ground); font: inherit; font-weight: 650; }
:focus-visible { outline: 3px solid var(--ember); outline-offset: 2px; }
.qr { padding: 12px; border-radius: 12px; background: #fff; text-align: center; }
.qr svg { width: 100%; max-width: 20rem; height: auto; }
.code { font: 700 1.25rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
.text { font: .9rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
.alarm { padding: 10px 14px; border-radius: 14px; background: var(--alarm-ground);
  color: var(--alarm); }
ol { margin: 0; padding-left: 1.4rem; } li { padding: 4px 0; } li strong { font-weight: 650; }
a { color: var(--ember); }
"""

SCRIPT = f"""// Looks at the progress anew; without this the link below it does the same.
const place = document.getElementById("progress");
async function look() {{
  try {{
    const answer = await fetch(place.dataset.from, {{ headers: {{ Accept: "text/html" }} }});
    if (answer.ok) {{
      const told = await answer.text();
      if (told !== place.dataset.told) {{ place.innerHTML = told; place.dataset.told = told; }}
    }}
  }} catch {{ /* the next look may reach the cloud again */ }}
  setTimeout(look, {LOOK_EVERY_MS});
}}
if (place) setTimeout(look, {LOOK_EVERY_MS});
"""


class Progress(NamedTuple):
    """How far a hub has come: the claim's state, what is left of it, and the steps that are done.

    `steps` are (what, whether it is done); `refused_count` counts who came with the same code.
    """

    claim_id: str
    thing: str
    state: str
    left_ms: int
    steps: Sequence[tuple[str, bool]]
    refused_count: int = 0

    @property
    def is_over(self) -> bool:
        """Tell whether this claim leads nowhere any more."""
        return self.state == "expired"

    @property
    def is_alive(self) -> bool:
        """Tell whether a hub may yet join by this claim."""
        return self.state in ("open", "redeemed")


def render_sign_in(problem: str = "") -> str:
    """Ask for the token."""
    return _page(
        "Install a hub",
        f"""{_alarm(problem)}
<form class="card" method="post" action="{ROOT}">
<h2>Sign in</h2>
<label for="token">Token of the installer or operator</label>
<input id="token" name="token" type="password" autocomplete="current-password" required>
<button>Sign in</button>
</form>""",
    )


class Typed(NamedTuple):
    """What stands in the form of a claim."""

    thing: str = ""
    installer: str = ""
    household: str = ""


NOTHING_TYPED = Typed()


def render_order(
    word: str, problem: str = "", typed: Typed = NOTHING_TYPED, *, asks_household: bool = False
) -> str:
    """Ask for which hub a claim is to be made, and whose it is where there are several homes.

    `word` is this form's own: sent twice, it makes one claim.
    """
    return _page(
        "Install a hub",
        f"""{_alarm(problem)}
<form class="card" method="post" action="{ROOT}/claims">
<h2>Make a claim</h2>
<input type="hidden" name="{WORD}" value="{escape(word)}">
<label for="thing">The hub's name</label>
<input id="thing" name="thing" value="{escape(typed.thing)}" maxlength="64" autocapitalize="none"
 spellcheck="false" aria-describedby="thing-hint">
<p class="hint" id="thing-hint">Leave it empty for a new hub without a name. To replace a hub that
is there, or let it in again, ask the operator.</p>
{_household(typed.household) if asks_household else ""}
<label for="installer">Your name, for the report</label>
<input id="installer" name="installer" value="{escape(typed.installer)}"
 maxlength="{MAX_INSTALLER_CHARS}" autocomplete="name">
<label for="minutes">Minutes it holds</label>
<input id="minutes" name="minutes" type="number" min="1" max="{MAX_MINUTES}"
 value="{DEFAULT_MINUTES}">
<button>Make the claim</button>
</form>""",
    )


def _household(typed: str) -> str:
    return f"""<label for="household">Household, by its id or name</label>
<input id="household" name="household" value="{escape(typed)}" maxlength="{MAX_NAME_CHARS}"
 spellcheck="false" aria-describedby="household-hint">
<p class="hint" id="household-hint">Whose readings the hub sends. Leave it empty for a hub that is
there already.</p>"""


def render_waiting() -> str:
    """Say that the claim is being made, and look again by itself."""
    return _page(
        "A claim is being made",
        """<section class="card"><p role="status">The claim is being made.</p></section>""",
        head=f'<meta http-equiv="refresh" content="{LOOK_EVERY_MS // MS_PER_SECOND}">',
    )


def render_offer(progress: Progress, code: str, text: str, picture: str, order: str) -> str:
    """Show a claim and its code to who made it, and how far the hub is; `order` names this page."""
    return _page(
        f"Claim for {progress.thing}",
        f"""<section class="card" aria-labelledby="claim">
<h2 id="claim">Claim for {escape(progress.thing)}</h2>
<div class="qr" role="img" aria-label="QR code of this claim; its text is below">{picture}</div>
<p>Type this on the page of the hub:</p>
<p class="code">{escape(grouped(code))}</p>
<p class="hint">As a whole, for the page, the command or a file on the card:</p>
<p class="text">{escape(text)}</p>
<p class="hint">It is shown only here, to you alone, and only while the claim lives.</p>
</section>
{_watched(progress, f"{ROOT}/orders/{order}")}""",
    )


def render_bundle(progress: Progress, order: str) -> str:
    """Show a claim that AWS made: a file, and how far the hub is; `order` names this page."""
    here = f"{ROOT}/orders/{order}"
    return _page(
        f"Claim for {progress.thing}",
        f"""<section class="card" aria-labelledby="claim">
<h2 id="claim">Claim for {escape(progress.thing)}</h2>
<p><a href="{here}/file" download>Save the claim as a file</a></p>
<p>Put it onto the boot partition of the hub's card as it is, or open it and copy all of it to the
page of the hub.</p>
<p class="hint">It holds a key: whoever has the file can join in the hub's place while the claim
lives. It is given only here, to you alone. Remove it afterwards.</p>
</section>
{_watched(progress, here)}""",
    )


def render_progress(progress: Progress) -> str:
    """Show how far a hub is, on a page of its own."""
    here = f"{ROOT}/claims/{progress.claim_id}"
    return _page(f"{progress.thing} joins", _watched(progress, here))


def render_steps(progress: Progress) -> str:
    """Write what changes: the state, the minutes left, the steps and the way to the report."""
    lines = "\n".join(
        f"<li>{escape(what)}: <strong>{'done' if is_done else 'not yet'}</strong></li>"
        for what, is_done in progress.steps
    )
    return f"""<p>{_standing(progress)}</p>
<ol>
{lines}
</ol>
{_warning(progress)}{_links(progress)}"""


def _standing(progress: Progress) -> str:
    if progress.state == "used":
        return "The claim is used: the hub has its own certificate."
    if progress.is_over:
        return "The claim has run out. Make another one."
    minutes = -(-progress.left_ms // MS_PER_MINUTE)
    left = f"{minutes} minute{'' if minutes == 1 else 's'} left"
    if progress.state == "redeemed":
        return f"A hub has the claim and fetches its certificate; {left}."
    return f"The claim waits for its hub; {left}."


def _warning(progress: Progress) -> str:
    if not progress.refused_count:
        return ""
    times = f"{progress.refused_count} time{'' if progress.refused_count == 1 else 's'}"
    return _alarm(f"Another key came with the same code, {times}, and was refused: it was seen.")


def _links(progress: Progress) -> str:
    if not all(is_done for _, is_done in progress.steps):
        return ""
    report = f"{ROOT}/claims/{progress.claim_id}/report"
    return f"""<p><a href="{report}">Commissioning report</a>,
<a href="{report}.json" download>the same as signed JSON</a></p>"""


def _watched(progress: Progress, here: str) -> str:
    address = f"{ROOT}/claims/{progress.claim_id}"
    return f"""<section class="card" aria-labelledby="far">
<h2 id="far">How far the hub is</h2>
<div id="progress" role="status" data-from="{address}?part=steps">
{render_steps(progress)}
</div>
<p class="hint"><a href="{here}">Look again</a></p>
</section>
<p><a href="{ROOT}">Another hub</a></p>
<script src="{SCRIPT_PATH}" defer></script>"""


def _alarm(problem: str) -> str:
    return f'<p class="alarm" role="alert">{escape(problem)}</p>' if problem else ""


def _page(title: str, content: str, head: str = "") -> str:
    return f"""<!doctype html>
<html lang="en-GB">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="same-origin">
<title>{escape(title)} · Hearthlink</title>
<style>{STYLE}</style>
{head}
</head>
<body>
<header><h1>Hearthlink</h1></header>
<main>
{content}
</main>
</body>
</html>
"""
