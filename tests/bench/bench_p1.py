"""P1 decoding beside dsmr-parser, on the same telegrams of our simulator, and memory on noise."""

from importlib import import_module
from zoneinfo import ZoneInfo

from firmware_bridge.meters.p1 import P1Codec
from firmware_bridge.simulator.p1_meter import telegrams
from tests.bench.rates import best_rate, noise_row

ZONE = ZoneInfo("Europe/London")
START_MS = 1_790_000_000_000
COUNT = 4_000
"""Half a day of telegrams: no two are alike, so that no cache of whole lines would help."""


def measure() -> list[dict[str, object]]:
    """Return the rows of the benchmark page."""
    content = [telegram for telegram, _ in telegrams(1, START_MS, START_MS + COUNT * 10_000)]
    ours = best_rate(content, _decode_ours)
    theirs = best_rate(content[: COUNT // 8], _decode_theirs)
    return [
        {
            "name": "P1 decoding, framing and checksum included",
            "ours": round(ours),
            "unit": "telegrams/s",
            "peer": "dsmr-parser",
            "theirs": round(theirs),
            "ratio": round(ours / theirs, 1),
            "target": 5,
            "note": f"{len(content[0])} byte DSMR 5 telegrams of the simulator, one core",
        },
        noise_row("P1", P1Codec(ZONE)),
    ]


def _decode_ours(content: list[bytes]) -> int:
    codec = P1Codec(ZONE)
    return sum(len(codec.feed(telegram)) for telegram in content)


def _decode_theirs(content: list[bytes]) -> int:
    # Imported here and by name: only the bench has the peer, which comes without type hints.
    specifications = import_module("dsmr_parser.telegram_specifications")
    buffer = import_module("dsmr_parser.clients.telegram_buffer").TelegramBuffer()
    parser = import_module("dsmr_parser.parsers").TelegramParser(specifications.V5)
    found = 0
    for telegram in content:
        buffer.append(telegram.decode("ascii"))
        for whole in buffer.get_all():
            parser.parse(whole)
            found += 1
    return found
