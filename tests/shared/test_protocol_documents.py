"""docs/reference/protocol.md and tariff.md: every example is what the code reads and writes."""

import json
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from shared import protocol, tariffs
from shared.tariffs.agreements import decode_agreements
from shared.tariffs.catalogue import read_offers
from shared.units import MS_PER_MINUTE

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PROTOCOL = (REFERENCE / "protocol.md").read_text()
TARIFF = (REFERENCE / "tariff.md").read_text()
HOW_TO = (REFERENCE.parent / "how-to" / "tariffs.md").read_text()


def examples_of(page: str) -> list[bytes]:
    """List the JSON blocks of a page."""
    return [block.encode() for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]


@pytest.mark.parametrize(
    ("place", "decode"),
    list(
        enumerate(
            [
                protocol.decode_status,
                protocol.decode_hello,
                protocol.decode_receipt,
                protocol.decode_live,
            ]
        )
    ),
)
def test_each_message_is_shown_whole(place: int, decode: Any) -> None:
    """The example decodes, and has every key of the message and no other."""
    example = examples_of(PROTOCOL)[place]

    message = decode(example)

    assert json.loads(protocol.encode_message(message)) == json.loads(example)


def test_the_shadow_example_carries_a_tariff() -> None:
    """What the page shows under a meter is a tariff."""
    document = json.loads(examples_of(PROTOCOL)[4])

    for asked in document["state"]["desired"]["meters"].values():
        tariffs.decode_tariff(msgspec.json.encode(asked))
    assert set(document) == {"state", "version", "timestamp"}


@pytest.mark.parametrize(
    "example",
    examples_of(TARIFF),
    ids=["flat", "two rates", "gas", "seasons", "half-hourly", "tiers"],
)
def test_each_tariff_is_one(example: bytes) -> None:
    """A reader may copy it and change the prices."""
    assert tariffs.decode_tariff(example).currency in {"GBP", "EUR"}


@pytest.mark.parametrize("example", examples_of(HOW_TO)[:3], ids=["list", "rates", "cap"])
def test_each_catalogue_file_is_one(example: bytes) -> None:
    """A reader may import it as it stands."""
    (given,) = read_offers(example, "tariffs.md", ZoneInfo("Europe/London"), 0)

    assert given.offer.region == "C"


def test_the_prepayment_example_is_an_agreement() -> None:
    """With every term that an account has."""
    (agreement,) = decode_agreements(examples_of(HOW_TO)[3])

    assert agreement.prepayment is not None
    assert agreement.prepayment.debt_millionths == 60_000_000


@pytest.mark.parametrize(
    "kind",
    [
        tariffs.Tariff,
        tariffs.TariffVersion,
        tariffs.TimeOfUse,
        tariffs.Flat,
        tariffs.Band,
        tariffs.HalfHourly,
        tariffs.Tiers,
        tariffs.Tier,
    ],
)
def test_every_key_of_a_tariff_is_explained(kind: type[msgspec.Struct]) -> None:
    """Each key stands in backticks somewhere on the page."""
    for name in kind.__struct_encode_fields__:
        assert f"`{name}`" in TARIFF or f"`prices.{name}`" in TARIFF


def test_the_limits_stand_on_the_pages() -> None:
    """A limit that changes in the code changes in the document."""
    assert f"at most {protocol.MAX_MESSAGE_BYTES} bytes" in PROTOCOL
    assert f"a hello of at most {protocol.MAX_HELLO_BYTES} bytes" in PROTOCOL
    assert f"At most {protocol.MAX_LOGS_PER_HELLO} logs" in PROTOCOL
    assert f"At most {protocol.MAX_PROOFS_PER_HELLO} proofs" in PROTOCOL
    assert f"at most {protocol.MAX_RANGES_PER_RECEIPT} ranges" in PROTOCOL
    assert f"more than {protocol.BACKLOG_AGE_MS // MS_PER_MINUTE} minutes old" in PROTOCOL
    assert f"at most {tariffs.MAX_TARIFF_BYTES} bytes" in TARIFF
    assert f"| 1 to {tariffs.MAX_VERSIONS}, " in TARIFF
    assert f"at most {tariffs.MAX_BANDS} |" in TARIFF
    assert f"{tariffs.CALORIFIC_VALUE_MIN} to {tariffs.CALORIFIC_VALUE_MAX};" in TARIFF
