"""Where an artefact may be fetched from: a URL that says plainly where it leads. Pure."""

from typing import NamedTuple
from urllib.parse import urlsplit

from shared.errors import BadInputError

LOOPBACK = ("127.0.0.1", "::1", "localhost")
HTTPS_PORT, HTTP_PORT = 443, 80


class Source(NamedTuple):
    """Whom to ask for what."""

    host: str
    port: int
    path: str
    is_secure: bool


def read_url(url: str) -> Source:
    """Take a URL apart; raises BadInputError for one that is not https, or hides where it leads.

    Plain http is for this machine alone, which tests and the demo are. The content is signed; TLS
    keeps to oneself which version a home fetches.
    """
    if not url.isascii() or not url.isprintable() or any(sign in url for sign in " \\%@#"):
        raise BadInputError(f"artefact.url = {url[:80]!r} has signs that it must not have")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise BadInputError(f"artefact.url = {url[:80]!r} is no URL: {error}") from error
    host = parts.hostname or ""
    if not host or parts.scheme not in ("https", "http"):
        raise BadInputError(f"artefact.url = {url[:80]!r} is not https://HOST/PATH")
    if parts.scheme == "http" and host not in LOOPBACK:
        raise BadInputError(f"artefact.url = {url[:80]!r} is not https")
    if parts.path in ("", "/") or any(one in (".", "..") for one in parts.path.split("/")):
        raise BadInputError(f"artefact.url = {url[:80]!r} names no file, or leaves its folder")
    is_secure = parts.scheme == "https"
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return Source(host, port or (HTTPS_PORT if is_secure else HTTP_PORT), path, is_secure)
