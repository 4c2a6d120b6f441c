"""`hearthlink decode`: every recording gives its samples, its refusals, and never a key."""

import gzip
import io
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastcrc import crc16

from firmware_bridge.meters.catalog import CODECS
from firmware_bridge.simulator import dlms_meter, iec62056_meter, p1_meter, raven_meter, sml_meter
from firmware_bridge.simulator.oracle import OracleLine
from firmware_bridge.tools import console, decode
from firmware_bridge.tools.decode import run
from firmware_bridge.tools.recognition import recognise
from firmware_bridge.tools.recording import recordings_of
from shared.errors import OperatorError

START_MS = 1_790_000_000_000
END_MS = START_MS + 60_000
SIMULATED = {
    "p1": p1_meter.telegrams,
    "sml": sml_meter.telegrams,
    "dlms": dlms_meter.telegrams,
    "raven": raven_meter.telegrams,
    "iec62056": iec62056_meter.telegrams,
}
CAPTURES = Path(__file__).parents[3] / "../shared/captures"


def recorded(protocol: str) -> tuple[bytes, list[OracleLine]]:
    """Record a simulated meter for a minute."""
    emitted = list(SIMULATED[protocol](1, START_MS, END_MS))
    return b"".join(raw for raw, _ in emitted), [line for _, lines in emitted for line in lines]


