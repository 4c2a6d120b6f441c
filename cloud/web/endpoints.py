"""`/app/`: serves the household's web app, whose files know nothing but `/v1`.

Nothing of a household is in what is served here, so nobody has to be signed in for it.
"""

from functools import cache
from http import HTTPStatus
from pathlib import Path

from fastapi import APIRouter, Request, Response
from starlette.responses import RedirectResponse

from cloud.auth import ANYONE
from cloud.errors import ProblemError
from shared.assets import ASSET_MAX_AGE_S, Asset, Assets, load_assets

STATIC = Path(__file__).parent / "static"
PLACE = "/app/static/"

KEPT_FOR_GOOD = f"public, max-age={ASSET_MAX_AGE_S}, immutable"
ASKED_EACH_TIME = "no-cache"

# The page runs its own scripts alone, speaks with this server alone, and is nobody's frame.
PAGE_HEADERS = {
    "Cache-Control": ASKED_EACH_TIME,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; manifest-src 'self'; worker-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

router = APIRouter(include_in_schema=False, dependencies=[ANYONE])


@cache
def assets() -> Assets:
    """Read the app's files once a process."""
    return load_assets(STATIC, PLACE)


@router.get("/app")
def enter() -> RedirectResponse:
    """Lead to the app: its scope ends in a slash."""
    return RedirectResponse("/app/", HTTPStatus.PERMANENT_REDIRECT)


@router.get("/app/")
def show() -> Response:
    """Serve the page; a browser asks again each time, so an upgrade is seen at once."""
    return _answer(assets().page, PAGE_HEADERS)


@router.get("/app/worker.js")
def show_worker() -> Response:
    """Serve the worker beside the page: it reaches no further than the folder that it is in."""
    return _answer(assets().files["worker.js"], PAGE_HEADERS)


@router.get("/app/app.webmanifest")
def show_manifest() -> Response:
    """Serve what a browser installs the app by."""
    return _answer(assets().files["app.webmanifest"], PAGE_HEADERS)


@router.get("/app/icon.svg")
@router.get("/app/icon-192.png")
@router.get("/app/icon-512.png")
def show_icon(request: Request) -> Response:
    """Serve an icon at an address that stays: the manifest names it."""
    return _answer(assets().files[request.url.path.rpartition("/")[2]], PAGE_HEADERS)


@router.get(PLACE + "{build}/{name}")
def show_file(build: str, name: str) -> Response:
    """Serve a file of this build, to be kept for good; raises 404 for another build's."""
    found = assets().files.get(name)
    if found is None or build != assets().build:
        raise ProblemError(HTTPStatus.NOT_FOUND, "no such file", hint="load /app/ again")
    return _answer(found, {"Cache-Control": KEPT_FOR_GOOD, "X-Content-Type-Options": "nosniff"})


def _answer(asset: Asset, headers: dict[str, str]) -> Response:
    # The same for everyone: a shelf that a browser's worker fills gives it back to any request.
    return Response(
        asset.content, media_type=asset.media_type, headers={**headers, "Vary": "Accept-Encoding"}
    )
