"""Access tokens of an OIDC provider: whether one is good, and whose it is. Touches no database.

Made for any provider and named for Amazon Cognito, whose access tokens have no `aud`: the client
is in `client_id`, and `token_use` tells them from ID tokens, which open nothing here.
"""

from typing import Any, NamedTuple

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jws import extract_compact

from cloud.accounts.jwks import KeyRing
from shared.clock import Clock
from shared.units import MS_PER_SECOND

ALGORITHMS = ("RS256", "ES256")
"""No others: a token must not choose how it is checked."""

LEEWAY_S = 60
"""What two machines' clocks may differ by."""

MAX_SUBJECT_CHARS = 255


class Access(NamedTuple):
    """Whom a provider vouches for; `proved_at_ms` is when they signed in there, 0 if not told."""

    issuer: str
    subject: str
    proved_at_ms: int


class Provider:
    """One configured OIDC provider."""

    def __init__(
        self, issuer: str, client_ids: frozenset[str], audience: str, keys: KeyRing, clock: Clock
    ) -> None:
        self.issuer = issuer
        self._client_ids = client_ids
        self._audience = audience
        self._keys = keys
        self._clock = clock

    def read(self, token: str) -> Access | None:
        """Tell whom a token is of; None for one that opens nothing here.

        Raises ProblemError 503 while the provider's keys cannot be had.
        """
        try:
            header = extract_compact(token.encode()).headers()
            key_id, algorithm = header.get("kid"), header.get("alg")
            if algorithm not in ALGORITHMS or not isinstance(key_id, str):
                return None
            key = self._keys.find(key_id)
            if key is None:
                return None
            claims = jwt.decode(token, key, algorithms=list(ALGORITHMS)).claims
        except (JoseError, ValueError, TypeError, RecursionError):
            return None
        return self._accept(claims)

    def _accept(self, claims: dict[str, Any]) -> Access | None:
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARS:
            return None
        is_ours = claims.get("iss") == self.issuer and claims.get("token_use", "access") == "access"
        # A sign-in's own token tells an app who signed in; it is shown to no service.
        is_of_sign_in = "nonce" in claims or "at_hash" in claims
        if is_of_sign_in or not (is_ours and self._is_for_us(claims) and self._is_now(claims)):
            return None
        signed_in_s = _seconds(claims.get("auth_time")) or 0
        return Access(self.issuer, subject, signed_in_s * MS_PER_SECOND)

    def _is_for_us(self, claims: dict[str, Any]) -> bool:
        named = claims.get("aud")
        audiences = named if isinstance(named, list) else [named]
        if self._audience and self._audience not in audiences:
            return False
        client = claims.get("client_id", claims.get("azp"))
        return not self._client_ids or (isinstance(client, str) and client in self._client_ids)

    def _is_now(self, claims: dict[str, Any]) -> bool:
        now_s = self._clock.utc_ms() // MS_PER_SECOND
        expires_s = _seconds(claims.get("exp"))
        begins_s = [_seconds(claims.get(name, 0)) for name in ("nbf", "iat")]
        return (
            expires_s is not None
            and now_s < expires_s + LEEWAY_S
            and all(one is not None and one - LEEWAY_S <= now_s for one in begins_s)
        )


def _seconds(written: object) -> int | None:
    if isinstance(written, bool) or not isinstance(written, int | float):
        return None
    return int(written) if abs(written) < 2**53 else None
