"""Whose page a request comes from."""

import pytest

from cloud.origins import is_foreign, is_own

HOME = "https://home.example"


@pytest.mark.parametrize(
    ("headers", "public_url", "own"),
    [
        ({"sec-fetch-site": "same-origin"}, "", True),
        ({"sec-fetch-site": "same-origin", "origin": HOME, "host": "inner:8000"}, HOME, True),
        ({"sec-fetch-site": "same-origin", "origin": HOME}, HOME + "/", True),
        ({"origin": HOME}, "https://Home.Example:443/", True),
        ({"origin": "https://home.example:8443"}, "HTTPS://home.example:8443", True),
        ({"origin": "https://home.example:8443"}, HOME, False),
        ({"origin": "http://home.example:443"}, HOME, False),
        ({"origin": "http://[fd00::1]:80"}, "http://[FD00::1]", True),
        ({"origin": "https://home.example:x"}, HOME, False),
        ({"origin": "https://[home.example"}, "", False),
        ({"origin": HOME, "host": "home.example"}, "", True),
        ({"origin": HOME, "host": "Home.example:443"}, "", True),
        ({"hearthlink-client": "1"}, "", True),
        ({}, "", False),
        ({"sec-fetch-site": "cross-site", "hearthlink-client": "1"}, "", False),
        ({"sec-fetch-site": "same-site", "origin": HOME}, HOME, False),
        ({"sec-fetch-site": "none"}, "", False),
        ({"origin": "null", "host": "home.example"}, "", False),
        ({"origin": "http://home.example"}, HOME, False),
        ({"origin": "https://evil.example", "host": "home.example"}, "", False),
        ({"origin": "https://home.example.evil", "host": "home.example"}, "", False),
    ],
)
def test_only_our_own_page_or_a_program_is_believed(
    headers: dict[str, str], public_url: str, own: bool
) -> None:
    """By fields that no page can set."""
    assert is_own(headers, public_url) is own


def test_request_that_says_nothing_is_not_foreign() -> None:
    """A program that signs in sends neither; a page always does."""
    assert not is_foreign({}, "")
    assert is_foreign({"origin": "https://evil.example", "host": "home.example"}, "")
