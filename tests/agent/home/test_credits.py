"""Which credit a home is shown: told by a meter, aged by the hub's clock, kept over restarts."""

from agent.home.credits import FORGOTTEN_AFTER_MS, MAX_METERS, WRITTEN_EVERY_MS, Credits
from agent.home.inputs import PrepaymentState
from shared.readings import Medium, Sample
from shared.units import MS_PER_DAY, MS_PER_HOUR, MS_PER_MINUTE
from tests.support.hubs import START_MS


def says(
    meter: str = "E1", credit: int = 5_000_000, *, medium: Medium = Medium.ELECTRICITY, **more: int
) -> Sample:
    """A prepayment meter's word of its credit, in pounds."""
    told = {"prepayment_index": 1, "currency_iso4217": 826, "credit_millionths": credit, **more}
    return Sample(meter, medium, None, told)


BY_BILL = Sample("E1", Medium.ELECTRICITY, None, {"prepayment_index": 0})


def credits_with(*samples: Sample) -> Credits:
    """What is known once these were heard, a minute apart from the start on."""
    found = Credits(None)
    for place, one in enumerate(samples):
        at_ms = place * MS_PER_MINUTE
        found.hear(one, now_ms=at_ms, utc_ms=START_MS + at_ms)
    return found


def shown(found: Credits, after_ms: int = 0) -> PrepaymentState | None:
    """What is shown so long after the start."""
    return found.shown(now_ms=after_ms, utc_ms=START_MS + after_ms)


def test_credit_is_shown_as_the_meter_told_it() -> None:
    """What it left out is not known; an amount below 0 stays below."""
    found = credits_with(says(credit=-1_250_000, emergency_credit_millionths=8_750_000))

    assert shown(found, MS_PER_HOUR) == PrepaymentState(
        START_MS, "GBP", -1_250_000, 8_750_000, None
    )


def test_nothing_is_shown_before_a_meter_tells() -> None:
    """None, and not 0."""
    assert shown(Credits(None)) is None


def test_a_meter_that_is_paid_by_bill_now_has_no_credit() -> None:
    """The old balance goes, on disk too."""
    found = credits_with(says(), BY_BILL)

    assert shown(found) is None
    assert found.due() == {"credit": b"{}"}


def test_a_meter_that_was_always_paid_by_bill_writes_nothing() -> None:
    """Most homes' meters say so every five minutes."""
    assert credits_with(BY_BILL, BY_BILL).due() == {}


def test_electricitys_credit_goes_before_gas() -> None:
    """Though gas told its own later; the newer of two electricity meters' is shown."""
    gas = says("G1", 1, medium=Medium.GAS)

    assert shown(credits_with(says(), gas)) == PrepaymentState(START_MS, "GBP", 5_000_000)
    assert shown(credits_with(gas)) == PrepaymentState(START_MS, "GBP", 1)
    newer = shown(credits_with(says("E1", 1), says("E2", 2)), MS_PER_MINUTE)
    assert newer is not None
    assert newer.balance_millionths == 2


def test_a_currency_nobody_knows_is_not_shown() -> None:
    """Money without a name could be any."""
    assert shown(credits_with(says(currency_iso4217=4_095))) is None


def test_age_is_the_hubs_own_whatever_becomes_of_the_time() -> None:
    """A clock put right by days makes a credit of an hour ago no older."""
    found = credits_with(says())

    state = found.shown(now_ms=MS_PER_HOUR, utc_ms=START_MS + 9 * MS_PER_DAY)

    assert state is not None
    assert state.taken_at_ms == START_MS + 9 * MS_PER_DAY - MS_PER_HOUR


def test_credit_outlives_a_restart_with_its_time() -> None:
    """So that no display takes its place away, until the meter tells again."""
    written = credits_with(says()).due()

    again = Credits(written[Credits.FACT])

    assert again.shown(now_ms=3, utc_ms=START_MS + MS_PER_DAY) == PrepaymentState(
        START_MS, "GBP", 5_000_000
    )
    assert again.due() == {}


def test_the_same_credit_is_written_once_an_hour() -> None:
    """Another one at once: a card is not worn out by what has not changed."""
    found = credits_with(says())
    found.due()

    def is_written(after_ms: int, credit: int = 5_000_000) -> bool:
        found.hear(says(credit=credit), now_ms=after_ms, utc_ms=START_MS + after_ms)
        return bool(found.due())

    assert not is_written(WRITTEN_EVERY_MS - 1)
    assert is_written(WRITTEN_EVERY_MS)
    assert not is_written(WRITTEN_EVERY_MS + 1)
    assert is_written(WRITTEN_EVERY_MS + 2, 4_999_999)


def test_a_silent_meters_credit_is_forgotten() -> None:
    """When another tells its own: an exchanged meter is not the home's any more."""
    found = credits_with(says("E1"))
    late_ms = FORGOTTEN_AFTER_MS + 1

    found.hear(says("G1", 7, medium=Medium.GAS), now_ms=late_ms, utc_ms=START_MS + late_ms)

    state = shown(found, late_ms)
    assert state is not None
    assert state.balance_millionths == 7


def test_so_many_meters_are_kept_and_no_more() -> None:
    """The one told of longest ago makes room."""
    found = credits_with(*(says(f"E{n}") for n in range(MAX_METERS + 3)))

    written = found.due()[Credits.FACT]
    assert written.count(b"taken_at_ms") == MAX_METERS
    assert b'"E2"' not in written


def test_a_fact_that_cannot_be_read_is_none() -> None:
    """Damaged, or of a currency this version does not know; the meter tells it again."""
    foreign = (
        b'{"E1":{"medium":"electricity","taken_at_ms":1,"registers":{"currency_iso4217":4095}}}'
    )

    assert shown(Credits(b"{")) is None
    assert shown(Credits(foreign)) is None
