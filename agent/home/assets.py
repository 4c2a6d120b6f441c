"""The page's own files, read once and named by what they contain, so that a browser may keep them.

Owns nothing but files that ship with this package.
"""

import hashlib
from importlib import resources
from typing import NamedTuple

BUILD_CHARS = 12
"""48 bits of the hash: enough to tell one release's files from another's."""

MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


class Asset(NamedTuple):
    """One file as it is sent."""

    content: bytes
    media_type: str


class Assets(NamedTuple):
    """All files of one release; `build`, a hash over them, is part of each file's address."""

    build: str
    page: Asset
    files: dict[str, Asset]


def load_assets() -> Assets:
    """Read the files, and write the build into the page's links."""
    found: dict[str, Asset] = {}
    for entry in sorted(resources.files("agent.home").joinpath("static").iterdir(), key=str):
        suffix = entry.name.rpartition(".")[2]
        if suffix in MEDIA_TYPES:
            found[entry.name] = Asset(entry.read_bytes(), MEDIA_TYPES[suffix])
    digest = hashlib.sha256()
    for name, asset in found.items():
        digest.update(name.encode() + b"\0" + asset.content)
    build = digest.hexdigest()[:BUILD_CHARS]
    page = found.pop("index.html")
    linked = page.content.replace(b'"/static/', f'"/static/{build}/'.encode())
    return Assets(build, Asset(linked, page.media_type), found)
