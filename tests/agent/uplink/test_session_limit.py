"""The cloud's limit of consent: obeyed from the receipt on, said in the hello, kept."""

from pathlib import Path

from agent.records import MeterLog
from agent.uplink.framing import Chunk, Cut
from agent.uplink.port import Channel
from agent.uplink.session import HELLO_PAUSE_MS
from shared.consent import Granularity
from shared.protocol import ConsentLimit, Hello, decode_hello
from tests.support.sessions import Scene, cut_everything

DAILY = ConsentLimit("daily", 7)


class LimitedScene(Scene):
    """A session that notes what consent allowed whenever a frame was cut."""

    def __init__(self, path: Path, rows: int = 20) -> None:
        self.allowed: list[Granularity] = []
        super().__init__(path, rows, cut=self._cut)

    def _cut(self, meter_log: MeterLog, chunk: Chunk) -> Cut:
        self.allowed.append(self.sharing.consent.now)
        return cut_everything(meter_log, chunk)

    def hellos(self) -> list[Hello]:
        """Hand over the hellos said since last asked."""
        return [decode_hello(payload) for payload in self.uplink.taken(Channel.HELLO)]


def test_a_limit_holds_before_anything_is_framed(tmp_path: Path) -> None:
    """The receipt that answers the hello carries it: no frame is cut under the choice alone."""
    scene = LimitedScene(tmp_path)
    scene.cloud.limit = DAILY
    scene.connect()

    scene.answer()

    assert scene.sent() == [(1, 10), (11, 20)]
    assert scene.allowed == [Granularity.DAILY] * 2


def test_a_limit_holds_for_what_is_sent_again(tmp_path: Path) -> None:
    """A range that was framed under the household's choice is cut anew under the limit."""
    scene = LimitedScene(tmp_path)
    scene.connect()
    scene.answer()
    scene.sent()
    scene.cloud.limit = DAILY

    scene.answer()
    scene.uplink.lose()
    scene.connect()
    scene.answer()

    assert scene.sent() == [(1, 10), (11, 20)]
    assert scene.allowed == [Granularity.TEN_SECONDS] * 2 + [Granularity.DAILY] * 2


def test_what_waits_in_the_transport_is_taken_back(tmp_path: Path) -> None:
    """A frame that has not left yet is cut anew rather than sent as it was allowed before."""
    scene = LimitedScene(tmp_path)
    scene.uplink.holds_back = True
    scene.connect()
    scene.answer()
    scene.cloud.limit = DAILY

    scene.answer()

    assert scene.sent() == [(1, 10), (11, 20)]
    assert scene.allowed[-2:] == [Granularity.DAILY] * 2


def test_the_hello_says_what_is_enforced_and_what_was_lifted(tmp_path: Path) -> None:
    """The cloud learns that its limit is obeyed, and that the household took it away."""
    scene = LimitedScene(tmp_path)
    scene.connect()
    first = scene.hellos()
    scene.cloud.limit = DAILY
    scene.answer()
    scene.step(HELLO_PAUSE_MS)
    limited = scene.hellos()
    scene.answer()

    scene.sharing.choose("live")
    scene.session.greet_soon()
    scene.step(HELLO_PAUSE_MS)
    lifted = scene.hellos()
    scene.answer()

    assert [(hello.consent, hello.consent_lifted) for hello in first] == [("10s", 0)]
    assert [(hello.consent, hello.consent_lifted) for hello in limited] == [("daily", 0)]
    assert [(hello.consent, hello.consent_lifted) for hello in lifted] == [("live", 7)]
    assert scene.sharing.consent.now is Granularity.LIVE


def test_a_limit_is_obeyed_after_a_restart(tmp_path: Path) -> None:
    """Before the cloud has said a word."""
    scene = LimitedScene(tmp_path)
    scene.cloud.limit = DAILY
    scene.connect()
    scene.answer()

    scene.sharing = scene.make_sharing()

    assert scene.sharing.consent.now is Granularity.DAILY


def test_no_receipt_ends_a_limit(tmp_path: Path) -> None:
    """Neither an older one nor a newer, nor the answer to a hello: only the household does."""
    scene = LimitedScene(tmp_path)
    scene.connect()
    scene.answer(revision=10, consent=DAILY)

    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt("", revision=9))
    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt("", revision=11))
    scene.uplink.lose()
    scene.connect()
    scene.answer(revision=12)

    assert scene.sharing.consent.now is Granularity.DAILY


def test_a_limit_of_a_late_receipt_still_narrows(tmp_path: Path) -> None:
    """A store that was put back gives lower revisions, and a newer limit with them."""
    scene = LimitedScene(tmp_path)
    scene.connect()
    scene.answer(revision=10)

    scene.uplink.arrive(Channel.RECEIPTS, scene.cloud.receipt("", revision=3, consent=DAILY))
    scene.step()

    assert scene.sharing.consent.now is Granularity.DAILY


def test_a_store_put_back_to_before_a_limit_widens_nothing(tmp_path: Path) -> None:
    """It knows of none, says so under its new name, and sets a wider one later."""
    scene = LimitedScene(tmp_path)
    scene.cloud.limit = DAILY
    scene.connect()
    scene.answer()
    scene.cloud.limit = None
    scene.cloud.store_id = "store-2"

    scene.uplink.lose()
    scene.connect()
    scene.answer()
    forgotten = scene.sharing.consent.now
    scene.answer(consent=ConsentLimit("10s", 8))

    assert forgotten is Granularity.DAILY
    assert scene.sharing.consent.now is Granularity.DAILY
    assert set(scene.allowed) == {Granularity.DAILY}


def test_limits_that_change_all_the_time_make_no_storm_of_hellos(tmp_path: Path) -> None:
    """At most one a minute beside that of connecting."""
    scene = LimitedScene(tmp_path)
    scene.connect()
    scene.answer()
    scene.hellos()

    for second in range(180):
        if second % 2:
            scene.sharing.choose("10s")
        scene.answer(consent=ConsentLimit("daily", 100 + second // 2))
        scene.step(1_000)

    assert len(scene.hellos()) == 3
