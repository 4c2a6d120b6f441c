"""What is said of a message before anything believes it."""

import pytest

from cloud.ingest.intake import Message, read_message
from shared.readings import StampedSample
from shared.units import MS_PER_DAY
from tests.support.cloud import START_MS, payload_of, samples_of


def _read(samples: list[StampedSample], now_ms: int = START_MS + MS_PER_DAY) -> str:
    """Read a message of these samples; its error's code, "" for none."""
    read = read_message(Message("hub-1", payload_of(samples), now_ms), now_ms)
    return "" if read.error is None else read.error.code


@pytest.mark.parametrize(("least", "code"), [(0, ""), (-1, "bad-value")])
@pytest.mark.parametrize("is_whole", [True, False])
def test_a_register_below_zero_is_refused(least: int, code: str, is_whole: bool) -> None:
    """Whether or not each of the samples has it."""
    registers = [{"import_mwh": value, "gas_l": value + 5} for value in (least, 7, least, 9)]
    if not is_whole:
        del registers[1]["import_mwh"]
    samples = [
        StampedSample(seq, START_MS + seq * 1_000, one) for seq, one in enumerate(registers, 1)
    ]

    assert _read(samples) == code


def test_what_may_fall_may_be_below_zero() -> None:
    """Power that is fed in has a sign in some meters."""
    assert _read([StampedSample(1, START_MS + 1, {"power_import_w": -400})]) == ""


@pytest.mark.parametrize(("ahead_ms", "code"), [(0, ""), (1, "bad-time")])
def test_a_sample_more_than_a_day_ahead_is_refused(ahead_ms: int, code: str) -> None:
    """The latest of the frame decides, against the cloud's clock."""
    samples = samples_of(1, 3, every_ms=1)

    assert _read(samples, START_MS + 3 - MS_PER_DAY - ahead_ms) == code
