"""What the doctor says of a log that gave something up, or whose file something happened to."""

from pathlib import Path

from agent.blocks import BLOCK_ROWS
from agent.doctor.check import Result
from agent.doctor.history import check_ids, check_room, judge_ids, judge_room
from agent.doctor.reading import open_database
from agent.reserve import Reserve
from agent.timekeeping import ClockLedger
from agent.upkeep.opening import COPIED, REWOUND, Renewal
from agent.upkeep.salvage import Salvage
from agent.upkeep.sealing import seal
from agent.upkeep.thinning import Thinner
from tests.support.hubs import TIMED, config_in, log_with


def test_an_ordinary_log_has_room_and_its_own_ids(tmp_path: Path) -> None:
    """Nothing was given up and nothing happened."""
    config = config_in(tmp_path)
    log_with(config.database_path, 10)[0].close()
    Reserve(tmp_path).make()

    with open_database(config.database_path) as connection:
        room, ids = check_room(connection, config), check_ids(connection)

    assert (room.result, ids.result) == (Result.OK, Result.OK)
    assert "0 of 512 MB; nothing was given up" in room.finding


def test_what_was_thinned_is_counted(tmp_path: Path) -> None:
    """The count, and that energy is exact, with what to do."""
    config = config_in(tmp_path)
    log, _ = log_with(config.database_path, BLOCK_ROWS)
    seal(log)
    thinned = Thinner(log, ClockLedger([TIMED]).resolve, config.hub_zone, lambda _: []).thin()
    log.close()

    with open_database(config.database_path) as connection:
        check = check_room(connection, config)

    assert check.result is Result.WARNING
    assert f"{thinned} samples thinned" in check.finding
    assert "energy is exact" in check.finding
    assert "log.max_mb" in check.fix


def test_a_missing_reserve_is_a_warning() -> None:
    """A disk that is nearly full leaves no room to set aside."""
    assert judge_room(3, 512, 0, has_reserve=False).result is Result.WARNING


def test_a_salvage_is_told_with_the_kept_file() -> None:
    """How much came through, how much did not, and where the file lies."""
    check = judge_ids(Salvage("hub.sqlite.damaged-1", "malformed", 900, 12), None)

    assert check.result is Result.WARNING
    assert "900 samples salvaged, 12 lost" in check.finding
    assert "hub.sqlite.damaged-1" in check.finding


def test_what_a_salvage_could_not_read_is_named() -> None:
    """Samples whose meter nobody can tell, and the tables that came through in part."""
    check = judge_ids(Salvage("there", "malformed", 0, 0, 7, ["logs"]), None)

    assert "7 lost with the record of whose they are; read in part: logs" in check.finding


def test_new_ids_are_told_with_their_reason() -> None:
    """A copy asks for something to be done; a database that was put back does not."""
    copied = judge_ids(None, Renewal(COPIED, ["M1"]))
    rewound = judge_ids(None, Renewal(REWOUND, ["M1", "G1"]))

    assert copied.fix
    assert "2 meters under new log ids" in rewound.finding
    assert not rewound.fix
