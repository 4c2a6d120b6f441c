"""Framing of a Glow's lines: topics or none, objects over several lines, damage, bounded memory."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.meters.codec import Refused, Telegram
from firmware_bridge.meters.glow import MAX_LINE_BYTES, GlowCodec
from firmware_bridge.simulator.glow_meter import emissions

START_MS = 1_790_000_000_000
LINES = [
    line
    for one in emissions(3, START_MS, START_MS + 60_000)
    for line in one.telegram.splitlines(keepends=True)
]
LINE = next(line for line in LINES if b"electricitymeter" in line)
GAS = next(line for line in LINES if b"gasmeter" in line)


def bare(line: bytes) -> bytes:
    """Take the topic off a line."""
    return line[line.index(b"{") :]


PRETTY = re.sub(
    r'"(-?[0-9]+\.[0-9]+)"', r"\1", json.dumps(json.loads(bare(LINE), parse_float=str), indent=2)
)


def decode(content: bytes) -> list[Telegram | Refused]:
    """Decode a whole stream, its end included."""
    codec = GlowCodec()
    return codec.feed(content) + codec.feed(b"")


def reasons(found: list[Telegram | Refused]) -> list[str]:
    """Keep the refusals' reasons."""
    return [entry.reason for entry in found if isinstance(entry, Refused)]


def telegrams(found: list[Telegram | Refused]) -> list[Telegram]:
    """Keep the telegrams."""
    return [entry for entry in found if isinstance(entry, Telegram)]


@pytest.mark.parametrize(
    "content",
    [
        bare(LINE),
        bare(LINE).rstrip(),
        LINE.replace(b"\n", b"\r\n"),
        b"2026-11-21T20:15:00+0000 " + LINE,
        PRETTY.encode(),
        PRETTY.replace("\n", "\r\n").encode(),
        b"\n\n" + LINE.replace(b",", b",\n "),
    ],
    ids=["bare", "no end", "CRLF", "timed", "pretty", "pretty CRLF", "broken up"],
)
def test_message_is_read_however_it_was_recorded(content: bytes) -> None:
    """With a topic or none, on one line or on many."""
    assert decode(content) == decode(LINE)


def test_messages_glued_together_are_all_read() -> None:
    """As files are that were put one behind the other."""
    found = decode(bare(LINE).rstrip() + bare(GAS).rstrip() + b", " + bare(LINE))

    assert found == decode(LINE) + decode(GAS) + decode(LINE)


@pytest.mark.parametrize("cut", [1, 30, 60, 100, 200, -3])
@pytest.mark.parametrize("between", [b"", b"\n"], ids=["glued", "next line"])
def test_message_cut_short_costs_only_itself(cut: int, between: bytes) -> None:
    """Whether the next one begins behind it or on a line of its own."""
    found = decode(bare(LINE)[:cut] + between + GAS)

    assert reasons(found) == ["truncated"]
    assert telegrams(found) == telegrams(decode(GAS))


def test_text_that_never_ends_does_not_swallow_the_next_line() -> None:
    """A quotation mark was lost."""
    found = decode(LINE.replace(b'kW"', b"kW") + LINE)

    assert reasons(found) == ["truncated"]
    assert telegrams(found) == telegrams(decode(LINE))


@pytest.mark.parametrize("noise", [b"online", b"glow/02484C000001/LWT offline", b"\xff\xfe\x00"])
def test_line_without_an_object_is_refused(noise: bytes) -> None:
    """Other things are said on a broker."""
    found = decode(noise + b"\n" + LINE)

    assert reasons(found) == ["noise"]
    assert telegrams(found) == telegrams(decode(LINE))


def test_prefix_that_is_no_text_is_refused_but_the_message_is_read() -> None:
    """Noise before it on its line."""
    found = decode(b"\x00\xff{} " + bare(LINE))

    assert reasons(found) == ["noise", "unknown-message"]
    assert telegrams(found) == telegrams(decode(LINE))


def test_line_longer_than_the_cap_is_refused_to_its_end() -> None:
    """The next line is read."""
    found = decode(b'{"a":"' + b"x" * 3 * MAX_LINE_BYTES + b'"}\n' + LINE)

    assert set(reasons(found)) == {"too-long"}
    assert telegrams(found) == telegrams(decode(LINE))


def test_object_over_more_lines_than_the_cap_is_refused() -> None:
    """It might never end."""
    found = decode(b'{"a":[\n' + b" 1,\n" * MAX_LINE_BYTES + LINE)

    assert reasons(found)[0] == "truncated"
    assert telegrams(found) == telegrams(decode(LINE))


def test_supply_point_is_forgotten_at_the_end_of_a_stream() -> None:
    """Another Glow may publish there now."""
    codec = GlowCodec()
    codec.feed(LINE)
    codec.feed(b"")

    found = codec.feed(LINE.replace(b'"mpan":"', b'"mpan":"read pending","old":"'))

    assert reasons(found) == ["no-meter-id"]


@given(noise=st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_line_after_any_noise_is_read(noise: bytes) -> None:
    """Whatever came before its line is refused, if it is anything, and hides nothing."""
    found = decode(noise + b"\n" + LINE)

    assert telegrams(found)[-1:] == telegrams(decode(LINE))


@given(message=st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_any_json_in_a_meters_message_is_taken_without_raising(message: object) -> None:
    """It is decoded or refused, never both dropped and silent."""
    for template in ('{"electricitymeter":%s}', '{"gasmeter":{"energy":{"import":%s}}}',
                     '{"elecMtr":{"0702":%s}}', '{"han":%s}'):  # fmt: skip
        content = (template % json.dumps(message)).encode()

        assert decode(content + b"\n")
