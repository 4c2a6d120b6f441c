"""The cloud's half of consent: it may narrow, and the household alone widens, at the hub."""

from pathlib import Path

import pytest

from cloud.households.revocations import find_limit, limit_consent
from shared.consent import Granularity, check_granularity, narrowest
from shared.errors import BadInputError
from shared.protocol import ConsentLimit, decode_receipt, encode_message
from tests.support.cloud import payload_of, samples_of
from tests.support.ingest import NOW_MS, THING, Cloud

pytestmark = pytest.mark.usefixtures("either_store")


@pytest.fixture(name="cloud")
def _cloud(tmp_path: Path) -> Cloud:
    return Cloud(tmp_path)


def _limit(cloud: Cloud, granularity: str) -> ConsentLimit:
    with cloud.database.writing() as connection:
        return limit_consent(
            connection, THING, check_granularity(granularity), cloud.clock.utc_ms()
        )


def test_receipts_carry_the_limit(cloud: Cloud) -> None:
    """Every receipt says it, so that none has to arrive; without a limit they say nothing."""
    (without,) = cloud.send(payload_of(samples_of(1, 5)))

    limit = _limit(cloud, "daily")
    (frame,) = cloud.send(payload_of(samples_of(6, 5)))
    (hello,) = cloud.greet(1, 10)
    (told,) = cloud.service.tell(THING)

    assert without.consent is None
    assert b"consent" not in encode_message(without)
    assert limit == ConsentLimit("daily", NOW_MS)
    assert frame.consent == hello.consent == told.receipt.consent == limit
    assert told.receipt.log_id == ""
    assert decode_receipt(encode_message(frame)) == frame


def test_limit_is_narrowed_and_never_widened(cloud: Cloud) -> None:
    """Each narrower limit has a higher revision; the same one again is the same."""
    first = _limit(cloud, "half-hourly")
    same = _limit(cloud, "half-hourly")
    narrower = _limit(cloud, "none")

    with pytest.raises(BadInputError, match="widens") as caught:
        _limit(cloud, "10s")

    assert same == first
    assert narrower == ConsentLimit("none", first.revision + 1)
    assert "at the hub" in caught.value.hint


def test_household_lifts_a_limit_at_the_hub(cloud: Cloud) -> None:
    """The hello says up to which revision; a limit set after that holds."""
    first = _limit(cloud, "daily")

    (lifted,) = cloud.greet(1, 9, consent="live", consent_lifted=first.revision)
    second = _limit(cloud, "half-hourly")
    (still,) = cloud.greet(1, 9, consent="live", consent_lifted=second.revision - 1)

    assert lifted.consent is None
    assert still.consent == second
    assert cloud.hub().consent == "live"
    with cloud.database.reading() as connection:
        assert find_limit(connection, THING) == second


def test_hello_with_a_nul_in_its_consent_is_no_hello(cloud: Cloud) -> None:
    """It is kept as text."""
    with pytest.raises(BadInputError, match="NUL"):
        cloud.greet(1, 9, consent="li\0ve")


def test_narrower_is_what_lets_less_out() -> None:
    """The order is from live to none."""
    assert narrowest(Granularity.LIVE, Granularity.TEN_SECONDS) is Granularity.TEN_SECONDS
    assert narrowest(Granularity.NONE, Granularity.DAILY) is Granularity.NONE
    with pytest.raises(BadInputError, match="unknown"):
        check_granularity("hourly")
