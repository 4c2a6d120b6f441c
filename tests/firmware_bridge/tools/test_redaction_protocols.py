"""Every protocol's captures lose what names a household, and nothing else."""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.catalog import CODECS, codec_for
from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.simulator import dlms_meter
from firmware_bridge.tools.recognition import recognise
from firmware_bridge.tools.recording import recordings_of
from firmware_bridge.tools.redaction import Redactor
from shared.readings import Sample

LONDON = ZoneInfo("Europe/London")
START_MS = 1_790_000_000_000
SALT = b"a salt of a test"
PROTOCOLS = ["dlms", "glow", "iec62056", "mbus", "p1", "raven", "sml", "zigbee"]

SHELF = Path(__file__).parents[3] / "../shared/captures"
NAMELESS = re.compile(r"unnamed|[A-Z]{3}\d?.{0,3}\d-?\w*|abcd|wxyz")
"""Meters of the shelf that print no serial are named by their type, and stay so."""


@cache
def recorded(protocol: str) -> bytes:
    """Record some minutes of a simulated meter."""
    emissions = import_module(f"firmware_bridge.simulator.{protocol}_meter").emissions
    more = {"cadence_s": 10} if "cadence_s" in inspect.signature(emissions).parameters else {}
    made = emissions(1, START_MS, START_MS + 600_000, **more)
    return b"".join(emission.telegram for emission in made)


def redact(content: bytes, *, step: int = 100_000, protocol: str = "") -> bytes:
    """Redact bytes that come in pieces."""
    redactor = Redactor(SALT, protocol)
    pieces = [content[start : start + step] for start in range(0, len(content), step)]
    return b"".join(redactor.feed(piece) for piece in pieces) + redactor.finish()


def decode(protocol: str, content: bytes) -> list[Telegram | Refused]:
    """Decode a whole stream."""
    codec = codec_for(protocol, LONDON)
    return [*codec.feed(content), *codec.feed(b"")]


def samples_of(found: list[Telegram | Refused]) -> Iterator[Sample]:
    """Yield the samples of all telegrams."""
    for one in found:
        if isinstance(one, Telegram):
            yield from one.samples


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_readings_stay_and_names_go(protocol: str) -> None:
    """In the same length, with right checksums, found out without being told the protocol."""
    content = recorded(protocol)

    redacted = redact(content)

    before, after = decode(protocol, content), decode(protocol, redacted)
    assert len(redacted) == len(content)
    assert not [one for one in after if isinstance(one, Refused)]
    old, new = list(samples_of(before)), list(samples_of(after))
    assert [sample.registers for sample in new] == [sample.registers for sample in old]
    assert [sample.meter_time_ms for sample in new] == [sample.meter_time_ms for sample in old]
    names = {sample.meter for sample in old}
    assert len({sample.meter for sample in new}) == len(names)
    for name in names:
        assert name not in {sample.meter for sample in new}
        assert name.encode() not in redacted
        assert name.encode().hex().encode() not in redacted.lower()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(step=st.integers(1, 700))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_result_does_not_depend_on_how_bytes_come(protocol: str, step: int) -> None:
    """A serial split between two reads is found too."""
    content = recorded(protocol)[:6_000]

    assert redact(content, step=step) == redact(content)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(start=st.integers(0, 2_000), size=st.integers(0, 2_000))
@example(start=244, size=21)
@example(start=0, size=2_000)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_capture_cut_anywhere_keeps_its_length_and_loses_its_names(
    protocol: str, start: int, size: int
) -> None:
    """The first and the last telegram of a capture are seldom whole."""
    content = recorded(protocol)
    cut = content[start : start + size]

    redacted = redact(cut, protocol=protocol)

    assert len(redacted) == len(cut)
    for name in {sample.meter for sample in samples_of(decode(protocol, content))}:
        assert name.encode() not in redacted


