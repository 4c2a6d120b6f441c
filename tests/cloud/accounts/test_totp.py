"""One-time codes, against the values RFC 6238 prints."""

from base64 import b32encode

import pytest

from cloud.accounts.totp import STEP_MS, code_at, step_of, uri_of

SECRET = b32encode(b"12345678901234567890").decode()
"""The secret of RFC 6238's appendix B, whose codes are cut to six digits here."""


@pytest.mark.parametrize(
    ("at_s", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_234_567_890, "005924"),
        (20_000_000_000, "353130"),
    ],
)
def test_codes_are_those_of_the_rfc(at_s: int, code: str) -> None:
    """Appendix B, SHA-1."""
    assert code_at(SECRET, at_s * 1_000 // STEP_MS) == code


def test_code_is_taken_half_a_minute_around_and_once() -> None:
    """A phone's clock may be a little wrong; a code seen over a shoulder opens nothing more."""
    now_ms = 1_000_000 * STEP_MS
    code = code_at(SECRET, 1_000_000)

    found = [step_of(SECRET, code, now_ms + off * STEP_MS, 0) for off in (-2, -1, 0, 1, 2)]

    assert found == [None, 1_000_000, 1_000_000, 1_000_000, None]
    assert step_of(SECRET, code, now_ms, last_step=1_000_000) is None
    assert step_of(SECRET, "", now_ms, 0) is None
    assert step_of(SECRET, "é" * 6, now_ms, 0) is None


def test_app_reads_the_secret_from_a_uri() -> None:
    """With the account's name escaped."""
    assert uri_of(SECRET, "a+b@example.org").startswith(
        "otpauth://totp/Hearthlink%3Aa%2Bb%40example.org?secret=GEZDGNBVGY3TQOJQ"
    )
