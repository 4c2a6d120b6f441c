"""Archives: plain files in plain places, and everything else refused before it is written."""

import io
import tarfile
from pathlib import Path

import pytest

from agent.update import unpacking
from agent.update.unpacking import unpack
from shared.errors import BadInputError, RetryableError


def archive_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    """Write an archive of these members, whatever they are."""
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """Make a member of a kind."""
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


def wanted() -> bool:
    """Go on."""
    return True


def test_files_and_folders_are_written(tmp_path: Path) -> None:
    """What a program needs comes out as it went in."""
    archive = archive_of(
        tmp_path / "a.tar.gz",
        (member("site", tarfile.DIRTYPE), b""),
        (member("site/agent/cli.py"), b"print()"),
    )

    unpack(archive, tmp_path / "out", wanted)

    assert (tmp_path / "out" / "site" / "agent" / "cli.py").read_bytes() == b"print()"


@pytest.mark.parametrize(
    "bad",
    [
        member("../escaped"),
        member("site/../../escaped"),
        member("/escaped"),
        member("site/..\\escaped"),
        member("."),
        member("a/" * 40 + "deep"),
        member("x" * 2_000),
        member("site/\nline"),
        member("site/link", tarfile.SYMTYPE, "../../escaped"),
        member("site/link", tarfile.SYMTYPE, "cli.py"),
        member("site/link", tarfile.LNKTYPE, "/etc/passwd"),
        member("site/device", tarfile.CHRTYPE),
        member("site/device", tarfile.BLKTYPE),
        member("site/pipe", tarfile.FIFOTYPE),
    ],
    ids=lambda one: f"{one.name[:20]!r}-{one.type.decode()}",
)
def test_a_member_that_is_no_plain_file_refuses_all(tmp_path: Path, bad: tarfile.TarInfo) -> None:
    """Paths that lead out, links, devices and pipes: nothing is written outside of the folder."""
    archive = archive_of(tmp_path / "a.tar.gz", (bad, b""))
    before = sorted(tmp_path.rglob("*"))

    with pytest.raises(BadInputError, match="archive member"):
        unpack(archive, tmp_path / "out", wanted)

    assert sorted(tmp_path.rglob("*")) == before


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    """The second would replace what was checked."""
    archive = archive_of(tmp_path / "a.tar.gz", (member("x"), b"1"), (member("x"), b"2"))

    with pytest.raises(BadInputError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out", wanted)


def test_what_would_fill_the_disk_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small archive may unpack to anything; the sum of sizes and the members are bounded."""
    monkeypatch.setattr(unpacking, "MAX_UNPACKED_BYTES", 1_000)
    monkeypatch.setattr(unpacking, "MAX_MEMBERS", 2)
    big = archive_of(tmp_path / "big.tar.gz", (member("x"), bytes(2_000)))
    many = archive_of(tmp_path / "many.tar.gz", *[(member(f"x{n}"), b"") for n in range(3)])

    for archive, words in ((big, "over 1000 bytes"), (many, "over 2 members")):
        with pytest.raises(BadInputError, match=words):
            unpack(archive, tmp_path / archive.stem, wanted)


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    """Half a download that was signed as such is no program."""
    archive = archive_of(tmp_path / "a.tar.gz", (member("x"), bytes(range(256)) * 400))
    archive.write_bytes(archive.read_bytes()[:-40])

    with pytest.raises(BadInputError, match="cannot be unpacked"):
        unpack(archive, tmp_path / "out", wanted)


def test_a_stopping_hub_is_not_kept_waiting(tmp_path: Path) -> None:
    """Unpacking ends between two members; the same is done again after the start."""
    archive = archive_of(tmp_path / "a.tar.gz", (member("x"), b""))

    with pytest.raises(RetryableError, match="stopping"):
        unpack(archive, tmp_path / "out", lambda: False)
