"""docs/reference/api.md: its table of what goes away is the program's."""

from cloud.transfer.deprecation import DEPRECATIONS
from cloud.transfer.guard import (
    BODY_BYTES_MAX,
    MAX_BODY_BYTES,
    MAX_IMPORT_BYTES,
    MAX_TARGET_BYTES,
)
from tests.docs.generate import REFERENCE


def test_what_goes_away_is_documented() -> None:
    """Each row with its dates and what to use; a year between them at least."""
    page = (REFERENCE / "api.md").read_text()

    for one in DEPRECATIONS:
        what = f"`{one.parameter}` of `{one.method} {one.path}`"
        assert f"| {what} | {one.since} | {one.sunset} | `{one.instead}` |" in page
        assert (one.sunset - one.since).days >= 365


def test_limits_are_documented() -> None:
    """As they are."""
    page = (REFERENCE / "api.md").read_text()

    assert (MAX_BODY_BYTES, MAX_TARGET_BYTES) == (1 << 20, 8 << 10)
    assert set(BODY_BYTES_MAX.values()) == {MAX_IMPORT_BYTES}
    assert f"at most 1 MiB, an import's {MAX_IMPORT_BYTES >> 20} MiB" in page
