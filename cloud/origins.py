"""Whether a request that carries a cookie comes from our own pages. Pure.

A browser sends cookies with what other sites' pages ask for, too. It also says where a request
comes from, in fields that no page can set: that decides, and where neither is there the request
needs a field that no other site's page may send unasked.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

CLIENT_FIELD = "hearthlink-client"
"""A program that keeps cookies and is no browser sends this, with any value."""

OWN_PORTS = {"http": 80, "https": 443}


def is_own(headers: Mapping[str, str], public_url: str) -> bool:
    """Tell whether a request is our own page's or a program's, by its fields in lower case.

    `public_url` names where our pages are served; empty: the host that the request was sent to.
    """
    site = headers.get("sec-fetch-site")
    if site is not None and site != "same-origin":
        return False
    origin = headers.get("origin")
    if origin is None:
        return site is not None or CLIENT_FIELD in headers
    scheme = origin.partition("://")[0]
    own = origin_of(public_url or f"{scheme}://{headers.get('host', '')}")
    return bool(own) and origin_of(origin) == own


def is_foreign(headers: Mapping[str, str], public_url: str) -> bool:
    """Tell whether a request without a cookie yet says that another site's page sends it."""
    says = "origin" in headers or "sec-fetch-site" in headers
    return says and not is_own(headers, public_url)


def origin_of(url: str) -> str:
    """Reduce a URL to its origin as browsers write it; "" where it has none.

    In lower case, and without the port that is the scheme's own.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return ""
    if not host:
        return ""
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (
        "" if port in {None, OWN_PORTS.get(parts.scheme)} else f":{port}"
    )
