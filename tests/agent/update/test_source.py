"""Where an artefact may be fetched from."""

import pytest

from agent.update.source import Source, read_url
from shared.errors import BadInputError


def test_an_https_url_is_taken_apart() -> None:
    """Host, port and path with its query."""
    found = read_url("https://updates.example.org:8443/hub/1.2.3.tar.gz?region=gb")

    assert found == Source("updates.example.org", 8443, "/hub/1.2.3.tar.gz?region=gb", True)


def test_plain_http_is_for_this_machine() -> None:
    """Tests and the demo fetch from loopback."""
    assert read_url("http://127.0.0.1:9/x.tar.gz") == Source("127.0.0.1", 9, "/x.tar.gz", False)


@pytest.mark.parametrize(
    "url",
    [
        "http://updates.example.org/x.tar.gz",
        "file:///etc/passwd",
        "ftp://example.org/x",
        "https://example.org/../secret",
        "https://example.org/a/./b",
        "https://example.org/%2e%2e/secret",
        "https://example.org\\@evil.example/x",
        "https://user@example.org/x",
        "https://example.org/x#y",
        "https://example.org/",
        "https://example.org",
        "https:///x",
        "https://example.org:99999/x",
        "https://exämple.org/x",
        "https://example.org/x\r\nHost: evil",
        "",
    ],
)
def test_a_url_that_hides_where_it_leads_is_refused(url: str) -> None:
    """Traversal, credentials, other schemes, other hosts and line breaks."""
    with pytest.raises(BadInputError, match=r"artefact\.url"):
        read_url(url)
