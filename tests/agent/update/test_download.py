"""Downloads: resumed, bounded, hashed; a server that behaves badly costs time and nothing else."""

import hashlib
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.update import download
from agent.update.download import check_content, check_room, fetch_some, forget_others, part_of
from shared.errors import BadInputError, OperatorError, RetryableError
from shared.jobs import Artefact, Target
from tests.support.artefacts import Server, serving

CONTENT = bytes(range(256)) * 1_000


@pytest.fixture
def server() -> Iterator[Server]:
    """Serve 256,000 bytes."""
    with serving(CONTENT) as running:
        yield running


def artefact_at(url: str, content: bytes = CONTENT, **changes: int) -> Artefact:
    """Say what is to be fetched."""
    size = changes.get("size_bytes", len(content))
    digest = hashlib.sha256(content).hexdigest()
    return Artefact(Target.AGENT, "1.2.3", url, digest, size, "maker-1", "")


def fetch(artefact: Artefact, folder: Path) -> Path:
    """Fetch once, as far as it goes."""
    return fetch_some(artefact, folder, ssl.create_default_context, lambda: True, lambda _: None)


def test_what_was_begun_is_gone_on_with(server: Server, tmp_path: Path) -> None:
    """After each break only the rest is asked for, and the whole is what was signed."""
    artefact = artefact_at(server.url)
    server.breaks_after = [100_000, 50_000]

    for _ in range(2):
        with pytest.raises(RetryableError):
            fetch(artefact, tmp_path)
    path = fetch(artefact, tmp_path)

    check_content(path, artefact)
    begins = [int(one.removeprefix("bytes=").rstrip("-") or 0) for one in server.ranges]
    assert begins[0] == 0
    assert 0 < begins[1] <= 100_000
    assert begins[1] < begins[2] <= 150_000
    assert path.read_bytes() == CONTENT


def test_a_whole_file_is_not_asked_for_again(server: Server, tmp_path: Path) -> None:
    """A hub that was cut off after fetching goes on with what is there."""
    artefact = artefact_at(server.url)
    part_of(tmp_path, artefact).write_bytes(CONTENT)

    fetch(artefact, tmp_path)

    assert server.ranges == []


def test_a_server_without_ranges_begins_anew(server: Server, tmp_path: Path) -> None:
    """Its 200 is the whole file, not the rest of one."""
    artefact = artefact_at(server.url)
    part_of(tmp_path, artefact).write_bytes(CONTENT[:500])
    server.ignores_ranges = True

    assert fetch(artefact, tmp_path).read_bytes() == CONTENT


def test_a_range_that_was_not_asked_for_is_refused(server: Server, tmp_path: Path) -> None:
    """Bytes from elsewhere would be put into the wrong place."""
    artefact = artefact_at(server.url)
    part_of(tmp_path, artefact).write_bytes(CONTENT[:500])
    server.shifts_by = 7

    with pytest.raises(BadInputError, match="begins at '507'"):
        fetch(artefact, tmp_path)


def test_no_byte_more_than_was_signed_is_kept(server: Server, tmp_path: Path) -> None:
    """A server that sends without end fills no disk."""
    artefact = artefact_at(server.url, size_bytes=70_000)

    with pytest.raises(BadInputError, match="longer than the 70000 bytes"):
        fetch(artefact, tmp_path)

    assert part_of(tmp_path, artefact).stat().st_size <= 70_000


def test_a_part_longer_than_the_whole_is_thrown_away(server: Server, tmp_path: Path) -> None:
    """Rot, or a file of somebody else's."""
    artefact = artefact_at(server.url)
    part_of(tmp_path, artefact).write_bytes(CONTENT + b"x")

    assert fetch(artefact, tmp_path).read_bytes() == CONTENT


def test_another_content_is_refused_and_removed(tmp_path: Path) -> None:
    """The hash is looked at before anything of the content is."""
    artefact = artefact_at("http://127.0.0.1:1/x")
    path = part_of(tmp_path, artefact)
    path.write_bytes(CONTENT[:-1] + b"!")

    with pytest.raises(BadInputError, match="not what was signed"):
        check_content(path, artefact)

    assert not path.exists()


@pytest.mark.parametrize(
    ("status", "error"),
    [(404, BadInputError), (302, BadInputError), (500, RetryableError), (429, RetryableError)],
)
def test_what_a_server_answers_decides_whether_it_is_asked_again(
    server: Server, tmp_path: Path, status: int, error: type[Exception]
) -> None:
    """Redirects are not followed: the URL was judged, another was not."""
    server.status = status

    with pytest.raises(error, match=str(status)):
        fetch(artefact_at(server.url), tmp_path)


def test_a_stopping_hub_stops_fetching(server: Server, tmp_path: Path) -> None:
    """What has come stays for next time."""
    artefact = artefact_at(server.url)

    with pytest.raises(RetryableError, match="stopping"):
        fetch_some(artefact, tmp_path, ssl.create_default_context, lambda: False, lambda _: None)

    assert part_of(tmp_path, artefact).stat().st_size > 0


def test_nobody_there_is_a_reason_to_try_again(tmp_path: Path) -> None:
    """No connection is no verdict."""
    with pytest.raises(RetryableError, match="broke off"):
        fetch(artefact_at("http://127.0.0.1:1/x"), tmp_path)


def test_a_full_disk_is_said_before_anything_is_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log must have room while an archive and two programs lie beside it."""
    monkeypatch.setattr(download, "ROOM_LEFT_BYTES", 1 << 60)

    with pytest.raises(OperatorError, match="MB free") as caught:
        check_room(tmp_path, artefact_at("http://127.0.0.1:1/x"))

    assert "log.max_mb" in caught.value.hint


def test_what_was_fetched_of_another_artefact_is_removed(tmp_path: Path) -> None:
    """One archive at a time."""
    artefact = artefact_at("http://127.0.0.1:1/x")
    part_of(tmp_path, artefact).write_bytes(b"1")
    (tmp_path / "other.part").write_bytes(b"2")

    forget_others(tmp_path, artefact)

    assert [path.name for path in tmp_path.iterdir()] == [part_of(tmp_path, artefact).name]
