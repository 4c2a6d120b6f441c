"""An ingest service on a database of its own, with a clock that the test drives."""

from pathlib import Path

from cloud.db import Database
from cloud.households.repository import Hub, list_hubs
from cloud.households.revocations import limit_consent, revoke
from cloud.ingest import letters, repository
from cloud.ingest.hubbatch import Rules
from cloud.ingest.intake import Message
from cloud.ingest.repository import Log
from cloud.ingest.service import IngestService
from cloud.readings.repository import SqlReadingStore
from cloud.scope import Scope
from shared import frames
from shared.clock import DrivenClock
from shared.consent import Granularity
from shared.protocol import Hello, LogState, Receipt, Status, encode_message
from tests.support.cloud import LOG_ID, METER, START_MS, database_in

HOME = Scope.of("home")
NOW_MS = START_MS + 600_000
THING = "hub-1"


class Cloud:
    """What a hub meets: frames and hellos in, receipts out, and a look at what is kept."""

    def __init__(self, directory: Path, **rules: int) -> None:
        self.database: Database = database_in(directory)
        self.clock = DrivenClock(NOW_MS)
        self.service = IngestService(self.database, self.clock, Rules(**rules))

    def send(self, *payloads: bytes, thing: str = THING) -> list[Receipt]:
        """Ingest payloads as one batch of one hub."""
        messages = [Message(thing, payload, self.clock.utc_ms()) for payload in payloads]
        return [receipt for _, receipt in self.service.ingest(messages)]

    def greet(self, first_seq: int, last_seq: int, **said: object) -> list[Receipt]:
        """Say hello with the tests' log."""
        state = LogState(LOG_ID.hex(), METER, first_seq, last_seq)
        hello = Hello("0.1.0", 1, [state], **said)  # type: ignore[arg-type]  # fields of a hello
        return [receipt for _, receipt in self.service.greet(THING, encode_message(hello))]

    def connect(self) -> None:
        """Say that the hub is online."""
        self.service.note_status(THING, encode_message(Status("a", online=True)))

    def disconnect(self) -> None:
        """Say that the hub is offline."""
        self.service.note_status(THING, encode_message(Status("a", online=False)))

    def limit(self, granularity: Granularity) -> None:
        """Let the hub send no more than this."""
        with self.database.writing() as connection:
            limit_consent(connection, THING, granularity, self.clock.utc_ms())

    def revoke(self) -> None:
        """Shut the hub out."""
        with self.database.writing() as connection:
            revoke(connection, THING, self.clock.utc_ms())

    def letters(self) -> list[dict[str, object]]:
        """List what was set aside."""
        with self.database.reading() as connection:
            return letters.list_dead_letters(connection, HOME, 500)

    def hub(self) -> Hub:
        """The tests' hub as the cloud knows it."""
        with self.database.reading() as connection:
            (found,) = [one for one in list_hubs(connection, HOME) if one.thing == THING]
        return found

    def log(self, log_id: bytes = LOG_ID) -> Log:
        """One log as the cloud knows it."""
        with self.database.reading() as connection:
            log = repository.read_log(connection, log_id.hex())
        assert log is not None
        return log

    def coverage(self) -> list[tuple[int, int, int]]:
        """The coverage of the tests' log."""
        return self.log().coverage

    def stored(self) -> dict[int, int]:
        """The time of every sample stored of the tests' log, each stored once."""
        with self.database.reading() as connection:
            kept = SqlReadingStore(connection).frames_of_log(HOME, LOG_ID.hex(), [(0, 10**6)])
        samples = [one for part in kept for one in frames.decode_frame(part.payload).samples()]
        times = {one.seq: one.taken_at_ms for one in samples}
        assert len(times) == len(samples)
        return dict(sorted(times.items()))
