"""A database whose tables nobody can list any more: what it lost is declared to the cloud."""

from pathlib import Path
from zoneinfo import ZoneInfo

from agent.consent import Consent
from agent.log import Log
from agent.pieces import Piece
from agent.records import MeterLog
from agent.timekeeping import ClockLedger
from agent.upkeep.opening import open_log
from agent.upkeep.salvage import read_salvage
from agent.uplink.framing import Chunk, Framer
from agent.uplink.greeting import log_states
from shared.consent import Granularity
from shared.frames import encode_frame
from shared.protocol import Hello, encode_message
from shared.ranges import subtract
from shared.readings import Medium
from tests.support.hubs import METER, START_MS, append, rows_every
from tests.support.ingest import THING, Cloud

ROWS = 100
STORED = 60


def frame_bytes(log: Log, meter_log: MeterLog, first_seq: int, last_seq: int) -> bytes:
    """Frame a range of a log as it stands."""
    consent = Consent([(0, Granularity.TEN_SECONDS)])
    framer = Framer(meter_log, log.runs(meter_log.log), consent, ZoneInfo("Europe/London"))
    chunk = Chunk(first_seq, last_seq, iter(log.read(meter_log.log, first_seq, last_seq)), False)
    cut = framer.cut(chunk, ClockLedger(log.clock_pieces()).resolve, START_MS * 2)
    assert cut.frame is not None
    return encode_frame(cut.frame)


def rot_first_page(path: Path) -> None:
    """Fill the list of tables with rubbish, where it lies; the header of the file stays."""
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * (1_024 - 100))


def test_what_a_lost_schema_page_hides_is_declared_damaged(tmp_path: Path) -> None:
    """The marks know the log and how far it went, the cloud what it has: the rest is damaged."""
    path = tmp_path / "hub.sqlite"
    log = open_log(path)
    log.add_clock_piece(Piece(log.boot_number("boot-1"), 0, START_MS, 10, "ntp"))
    meter_log = log.meter_log(METER, Medium.ELECTRICITY)
    append(log, meter_log, rows_every(ROWS))
    cloud = Cloud(tmp_path)
    cloud.send(frame_bytes(log, meter_log, 1, STORED))
    log.close()
    rot_first_page(path)

    salvaged = open_log(path)
    lost = next(one for one in salvaged.all_logs() if one.log_id == meter_log.log_id)
    hello = encode_message(Hello("0.1.0", 1, log_states(salvaged)))
    receipts = {one.log_id: one for _, one in cloud.service.greet(THING, hello)}
    stored = receipts[lost.log_id.hex()].stored
    for first_seq, last_seq in subtract([(1, ROWS)], [part[:2] for part in stored]):
        cloud.send(frame_bytes(salvaged, lost, first_seq, last_seq))

    found = read_salvage(salvaged)
    salvaged.close()
    known = cloud.log(meter_log.log_id)
    assert found is not None
    assert (lost.meter, found.rows, found.lost, found.unread) == (METER, 0, ROWS, 0)
    assert known.coverage == [(1, ROWS, 0)]
    assert known.damaged_count == ROWS - STORED
