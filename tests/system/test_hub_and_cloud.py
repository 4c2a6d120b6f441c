"""A hub's session against the real ingest, in one process: copies put back, limits, revocation."""

from pathlib import Path

import pytest

from agent.uplink.port import Channel
from agent.uplink.session import HELLO_PAUSE_MS
from cloud.households.revocations import find_limit, limit_consent, readmit, revoke
from cloud.ingest.intake import Message
from cloud.ingest.repository import renew_store
from cloud.ingest.service import Addressed
from cloud.readings.repository import SqlReadingStore
from shared.consent import Granularity
from shared.frames import decode_frame
from shared.protocol import ConsentLimit, encode_message
from shared.units import MS_PER_HOUR
from tests.support.ingest import HOME, THING, Cloud
from tests.support.sessions import Scene
from tests.support.stores import put_back, save

pytestmark = pytest.mark.usefixtures("either_store")

INTERVAL_MS = 300_000


class Pair:
    """A session over a log, and the ingest service it speaks with."""

    def __init__(self, path: Path, rows: int) -> None:
        for name in ("hub", "cloud"):
            (path / name).mkdir()
        self.hub = Scene(path / "hub", rows)
        # The last of it was read just now.
        self.hub.time.pass_by(rows * 10_000)
        self.cloud = Cloud(path / "cloud")

    def carry(self) -> None:
        """Carry what is under way, both ways, until neither side has more to say."""
        self.cloud.clock.advance_to(self.hub.time.utc_ms)
        while self.hub.uplink.published:
            sent, self.hub.uplink.published = self.hub.uplink.published, []
            for channel, payload in sent:
                self.tell(self.answers(channel, payload))
            self.hub.step()

    def answers(self, channel: Channel, payload: bytes) -> list[Addressed]:
        """Let the cloud take one message."""
        if channel is Channel.HELLO:
            return self.cloud.service.greet(THING, payload)
        if channel is Channel.FRAMES:
            message = Message(THING, payload, self.cloud.clock.utc_ms())
            return self.cloud.service.ingest([message])
        return []

    def tell(self, addressed: list[Addressed]) -> None:
        """Let receipts arrive at the hub."""
        for one in addressed:
            self.hub.uplink.arrive(Channel.RECEIPTS, encode_message(one.receipt))

    def connect(self) -> None:
        """Connect, and let everything be said."""
        self.hub.connect()
        self.carry()

    def wait(self, ms: int) -> None:
        """Let time pass, and everything be said that is due."""
        self.hub.step(ms)
        self.carry()

    def log(self, rows: int) -> None:
        """Commit further rows, and let them leave."""
        self.hub.more(rows)
        self.wait(INTERVAL_MS)

    @property
    def unstored(self) -> int:
        """How many rows no receipt has named."""
        return sum(
            last - first + 1 for _, ranges in self.hub.session.unstored() for first, last in ranges
        )

    def stored_seqs(self) -> list[int]:
        """List the sequences of the hub's log that the cloud has, each as often as it has it."""
        log_id = self.hub.meter_log.log_id.hex()
        with self.cloud.database.reading() as connection:
            kept = SqlReadingStore(connection).frames_of_log(HOME, log_id, [(0, 10**6)])
        return sorted(seq for part in kept for seq in decode_frame(part.payload).sequences())


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    """A hub whose first 40 rows are stored."""
    made = Pair(tmp_path, rows=40)
    made.connect()
    assert made.unstored == 0
    return made


def test_a_cloud_put_back_by_copying_its_file_gets_everything_again(
    pair: Pair, tmp_path: Path
) -> None:
    """The hub stays connected; the next receipt gives the copy away, and a hello follows."""
    save(pair.cloud.database, tmp_path / "old.db")
    for _ in range(4):
        pair.log(10)
    put_back(pair.cloud.database, tmp_path / "old.db")
    forgotten = pair.stored_seqs()

    pair.log(10)
    asked = pair.cloud.hub().store_renewals
    for _ in range(5):
        pair.wait(1_000)

    assert asked == 1
    assert forgotten == list(range(1, 41))
    assert pair.stored_seqs() == list(range(1, 91))
    assert pair.unstored == 0
    assert pair.cloud.hub().store_renewals == 1


def test_a_copy_that_lacks_one_receipt_alone_is_found_out_too(pair: Pair, tmp_path: Path) -> None:
    """The store has given as many receipts as the hub knows of, one of them twice."""
    save(pair.cloud.database, tmp_path / "old.db")
    pair.log(10)
    put_back(pair.cloud.database, tmp_path / "old.db")

    pair.log(10)
    for _ in range(5):
        pair.wait(1_000)

    assert pair.cloud.hub().store_renewals == 1
    assert pair.stored_seqs() == list(range(1, 61))
    assert pair.unstored == 0


