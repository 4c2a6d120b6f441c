"""`hearthlink panel` over a pseudo-terminal: updated, refused, inspected."""

import json
import os
import signal
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import panel_command as cli
from agent.firmware.inspection import FILE_BYTES_MAX
from firmware_bridge.simulator.cli import run as simulate
from firmware_bridge.simulator.smp_flash import Flash
from shared.cli import EXIT_FAILED, EXIT_OK
from shared.errors import BadInputError, LinkError, OperatorError
from tests.support.firmware import FirmwareMaker
from tests.support.panel_board import Board
from tests.support.panel_pty import panel_on_pty
from tests.support.panel_updates import NEW, OLD

MAKER = FirmwareMaker()


@pytest.fixture
def board() -> Board:
    """A panel that runs 1.0.0."""
    return Board(Flash.with_image(MAKER.make(OLD), sectors=4), MAKER.public_pem())


@pytest.fixture
def port(board: Board) -> Iterator[str]:
    """Its serial port."""
    with panel_on_pty(board) as path:
        yield path


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """An image, and the keys."""
    (tmp_path / "panel.bin").write_bytes(MAKER.make(NEW))
    (tmp_path / "maker.pem").write_text(MAKER.public_pem())
    return tmp_path


def update(files: Path, port: str, *more: str) -> int:
    """Run the command."""
    keys = str(files / "maker.pem")
    return cli.run(["update", str(files / "panel.bin"), "--port", port, "--keys", keys, *more])


def hub_file(files: Path, port: str) -> str:
    """Write a hub's configuration with this panel in it."""
    path = files / "hub.toml"
    path.write_text(
        f'[hub]\nstate_dir = "{files}"\n'
        '[meter]\nlink = "/dev/ttyMETER"\n'
        f'[panel]\nport = "{port}"\nbaud = 57600\n'
        f'[update]\npanel_keys_file = "{files / "maker.pem"}"\n'
    )
    return str(path)


def ota_image(tags: list[tuple[int, bytes]], *, with_hardware: bool = False) -> bytes:
    """Write a ZigBee OTA image by hand (ZCL specification, 11.4.2)."""
    body = b"".join(struct.pack("<HL", number, len(value)) + value for number, value in tags)
    extra = struct.pack("<HH", 0x0102, 0x0304) if with_hardware else b""
    length = 56 + len(extra)
    header = struct.pack(
        "<LHHHHHLH32sL",
        0x0BEEF11E,
        0x0100,
        length,
        4 if with_hardware else 0,
        0x117C,
        0x4203,
        0x20211115,
        2,
        b"A lamp".ljust(32, b"\0"),
        length + len(body),
    )
    return header + extra + body


