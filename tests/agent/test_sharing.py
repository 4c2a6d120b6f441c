"""What the hub shares: choices and limits are durable, and never let out more by accident."""

from pathlib import Path

import pytest

from agent.consent import MADE_FACT, Consent, decode_limit_state, decode_made
from agent.consent_record import LIMIT_FACT
from agent.heard import Moment
from agent.log import Log
from agent.sharing import Sharing
from shared.consent import Granularity
from shared.errors import RetryableError
from shared.protocol import ConsentLimit
from shared.units import MS_PER_HOUR
from tests.support.hubs import START_MS

DAILY = ConsentLimit("daily", 5)


class Home:
    """A database, and the time as far as it is known."""

    def __init__(self, path: Path) -> None:
        self.path = path / "hub.sqlite"
        self.log = Log(self.path)
        self.believed_ms: int | None = START_MS
        self.monotonic_ms = 0
        self.sharing = self.start()

    def start(self) -> Sharing:
        """Read what is kept, as after a start."""
        choices = [
            (since_ms, Granularity(word))
            for since_ms, word in self.log.committed.execute("SELECT * FROM consent")
        ]
        limits = decode_limit_state(self.log.fact(LIMIT_FACT))
        made = decode_made(self.log.fact(MADE_FACT))
        consent = Consent([(0, Granularity.TEN_SECONDS), *choices], limits, made)
        return Sharing(
            self.log,
            consent,
            lambda: Moment(1, self.monotonic_ms, self.believed_ms),
            lambda: START_MS,
        )

    def refuse_writes(self, *, refused: bool = True) -> None:
        """Let nothing more be written, as on a disk that is full or gone read-only."""
        self.log._db.execute(f"PRAGMA query_only = {'ON' if refused else 'OFF'}")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home that allows ten seconds."""
    return Home(tmp_path)


def test_a_limit_is_kept_over_restarts(home: Home) -> None:
    """So is that it was lifted."""
    home.sharing.take_limit(DAILY)
    limited = home.start().enforced()
    home.sharing.choose("10s")
    lifted = home.start().enforced()

    assert limited == ("daily", 0)
    assert lifted == ("10s", 5)


def test_a_limit_that_cannot_be_kept_is_obeyed_and_kept_later(home: Home) -> None:
    """A full disk is no way around it."""
    home.refuse_writes()
    home.sharing.take_limit(DAILY)
    obeyed, kept = home.sharing.consent.now, home.start().consent.now
    home.refuse_writes(refused=False)

    home.sharing.take_limit(DAILY)

    assert (obeyed, kept) == (Granularity.DAILY, Granularity.TEN_SECONDS)
    assert home.start().consent.now is Granularity.DAILY


def test_a_choice_that_cannot_be_kept_lifts_nothing(home: Home) -> None:
    """Choice and lifting are one transaction."""
    home.sharing.take_limit(DAILY)
    home.refuse_writes()

    with pytest.raises(RetryableError, match="could not be kept"):
        home.sharing.choose("live")

    assert home.sharing.enforced() == ("daily", 0)


def test_without_the_time_a_limit_narrows_and_is_not_lifted(home: Home) -> None:
    """What was taken under it would go with it; narrowing reaches back, which is the safe side."""
    home.believed_ms = None
    home.sharing.take_limit(DAILY)
    narrowed = home.sharing.consent.for_sample(START_MS - 1)
    with pytest.raises(RetryableError, match="does not know the time"):
        home.sharing.choose("10s")
    held = home.sharing.consent.now
    home.believed_ms = START_MS

    home.sharing.choose("10s")

    assert (narrowed, held) == (Granularity.DAILY, Granularity.DAILY)
    assert home.sharing.consent.now is Granularity.TEN_SECONDS
    assert home.sharing.consent.for_sample(START_MS - 1) is Granularity.DAILY


def test_what_was_heard_before_a_choice_is_held_to_the_one_before(home: Home) -> None:
    """Also after a restart, and whatever the time of the sample turns out to be."""
    home.sharing.choose("none")
    home.monotonic_ms = 5_000
    home.believed_ms = START_MS - MS_PER_HOUR
    home.sharing.choose("10s")

    consent = home.start().consent

    later_ms = START_MS + MS_PER_HOUR
    assert consent.for_sample(later_ms, (1, 5_000)) is Granularity.NONE
    assert consent.for_sample(later_ms, (1, 5_001)) is Granularity.TEN_SECONDS
    assert consent.for_sample(later_ms, (2, 0)) is Granularity.TEN_SECONDS
    assert consent.for_all(later_ms, later_ms, ((1, 4_000), (1, 6_000))) is None


def test_what_was_heard_under_a_limit_stays_held_back(home: Home) -> None:
    """The limit's instants are kept with it."""
    home.sharing.take_limit(DAILY)
    home.monotonic_ms = 5_000
    home.sharing.choose("10s")

    consent = home.start().consent

    later_ms = START_MS + MS_PER_HOUR
    assert consent.for_sample(later_ms, (1, 5_000)) is Granularity.DAILY
    assert consent.for_sample(later_ms, (1, 5_001)) is Granularity.TEN_SECONDS


def test_a_choice_without_an_instant_goes_by_the_time(home: Home) -> None:
    """It was made by a version that kept none."""
    home.sharing.choose("none")
    home.log.write("DELETE FROM facts WHERE name = ?", (MADE_FACT,))

    consent = home.start().consent
    consent.choose(START_MS + 10, Granularity.TEN_SECONDS)

    assert consent.for_sample(START_MS + 9, (9, 0)) is Granularity.NONE
    assert consent.for_sample(START_MS + 10, (1, 0)) is Granularity.TEN_SECONDS