def test_a_hub_that_was_away_meanwhile_says_so_when_it_connects(pair: Pair, tmp_path: Path) -> None:
    """Nothing has to arrive first: its hello names the newest receipt."""
    save(pair.cloud.database, tmp_path / "old.db")
    pair.log(10)
    pair.hub.uplink.lose()
    put_back(pair.cloud.database, tmp_path / "old.db")

    pair.connect()
    pair.wait(INTERVAL_MS)

    assert pair.stored_seqs() == list(range(1, 51))
    assert pair.cloud.hub().store_renewals == 1


def test_a_hub_that_is_up_to_date_is_asked_for_nothing_again(pair: Pair) -> None:
    """However often it connects."""
    for _ in range(5):
        pair.log(10)
        pair.hub.uplink.lose()
        pair.connect()

    assert pair.cloud.hub().store_renewals == 0
    assert pair.stored_seqs() == list(range(1, 91))


def test_a_limit_is_obeyed_said_and_lifted_by_the_household(pair: Pair) -> None:
    """From the cloud's word to the hub's, and back to what the household allows."""
    with pair.cloud.database.writing() as connection:
        limit_consent(connection, THING, Granularity.DAILY, pair.cloud.clock.utc_ms())
    pair.tell(pair.cloud.service.tell(THING))
    pair.hub.step()
    obeyed = pair.hub.sharing.consent.now
    pair.wait(HELLO_PAUSE_MS)
    enforced = pair.cloud.hub().consent

    pair.hub.sharing.choose("10s")
    pair.hub.session.greet_soon()
    pair.wait(HELLO_PAUSE_MS)

    with pair.cloud.database.reading() as connection:
        limit: ConsentLimit | None = find_limit(connection, THING)
    assert (obeyed, enforced) == (Granularity.DAILY, "daily")
    assert limit is None
    assert pair.cloud.hub().consent == "10s"
    assert pair.hub.sharing.consent.now is Granularity.TEN_SECONDS


def test_a_limit_set_while_the_hub_was_away_holds_before_it_sends(pair: Pair) -> None:
    """The answer to its hello carries it."""
    pair.hub.uplink.lose()
    with pair.cloud.database.writing() as connection:
        limit_consent(connection, THING, Granularity.NONE, pair.cloud.clock.utc_ms())

    pair.connect()

    assert pair.hub.sharing.consent.now is Granularity.NONE


@pytest.mark.parametrize("is_renamed", [True, False])
def test_a_store_of_before_a_limit_widens_nothing(
    pair: Pair, tmp_path: Path, is_renamed: bool
) -> None:
    """Restored or put back by hand, it has forgotten the limit; the hub has not."""
    save(pair.cloud.database, tmp_path / "old.db")
    pair.wait(INTERVAL_MS)
    with pair.cloud.database.writing() as connection:
        limit_consent(connection, THING, Granularity.NONE, pair.cloud.clock.utc_ms())
    pair.tell(pair.cloud.service.tell(THING))
    pair.hub.step()

    pair.hub.uplink.lose()
    put_back(pair.cloud.database, tmp_path / "old.db")
    if is_renamed:
        with pair.cloud.database.writing() as connection:
            renew_store(connection, pair.cloud.clock.utc_ms())
    pair.connect()
    pair.wait(INTERVAL_MS)

    with pair.cloud.database.reading() as connection:
        known: ConsentLimit | None = find_limit(connection, THING)
    held = pair.hub.sharing.enforced()[0]
    pair.hub.sharing.choose("10s")

    assert known is None
    assert (held, pair.cloud.hub().consent) == ("none", "none")
    assert pair.hub.sharing.enforced()[0] == "10s"


def test_a_revoked_hub_frees_nothing_and_goes_on_once_it_is_let_in(pair: Pair) -> None:
    """It gets no receipt; what it sent meanwhile it sends again."""
    with pair.cloud.database.writing() as connection:
        revoke(connection, THING, pair.cloud.clock.utc_ms())
    pair.log(10)
    kept = pair.unstored
    with pair.cloud.database.writing() as connection:
        readmit(connection, THING, pair.cloud.clock.utc_ms())

    pair.wait(2 * MS_PER_HOUR)

    assert kept == 10
    assert pair.unstored == 0
    assert pair.stored_seqs() == list(range(1, 51))


def test_a_frame_lost_on_the_way_is_there_within_a_minute(pair: Pair) -> None:
    """The receipt for the next one passes it over: it does not wait for its hour."""
    pair.hub.more(10)
    pair.hub.step(INTERVAL_MS)
    lost = len(pair.hub.uplink.frames())
    pair.log(10)
    hole = pair.unstored

    pair.wait(46_000)

    assert (lost, hole) == (1, 10)
    assert pair.unstored == 0