def decoded(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Read the samples that were printed."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("protocol", SIMULATED)
def test_simulated_meter_is_recognised_and_decoded(
    protocol: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each sample is what the meter displayed, without being told the protocol."""
    content, oracle = recorded(protocol)
    path = tmp_path / "capture"
    path.write_bytes(content)

    status = run([str(path)])

    shown = [(sample["meter"], sample["registers"]) for sample in decoded(capsys)]
    assert status == 0
    for meter, registers in shown:
        assert any(line.meter == meter and line.registers == registers for line in oracle)
    assert len({json.dumps(entry) for entry in shown}) >= 5


@pytest.mark.parametrize("protocol", SIMULATED)
def test_log_of_hexadecimal_gives_the_same_as_the_bytes(
    protocol: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Timestamps and tags are no part of the telegram."""
    content, _ = recorded(protocol)
    raw, log = tmp_path / "raw", tmp_path / "log"
    raw.write_bytes(content)
    log.write_text(
        "".join(
            f"[10:00:{start % 60:02d}][D][uart:1]: <<< {content[start : start + 24].hex(':')}\n"
            for start in range(0, len(content), 24)
        )
    )

    run([str(raw)])
    from_raw = decoded(capsys)
    run([str(log)])

    assert decoded(capsys) == from_raw
    assert from_raw


def test_sample_has_its_fields(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Time as RFC 3339 or null, quality as names, codes that are not in the table by code."""
    path = tmp_path / "capture"
    path.write_bytes(
        b"/XYZ5TYPE\r\n\r\n1-0:96.1.0(1234567)\r\n1-0:1.8.0(000001.5*kWh)\r\n"
        b"1-0:99.9.9(7)\r\n0-0:96.13.0(48656C6C6F)\r\n!\r\n"
    )

    run([str(path), "--protocol", "p1"])

    printed = capsys.readouterr()
    assert json.loads(printed.out) == {
        "meter": "1234567",
        "medium": "electricity",
        "taken_at": None,
        "registers": {"import_mwh": 1_500_000},
        "quality": ["unchecked"],
        "unknown": {"1-0:99.9.9": "7"},
    }
    assert "Hello" in printed.err


def test_unknown_meter_s_codes_are_its_result(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A whole telegram is one, if nothing in it is known; the refusal beside it is for the hub."""
    content = b"/NEW5 METER\r\n\r\n0-0:96.1.1(4E455731)\r\n1-0:200.7.0(12*kX)\r\n!"
    file = tmp_path / "capture"
    file.write_bytes(content + b"%04X\r\n" % crc16.arc(content))

    status = run([str(file)])

    told = capsys.readouterr()
    sample = json.loads(told.out)
    assert status == 0
    assert (sample["meter"], sample["registers"]) == ("NEW1", {})
    assert sample["unknown"] == {"1-0:200.7.0": "12*kX"}
    assert "refused, no-values" in told.err


def test_summary_counts_telegrams_and_refusals_with_their_reasons(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice the same: for people, and for JSON."""
    content, _ = recorded("p1")
    path = tmp_path / "capture"
    path.write_bytes(content[400:-6] + b"0000\r\n")

    run([str(path), "--summary"])
    for_people = capsys.readouterr().out
    run([str(path), "--summary", "--json"])
    document = json.loads(capsys.readouterr().out)

    assert document["protocol"] == "p1"
    assert document["telegrams"] == 4
    assert document["samples"] == 8
    assert document["refused"]["bad-crc"]["count"] == 1
    assert document["refused"]["bad-crc"]["examples"][0].startswith("checksum 0000")
    assert document["meters"][0]["first"] == "2026-09-21T14:13:30Z"
    assert "telegrams 4, samples 8" in for_people
    assert "1 bad-crc: checksum 0000" in for_people


def test_text_that_lost_its_carriage_returns_still_has_a_right_checksum(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As from an editor, or a terminal's log."""
    content, _ = recorded("p1")
    path = tmp_path / "capture"
    path.write_bytes(content.replace(b"\r\n", b"\n"))

    assert run([str(path)]) == 0
    assert len(decoded(capsys)) == 12


def test_standard_input_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A dash stands for it."""
    content, _ = recorded("sml")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))

    assert run(["-"]) == 0
    assert decoded(capsys)


def test_file_longer_than_its_head_is_decoded_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Raw, and as hexadecimal."""
    monkeypatch.setattr(decode, "HEAD_BYTES", 1_500)
    content, _ = recorded("p1")
    raw, log = tmp_path / "raw", tmp_path / "log"
    raw.write_bytes(content)
    log.write_text(content.hex(" ", 1))

    run([str(raw)])
    from_raw = decoded(capsys)
    run([str(log)])

    assert len(from_raw) == 12
    assert decoded(capsys) == from_raw


def test_telegram_that_begins_after_the_head_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A log may begin with much talk."""
    monkeypatch.setattr(decode, "HEAD_BYTES", 500)
    path = tmp_path / "log"
    path.write_bytes(b"nothing to see here\r\n" * 100 + recorded("p1")[0])

    assert run([str(path)]) == 0
    assert len(decoded(capsys)) == 12


@pytest.mark.parametrize("content", [b"hello\r\n" * 20, bytes(range(256)) * 3])
def test_file_without_a_meter_says_so(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exit status, and with where to go on."""
    path = tmp_path / "file"
    path.write_bytes(content)

    assert run([str(path)]) == 1
    assert "no sample" in capsys.readouterr().err
    assert run([str(path), "--summary"]) == 1
    assert "hearthlink detect" in capsys.readouterr().out


def test_refusals_are_told_a_few_at_a_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The rest is counted."""
    content, _ = recorded("p1")
    path = tmp_path / "capture"
    path.write_bytes(content.replace(b"1.8.1(", b"1.8.1(9"))

    assert run([str(path)]) == 1

    told = capsys.readouterr().err
    assert told.count("refused, bad-crc") == 5
    assert "6 refused in all" in told
    assert "cable" in told


def encrypted() -> bytes:
    """Record a meter that encrypts."""
    keys = dlms_meter.MeterKeys()
    emitted = dlms_meter.telegrams(1, START_MS, END_MS, keys=keys)
    return b"".join(raw for raw, _ in emitted)


@pytest.fixture
def encrypted_file(tmp_path: Path) -> Path:
    """Give a capture of a meter that encrypts."""
    path = tmp_path / "encrypted"
    path.write_bytes(encrypted())
    return path


def test_encrypted_meter_is_decoded_with_its_keys(
    encrypted_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Given in the command, or better in a file."""
    key_file = tmp_path / "key"
    key_file.write_text(dlms_meter.DEMO_KEY.hex(":") + "\n")
    auth = dlms_meter.DEMO_AUTHENTICATION_KEY.hex()

    assert run([str(encrypted_file), "--key", f"@{key_file}", "--auth-key", auth]) == 0

    media = [sample["medium"] for sample in decoded(capsys)]
    assert media == ["electricity", "gas"] * 6


@pytest.mark.parametrize(
    ("options", "reason"),
    [([], "encrypted"), (["--key", "ab" * 16, "--auth-key", "cd" * 16], "wrong-key")],
)
def test_missing_or_wrong_key_says_so_with_the_system_title(
    options: list[str], reason: str, encrypted_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without ever printing the key."""
    status = run([str(encrypted_file), "--summary", *options])

    told = capsys.readouterr()
    assert status == 1
    assert f"6 {reason}: " in told.out
    assert "system title" in told.out
    assert "abab" not in told.out + told.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--key", "not a key", "FILE"],
        ["--key", "@/no/such/file", "FILE"],
        ["--auth-key", "00" * 16, "FILE"],
        ["--zone", "Mars/Olympus", "FILE"],
        ["/no/such/capture"],
    ],
)
def test_mistake_is_told_with_its_fix(arguments: list[str], tmp_path: Path) -> None:
    """One sentence, no traceback."""
    path = tmp_path / "capture"
    path.write_bytes(b"x")
    words = [str(path) if word == "FILE" else word for word in arguments]

    with pytest.raises(OperatorError) as told:
        run(words)

    assert told.value.hint


def test_empty_file_says_so(tmp_path: Path) -> None:
    """Rather than that nothing was recognised."""
    path = tmp_path / "empty"
    path.touch()

    with pytest.raises(OperatorError, match="empty"):
        run([str(path)])


def test_text_too_large_to_search_says_how_to_cut_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hexadecimal is looked for in memory."""
    monkeypatch.setattr(decode, "MAX_TEXT_BYTES", 1_000)
    path = tmp_path / "log"
    path.write_text("nothing\n" * 10_000)

    with pytest.raises(OperatorError, match="split"):
        run([str(path)])


def test_reader_that_goes_away_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`hearthlink decode FILE | head` ends quietly."""
    path = tmp_path / "capture"
    path.write_bytes(recorded("p1")[0])
    dropped: list[bool] = []

    def broken(_lines: str) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(console, "write_result", broken)
    monkeypatch.setattr(console, "drop_stdout", lambda: dropped.append(True))

    assert run([str(path)]) == 0
    assert dropped == [True]


def real_files() -> Iterator[Path]:
    """List the recordings of real meters."""
    for folder in ("p1", "sml", "dlms", "dlms/esphome"):
        for path in sorted((CAPTURES / folder).glob("*")):
            if path.suffix in (".bin", ".txt", ".log") and "_decoded" not in path.name:
                yield path


@pytest.mark.skipif(
    not CAPTURES.exists(), reason="the capture shelf ../shared/captures is not on this machine"
)
def test_protocol_of_every_real_recording_is_found_out() -> None:
    """Raw files and logs alike, by trying."""
    for path in real_files():
        content = path.read_bytes()
        expected = path.relative_to(CAPTURES).parts[0]

        found = recognise(recordings_of(content), list(CODECS), ZoneInfo("UTC"), None)

        assert found is not None, path.name
        assert found.protocol == expected, path.name


def test_packed_file_is_unpacked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """People send logs so."""
    content, _ = recorded("p1")
    (tmp_path / "log.gz").write_bytes(gzip.compress(content))

    status = run([str(tmp_path / "log.gz")])

    assert status == 0
    assert decoded(capsys)


def test_damaged_packed_file_says_so(tmp_path: Path) -> None:
    """A copy that was cut short, and one with a changed byte."""
    packed = gzip.compress(recorded("p1")[0])
    for name, content in (("short", packed[:-100]), ("changed", packed[:40] + b"\0\0" * 40)):
        (tmp_path / name).write_bytes(content)

        with pytest.raises(OperatorError, match="packed with gzip, and damaged"):
            run([str(tmp_path / name)])


def test_text_of_a_windows_shell_is_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It sends what programs print to a file as UTF-16, with its own line ends."""
    content, _ = recorded("sml")
    dump = "\r\n".join(content[at : at + 16].hex(" ") for at in range(0, len(content), 16))
    (tmp_path / "log").write_bytes(dump.encode("utf-16"))

    status = run([str(tmp_path / "log")])

    assert status == 0
    assert decoded(capsys)


def test_random_bytes_look_like_no_protocol(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Though some lines of them could be damaged lines of text."""
    (tmp_path / "noise").write_bytes(random.Random(1).randbytes(100_000))

    status = run([str(tmp_path / "noise"), "--summary"])

    assert status == 1
    assert "in no protocol known here" in capsys.readouterr().out
