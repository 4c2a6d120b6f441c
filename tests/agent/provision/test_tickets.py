"""What an installer brings: claims as people type them, files, bundles, and other things."""

from pathlib import Path

import msgspec
import pytest

from agent.provision.tickets import read_ticket, read_ticket_file
from shared.enrolment import RedeemAnswer
from shared.errors import OperatorError

FULL = "hearthlink:cloud.example.org/7K2Q9-M4XAB-0CDEF-GHJKM"


@pytest.mark.parametrize(
    "text",
    [
        FULL,
        " hearthlink:CLOUD.example.org/7k2q9m4xab0cdefghjkm\n",
        "7K2Q9-M4XAB-0CDEF-GHJKM",
        "7k2q9 m4xab ocdef ghjkm",
    ],
)
def test_a_claim_is_read_however_it_is_typed(text: str) -> None:
    """The same claim is the same text, by which a hub knows what it had begun."""
    assert read_ticket(text, "cloud.example.org") == FULL


@pytest.mark.parametrize("text", ["", "hello", "7K2Q9", "hearthlink:/", '{"thing": 1}', "{"])
def test_what_is_no_claim_says_what_one_looks_like(text: str) -> None:
    """With a hint; nothing is sent anywhere."""
    with pytest.raises(OperatorError, match="no claim") as caught:
        read_ticket(text)

    assert caught.value.hint


@pytest.mark.parametrize("text", [f"{FULL}Z", FULL[:-1], f"{FULL} extra", f"Code: {FULL}"])
def test_what_is_nearly_a_claim_is_not_quoted(text: str) -> None:
    """A letter too many or too few, and it is still a secret: messages go to logs and screens."""
    with pytest.raises(OperatorError, match="no claim") as caught:
        read_ticket(text)

    assert "M4XAB" not in caught.value.message


def test_remarks_in_a_file_are_passed_over(tmp_path: Path) -> None:
    """An installer may note which hub it is for."""
    path = tmp_path / "hearthlink-claim.txt"
    path.write_text(f"# the hall\n\n{FULL}\n")

    assert read_ticket_file(path) == FULL


def test_a_bundle_is_read_from_a_file(tmp_path: Path) -> None:
    """The JSON that redeeming answers with, as AWS users make it by hand."""
    bundle = RedeemAnswer("", "PEM", 0, "fleet", "x-ats.iot.example", 443, "", "aws")
    path = tmp_path / "bundle.json"
    path.write_bytes(msgspec.json.encode(bundle))

    assert read_ticket_file(path) == bundle


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Not there, or no text."""
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")

    for path in (tmp_path / "nowhere", tmp_path / "binary"):
        with pytest.raises(OperatorError, match=path.name):
            read_ticket_file(path)
