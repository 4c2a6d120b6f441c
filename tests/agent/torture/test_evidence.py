"""What the hub had committed is read from a copy of its files, damage and all."""

from pathlib import Path
from random import Random

from agent.torture.card import Key
from agent.torture.evidence import Evidence
from tests.support.hubs import append, log_with, rows_every


def test_committed_rows_are_seen_and_the_file_is_left_alone(tmp_path: Path) -> None:
    """The copy is opened, never the hub's own file."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 5)
    before = (tmp_path / "hub.sqlite").read_bytes()
    evidence = Evidence(tmp_path / "hub.sqlite")

    held = evidence.look()

    assert held == {meter_log.log_id.hex(): (1, 5)}
    assert sorted(key.seq for key in evidence.committed) == [1, 2, 3, 4, 5]
    assert (tmp_path / "hub.sqlite").read_bytes() == before
    log.close()


def test_flipped_bits_are_remembered(tmp_path: Path) -> None:
    """What is damaged on purpose may be declared instead of stored."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 5, is_loose=True)
    log.close()
    evidence = Evidence(tmp_path / "hub.sqlite")

    assert evidence.flip_bits(Random(1), 2) == 2

    evidence.look()
    log_id = meter_log.log_id.hex()
    places = {Key(log_id, seq) for seq in range(1, 6)}
    assert evidence.committed.keys() == places - evidence.damaged
    assert len(evidence.damaged) == 2


def test_a_flipped_bit_of_a_commit_damages_all_of_its_rows(tmp_path: Path) -> None:
    """They are one block, and nothing of it is believed then."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 5)
    append(log, meter_log, rows_every(5, first_seq=6))
    log.close()
    evidence = Evidence(tmp_path / "hub.sqlite")

    assert evidence.flip_bits(Random(1), 1) == 5

    evidence.look()
    log_id = meter_log.log_id.hex()
    places = {Key(log_id, seq) for seq in range(1, 11)}
    assert evidence.committed.keys() == places - evidence.damaged


def test_rows_that_are_taken_back_are_noted(tmp_path: Path) -> None:
    """A log that holds less than was seen before has lost what it had committed."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 5)
    append(log, meter_log, rows_every(5, first_seq=6))
    evidence = Evidence(tmp_path / "hub.sqlite")
    evidence.look()

    log.free(meter_log.log, 6, 10)
    evidence.look()

    assert evidence.changed == [Key(meter_log.log_id.hex(), 10)]
    log.close()


def test_what_was_on_another_card_is_forgotten(tmp_path: Path) -> None:
    """A copy of the card is put back: what came after it is neither lost nor taken back."""
    log, meter_log = log_with(tmp_path / "hub.sqlite", 5)
    append(log, meter_log, rows_every(5, first_seq=6))
    log_id = meter_log.log_id.hex()
    evidence = Evidence(tmp_path / "hub.sqlite")
    evidence.look()

    evidence.forget_since({log_id: (1, 5)})
    log.free(meter_log.log, 6, 10)
    evidence.look()

    assert evidence.committed.keys() == {Key(log_id, seq) for seq in range(1, 6)}
    assert evidence.changed == []
    log.close()
