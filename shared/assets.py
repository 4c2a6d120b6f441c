"""A page's own files, read once and named by what they contain, so that a browser may keep them.

Owns nothing but files that ship with a package; those of `shared/looks` belong to every page.
"""

import hashlib
from operator import attrgetter
from pathlib import Path
from typing import NamedTuple

LOOKS = Path(__file__).parent / "looks"
"""importlib.resources would bring zipfile along, and both take half a megabyte of a hub's memory
(measured); the packages are installed as files."""

BUILD_CHARS = 12
"""48 bits of the hash: enough to tell one release's files from another's."""

ASSET_MAX_AGE_S = 31_536_000
"""A year: an asset's address changes with its content."""

MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "png": "image/png",
    "webmanifest": "application/manifest+json",
}


class Asset(NamedTuple):
    """One file as it is sent."""

    content: bytes
    media_type: str


class Assets(NamedTuple):
    """All files of one release; `build`, a hash over them, is part of each file's address.

    `page` is index.html, and `pages` those beside it by their names without ".html".
    """

    build: str
    page: Asset
    pages: dict[str, Asset]
    files: dict[str, Asset]


def load_assets(folder: Path, place: str = "/static/") -> Assets:
    """Read the files of a package's `static` and the common ones; write the build into the links.

    They are served under `place`: in the page, `/static/` becomes `/static/BUILD/`.
    """
    found: dict[str, Asset] = {}
    entries = (*LOOKS.iterdir(), *folder.iterdir())
    for entry in sorted(entries, key=attrgetter("name")):
        suffix = entry.name.rpartition(".")[2]
        if suffix in MEDIA_TYPES:
            found[entry.name] = Asset(entry.read_bytes(), MEDIA_TYPES[suffix])
    digest = hashlib.sha256()
    for name, asset in found.items():
        digest.update(name.encode() + b"\0" + asset.content)
    build = digest.hexdigest()[:BUILD_CHARS]
    pages = {}
    for name in [name for name in found if name.endswith(".html")]:
        page = found.pop(name)
        linked = page.content.replace(f'"{place}'.encode(), f'"{place}{build}/'.encode())
        pages[name.removesuffix(".html")] = Asset(linked, page.media_type)
    return Assets(build, pages.pop("index"), pages, found)