@given(
    head=st.sampled_from(
        (b'mpan":"9900000000001","supplier":"x"}}}}', b'an":"9900000000001","supplier":"x"}}}}',
         b'":"9900000000001","supplier":"x"}}}}', b'9900000000001","supplier":"x"}}}}')
    ),
    cut=st.integers(0, 40),
)  # fmt: skip
@example(head=b'mpan":"9900000000001","supplier":"x"}}}}', cut=0)
@example(head=b'an":"9900000000001","supplier":"x"}}}}', cut=0)
@example(head=b'":"9900000000001","supplier":"x"}}}}', cut=0)
@example(head=b'9900000000001","supplier":"x"}}}}', cut=0)
@example(head=b'9900000000001","supplier":"x"}}}}', cut=13)
@settings(max_examples=20, deadline=None)
def test_display_s_text_that_begins_within_a_line_loses_its_supply_point(
    head: bytes, cut: int
) -> None:
    """Its key may be cut off; the lines after it are as they were, whether or not one is whole."""
    whole = recorded("glow")[:3_000]
    content = head + b"\n" + whole

    redacted = redact(content, protocol="glow")
    alone = redact(head[: len(head) - cut], protocol="glow")

    assert len(redacted) == len(content)
    assert b"9900000000001" not in redacted
    assert b"99000" not in alone
    assert [one.registers for one in samples_of(decode("glow", redacted))] == [
        one.registers for one in samples_of(decode("glow", whole))
    ]


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (b'x","07":"9900000000001","08":"E6S1234567"},"04":{"00":"1234567"}}}\n', b"1234567"),
        (b'{"elecMtr":{"0702":{"03":{"01":"x","07":"9900000000001","08":"E6S1', b"elecMtr"),
        (b"DEEFF00/SENSOR/gasmeter {}\n", b"/SENSOR/gasmeter {}"),
        (b'{"ssid":"Our House, upstairs","rssi":-60}\n', b'"rssi":-60'),
        (b'r House","rssi":-60}\n', b'"rssi":-60'),
        (b'}}\nglow/AABBCCDDEEFF/STATE {"software":"v1.8.12"}\n', b"v1.8.12"),
    ],
)
def test_display_s_text_cut_elsewhere_loses_its_names_too(content: bytes, kept: bytes) -> None:
    """Within the site's object, before its end, within a topic, or within the network's name."""
    redacted = redact(content, protocol="glow")

    assert len(redacted) == len(content)
    assert kept in redacted
    for name in (b"99000000", b"E6S1", b"DEEFF00", b"House", b"upstairs", b"AABBCC"):
        assert name not in redacted


@pytest.mark.parametrize("protocol", sorted(CODECS))
@given(content=st.binary(max_size=3_000), step=st.integers(1, 900))
@settings(max_examples=20, deadline=None)
def test_any_bytes_pass_in_their_length(protocol: str, content: bytes, step: int) -> None:
    """Nothing is raised, and nothing is lost."""
    assert len(redact(content, step=step, protocol=protocol)) == len(content)


def test_system_title_of_an_encrypted_meter_is_replaced_but_for_its_maker() -> None:
    """What is encrypted stays: nobody reads it without the key."""
    pushes = dlms_meter.telegrams(1, START_MS, START_MS + 20_000, keys=dlms_meter.MeterKeys())
    content = b"".join(raw for raw, _ in pushes)
    (title,) = {match[1] for match in re.finditer(rb"\xdb\x08(.{8})", content, re.DOTALL)}
    redactor = Redactor(SALT)

    redacted = redactor.feed(content) + redactor.finish()

    assert title not in redacted
    assert title[:3] in redacted
    assert redactor.is_encrypted
    assert {one.reason for one in decode("dlms", redacted) if isinstance(one, Refused)} == {
        "encrypted"
    }


@pytest.mark.skipif(
    not SHELF.is_dir(), reason="the capture shelf ../shared/captures is not on this machine"
)
def test_real_captures_keep_their_readings_and_lose_their_names() -> None:
    """All of the shelf: serials of every maker's own shape."""
    judged = 0
    for path in sorted(SHELF.rglob("*")):
        if path.suffix not in (".bin", ".log", ".txt") or re.search(r"_decoded|\.h\.", path.name):
            continue
        found = recognise(recordings_of(path.read_bytes()), list(CODECS), LONDON, None)
        if found is None or not found.is_certain:
            continue
        content = found.recording.content

        redacted = redact(content, step=37)

        old = list(samples_of(decode(found.protocol, content)))
        new = list(samples_of(decode(found.protocol, redacted)))
        assert [one.registers for one in new] == [one.registers for one in old], path.name
        for name in {one.meter for one in old if not NAMELESS.fullmatch(one.meter)}:
            assert name.encode() not in redacted, (path.name, name)
        judged += 1
    assert judged > 50
