"""The keys an OIDC provider signs with: fetched when needed, kept for an hour, never too often."""

import json
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from cloud.problems import ProblemError
from shared.clock import Clock
from shared.units import MS_PER_HOUR, MS_PER_MINUTE

KEYS_HOLD_MS = MS_PER_HOUR
REFETCH_MS = MS_PER_MINUTE
"""A key not known may be new, and may be anything: it is looked for this often at most."""

FETCH_TIMEOUT_S = 5
MAX_DOCUMENT_BYTES = 65_536
MAX_KEYS = 32
"""Providers publish two or three."""

Key = RSAKey | ECKey
Fetch = Callable[[str], bytes]
"""Gets a document by its URL; raises OSError."""

log = logging.getLogger(__name__)


class KeyRing:
    """The provider's keys by their ids; safe to use from many threads."""

    def __init__(self, issuer: str, jwks_url: str, clock: Clock, fetch: Fetch) -> None:
        """`jwks_url` "" asks the provider's own description (OpenID Connect Discovery)."""
        self._issuer = issuer
        self._url = jwks_url
        self._clock = clock
        self._fetch = fetch
        self._keys: dict[str, Key] = {}
        self._fetched_ms: int | None = None
        self._tried_ms: int | None = None
        self._lock = threading.Lock()

    def find(self, key_id: str) -> Key | None:
        """Find a key; raises ProblemError 503 where the provider's were never to be had."""
        is_here = key_id in self._keys
        is_due = not is_here or self._is_older(self._fetched_ms, KEYS_HOLD_MS)
        # Whoever asks for a key that is here goes on with it while another fetches.
        if is_due and self._lock.acquire(blocking=not is_here):
            try:
                self._refresh()
            finally:
                self._lock.release()
        if self._fetched_ms is None:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "the sign-in provider's keys cannot be had",
                hint="see the service's log; oidc_jwks_url names where they are",
                code="provider-away",
            )
        return self._keys.get(key_id)

    def _refresh(self) -> None:
        if not self._is_older(self._tried_ms, REFETCH_MS):
            return
        self._tried_ms = self._clock.monotonic_ms()
        try:
            self._keys = _read_keys(self._fetch(self._find_url()))
            self._fetched_ms = self._tried_ms
        except (OSError, ValueError) as error:
            log.warning("keys of %s: %s", self._issuer, error)

    def _find_url(self) -> str:
        if not self._url:
            described = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
            document = json.loads(self._fetch(described))
            url = document.get("jwks_uri") if isinstance(document, dict) else None
            if not isinstance(url, str):
                raise ValueError(f"{described} names no jwks_uri")
            self._url = url
        return self._url

    def _is_older(self, at_ms: int | None, hold_ms: int) -> bool:
        return at_ms is None or self._clock.monotonic_ms() - at_ms >= hold_ms


def fetch(url: str) -> bytes:
    """Get a document over HTTP, within limits; raises OSError."""
    if not url.startswith(("https://", "http://")):
        raise OSError(f"{url!r} is no URL to fetch keys from")
    try:
        with urllib.request.urlopen(url, timeout=FETCH_TIMEOUT_S) as answer:  # noqa: S310  # checked
            document: bytes = answer.read(MAX_DOCUMENT_BYTES + 1)
    except ValueError as error:
        raise OSError(f"{url}: {error}") from error
    if len(document) > MAX_DOCUMENT_BYTES:
        raise OSError(f"{url}: over {MAX_DOCUMENT_BYTES} bytes")
    return document


def _read_keys(document: bytes) -> dict[str, Key]:
    """Read a key set; what is not for signatures, or of a kind not allowed here, is left out."""
    found = json.loads(document)
    listed = found.get("keys") if isinstance(found, dict) else None
    if not isinstance(listed, list) or len(listed) > MAX_KEYS:
        raise ValueError(f"no list of at most {MAX_KEYS} keys")
    keys = {}
    for one in listed:
        key = _read_key(one)
        if key is not None:
            keys[str(one["kid"])] = key
    return keys


def _read_key(written: Any) -> Key | None:
    if not isinstance(written, dict) or written.get("use", "sig") != "sig":
        return None
    if not isinstance(written.get("kid"), str):
        return None
    kinds: dict[object, type[RSAKey | ECKey]] = {"RSA": RSAKey, "EC": ECKey}
    named = written.get("kty")
    kind = kinds.get(named) if isinstance(named, str) else None
    public: dict[str, str | list[str]] = {
        name: value for name, value in written.items() if isinstance(value, str)
    }
    try:
        return kind.import_key(public) if kind is not None else None
    except (JoseError, ValueError, KeyError):
        return None
