"""Which job documents go out, and why the others do not."""

import json
from typing import Any

import pytest

from cloud.jobs.document import check_document, check_job_id
from shared.errors import BadInputError

NOW_MS = 1_790_000_000_000
ARTEFACT: dict[str, Any] = {
    "target": "agent",
    "version": "1.2.3",
    "url": "https://updates.example.org/hub/1.2.3.tar",
    "sha256": "0" * 64,
    "size_bytes": 10,
    "key_id": "k1",
    "signature": "AA==",
}


def _document(**changes: Any) -> bytes:
    document = {"operation": "restart", "expires_at_ms": NOW_MS + 1_000, **changes}
    return json.dumps(document).encode()


def _update(**changes: Any) -> bytes:
    return _document(operation="update", artefact={**ARTEFACT, **changes})


def test_good_documents_pass() -> None:
    """A restart, and an update from an HTTPS address."""
    assert check_document(_document(), NOW_MS).operation == "restart"
    assert check_document(_update(), NOW_MS).artefact is not None


@pytest.mark.parametrize(
    ("payload", "words"),
    [
        (_document(expires_at_ms=NOW_MS), "has passed"),
        (_document(expires_at_ms=NOW_MS * 2), "days away"),
        (_document(expires_at_ms="soon"), "expires_at_ms"),
        (_document(operation="format"), "operation"),
        (_document(operation="update"), "without an artefact"),
        (_document(artefact=ARTEFACT), "with or without"),
        (_document(command="rm"), "command"),
        (_update(target="../agent"), "target"),
        (_update(version="../1.2"), "version"),
        (_update(sha256="short"), "sha256"),
        (_update(size_bytes=10**12), "size_bytes"),
        (_update(url="http://updates.example.org/a"), "not https"),
        (_update(url="file:///etc/passwd"), "not https"),
        (_update(url="https://updates.example.org/a/../../b"), "leaves its folder"),
        (_update(url="https://updates.example.org/a/%2e%2e/b"), "leaves its folder"),
        (_update(url="https://me@updates.example.org/a"), "leaves its folder"),
        (_update(url="https://updates.example.org"), "leaves its folder"),
        (_update(url="https://updates.example.org/a b"), "signs that no URL has"),
        (b"[]", "not a job document"),
        (b" " * 9_000, "9000 bytes"),
    ],
)
def test_bad_document_is_refused_with_its_reason(payload: bytes, words: str) -> None:
    """Nothing of it reaches a hub."""
    with pytest.raises(BadInputError, match=words):
        check_document(payload, NOW_MS)


@pytest.mark.parametrize("job_id", ["", "a/b", "../a", "a" * 65, "$next", "a+"])
def test_bad_name_of_a_job_is_refused(job_id: str) -> None:
    """A job's name is a level of a topic."""
    with pytest.raises(BadInputError, match="cannot name a job"):
        check_job_id(job_id)