def test_the_hubs_own_panel_needs_no_more_than_its_configuration(
    board: Board, port: str, files: Path
) -> None:
    """Port, speed and keys are in it already."""
    image = str(files / "panel.bin")

    assert cli.run(["update", image, "--config", hub_file(files, port)]) == EXIT_OK

    assert board.started == ["1.0.0", "1.1.0"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        ((), ("/dev/ttyHUB", 57_600)),
        (("--baud", "9600"), ("/dev/ttyHUB", 9_600)),
        (("--port", "/dev/ttyOTHER"), ("/dev/ttyOTHER", 115_200)),
        (("--port", "/dev/ttyOTHER", "--baud", "9600"), ("/dev/ttyOTHER", 9_600)),
    ],
)
def test_what_is_given_wins_over_the_configuration(
    files: Path,
    words: tuple[str, ...],
    line: tuple[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The hub's speed is that of the hub's port: another port has the usual one."""
    opened: list[tuple[str, int]] = []

    def refuse(path: str, *, baud: int) -> None:
        opened.append((path, baud))
        raise LinkError("not there")

    monkeypatch.setattr("agent.firmware.serial_line.open_serial", refuse)
    config = ["--config", hub_file(files, "/dev/ttyHUB")]

    with pytest.raises(LinkError):
        cli.run(["update", str(files / "panel.bin"), *config, *words])

    assert opened == [line]


def test_a_file_that_no_device_has_room_for_is_not_looked_into(files: Path) -> None:
    """Its size is told, before any library has it."""
    with (files / "huge.bin").open("wb") as huge:
        huge.truncate(FILE_BYTES_MAX + 1)

    with pytest.raises(BadInputError, match=f"a file of {FILE_BYTES_MAX + 1} bytes"):
        cli.run(["inspect", str(files / "huge.bin")])


def test_no_port_at_all_is_told(files: Path) -> None:
    """Neither given nor in the configuration."""
    keys = ["--keys", str(files / "maker.pem")]

    with pytest.raises(OperatorError) as caught:
        cli.run(["update", str(files / "panel.bin"), *keys])

    assert "panel.port" in caught.value.hint


def test_a_panel_is_updated_and_the_journal_is_gone(
    board: Board, port: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Over the port, with the machine's own clock."""
    assert update(files, port) == EXIT_OK

    assert capsys.readouterr().out == "the panel runs version 1.1.0\n"
    assert board.started == ["1.0.0", "1.1.0"]
    assert board.flash.slots[0].is_confirmed
    assert {one.name for one in files.iterdir()} == {"panel.bin", "maker.pem"}


@pytest.mark.parametrize(
    ("faults", "starts"),
    [((), 2), (("--faults", "brownout=80"), 3), (("--faults", "corrupt=90"), 3)],
)
def test_a_simulated_panel_takes_updates_from_the_image_that_it_runs(
    files: Path, capsys: pytest.CaptureFixture[str], faults: tuple[str, ...], starts: int
) -> None:
    """`hearthlink simulate panel --image` starts by a bootloader, and starts what it is given.

    Where its power fails in the upload, or a bit of the slot turns after it, all is sent once more.
    """
    (files / "old.bin").write_bytes(MAKER.make(OLD))
    ended: list[int] = []

    def bring_in() -> None:
        while not (files / "panel").exists():
            time.sleep(0.01)
        ended.append(update(files, str(files / "panel")))
        os.kill(os.getpid(), signal.SIGINT)

    hub = threading.Thread(target=bring_in)
    hub.start()
    image, keys = str(files / "old.bin"), str(files / "maker.pem")
    words = [f"--link=pty:{files / 'panel'}", "--image", image, "--keys", keys]
    simulate(["panel", *words, *faults])
    hub.join()

    assert ended == [EXIT_OK]
    said = capsys.readouterr().out
    assert "the panel runs version 1.1.0" in said
    assert f"starts {starts}," in said


def test_a_simulated_panel_needs_the_keys_beside_its_image(files: Path) -> None:
    """A bootloader without keys starts nothing."""
    with pytest.raises(OperatorError, match="keys that its bootloader knows"):
        simulate(["panel", "--image", str(files / "panel.bin")])
    with pytest.raises(OperatorError, match="cannot be read"):
        simulate(["panel", "--image", str(files / "none"), "--keys", str(files / "maker.pem")])


@pytest.mark.parametrize("word", ["brownout=40", "corrupt=60"])
def test_flash_that_fails_is_that_of_an_image(word: str) -> None:
    """A panel that takes no updates has none."""
    with pytest.raises(OperatorError, match="flash") as refused:
        simulate(["panel", "--faults", word])

    assert "--image" in refused.value.hint


def test_what_came_of_it_is_told_as_json(
    board: Board, port: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For programs; a second time there is nothing to do, and an older one is refused."""
    for _ in range(2):
        assert update(files, port, "--json") == EXIT_OK
        assert json.loads(capsys.readouterr().out) == {
            "version": "1.1.0",
            "is_installed": True,
            "is_put_off": False,
            "reason": "the panel runs version 1.1.0",
        }
    assert board.started == ["1.0.0", "1.1.0"]

    (files / "panel.bin").write_bytes(MAKER.make((1, 0, 9, 0)))
    assert update(files, port, "--json") == EXIT_FAILED
    told = json.loads(capsys.readouterr().out)
    assert not told["is_installed"]
    assert "already runs" in told["reason"]


def test_an_image_of_nobody_is_refused_before_the_port_is_opened(
    board: Board, port: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unsigned, altered, or a stranger's."""
    *kept, last = MAKER.make(NEW)
    for content in (
        MAKER.make(NEW, is_signed=False),
        bytes([*kept, last ^ 1]),
        FirmwareMaker().make(NEW),
        b"no firmware",
    ):
        (files / "panel.bin").write_bytes(content)
        assert update(files, "/dev/there-is-no-such-port") == EXIT_FAILED
        assert "not updated: refused: " in capsys.readouterr().err

    assert board.server.requests == 0


def test_an_older_image_needs_the_word(
    board: Board, port: str, files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And then goes in."""
    (files / "panel.bin").write_bytes(MAKER.make((0, 9, 0, 0)))
    assert update(files, port) == EXIT_FAILED
    assert "--allow-older" in capsys.readouterr().err

    assert update(files, port, "--allow-older") == EXIT_OK
    assert board.started[-1] == "0.9.0"


def test_a_port_that_is_not_there_is_told_at_once(files: Path) -> None:
    """Not waited for, as one that was lost on the way would be."""
    with pytest.raises(LinkError, match="not there"):
        update(files, "/dev/there-is-no-such-port")


def test_without_keys_nothing_is_believed(files: Path) -> None:
    """Neither given nor configured; given and not readable."""
    with pytest.raises(OperatorError, match="no public keys"):
        cli.run(["update", str(files / "panel.bin"), "--port", "/dev/null"])
    (files / "maker.pem").unlink()
    with pytest.raises(OperatorError, match="cannot be read"):
        update(files, "/dev/null")


def test_the_hubs_keys_are_taken_from_its_configuration(
    board: Board, port: str, files: Path
) -> None:
    """As update.panel_keys_file names them."""
    (files / "hub.toml").write_text(
        f'[hub]\nstate_dir = "{files}"\n[meter]\nlink = "replay:none"\n'
        f'[update]\npanel_keys_file = "{files / "maker.pem"}"\n'
    )
    words = ["update", str(files / "panel.bin"), "--port", port]

    assert cli.run([*words, "--config", str(files / "hub.toml")]) == EXIT_OK
    assert board.started[-1] == "1.1.0"


def test_a_panels_image_is_described(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Version, board, hash and tags; no key is needed to look."""
    assert cli.run(["inspect", str(files / "panel.bin")]) == EXIT_OK
    said = capsys.readouterr().out
    assert "version        1.1.0" in said
    assert "board          panel-a" in said
    assert "tag 0xa0 BOARD 7 bytes" in said
    assert "protected" in said

    assert cli.run(["inspect", str(files / "panel.bin"), "--json"]) == EXIT_OK
    told = json.loads(capsys.readouterr().out)
    assert (told["kind"], told["version"], told["board"]) == ("mcuboot", "1.1.0", "panel-a")
    assert [tag["name"] for tag in told["tags"]] == ["BOARD", "SHA256", "KEYHASH", "ED25519"]


def test_a_zigbee_image_is_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Header, manufacturer, type, version and tags, by zigpy's parser."""
    path = tmp_path / "lamp.zigbee"
    path.write_bytes(ota_image([(0, bytes(600)), (3, bytes(16))], with_hardware=True))

    assert cli.run(["inspect", str(path), "--json"]) == EXIT_OK
    assert json.loads(capsys.readouterr().out) == {
        "kind": "zigbee-ota",
        "manufacturer": "0x117c",
        "image_type": "0x4203",
        "version": "0x20211115",
        "stack_version": "0x0002",
        "header": "A lamp",
        "size_bytes": 56 + 4 + 600 + 16 + 12,
        "hardware": ["1.2", "3.4"],
        "tags": [
            {"number": "0x0000", "name": "UPGRADE_IMAGE", "bytes": 600},
            {"number": "0x0003", "name": "IMAGE_INTEGRITY_CODE", "bytes": 16},
        ],
    }
    assert cli.run(["inspect", str(path)]) == EXIT_OK
    assert "hardware       1.2 to 3.4" in capsys.readouterr().out


@pytest.mark.parametrize("length", [0, 3, 30, 58, 100])
def test_a_file_that_is_cut_or_of_another_kind_is_refused_in_words(
    tmp_path: Path, length: int
) -> None:
    """Whatever the library raises for it."""
    path = tmp_path / "cut"
    path.write_bytes(ota_image([(0, bytes(600))])[:length])
    with pytest.raises(BadInputError, match="neither"):
        cli.run(["inspect", str(path)])


def test_what_follows_a_zigbee_image_is_told(tmp_path: Path) -> None:
    """Two files in one are none."""
    path = tmp_path / "two"
    path.write_bytes(ota_image([(0, bytes(60))]) + b"more")
    with pytest.raises(BadInputError, match="4 bytes follow"):
        cli.run(["inspect", str(path)])


def test_a_file_that_is_not_there_is_named() -> None:
    """In both actions."""
    with pytest.raises(OperatorError, match="no-such-file"):
        cli.run(["inspect", "no-such-file"])
