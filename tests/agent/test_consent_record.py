"""The record of consent: whatever database it is put into, it lets no more out."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from agent.consent import LimitState, encode_limit_state
from agent.consent_record import LIMIT_FACT, ConsentRecord, keep_record, read_record
from agent.database import open_database
from shared.consent import Granularity

DAILY, LIVE, NONE = Granularity.DAILY, Granularity.LIVE, Granularity.NONE


@pytest.fixture
def backup(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with one choice of the household, live since 100."""
    with closing(open_database(tmp_path / "hub.sqlite")) as connection:
        connection.execute("INSERT INTO consent VALUES (100, 'live')")
        yield connection


def test_a_later_record_holds_as_it_is(backup: sqlite3.Connection) -> None:
    """The backup knows nothing that the database it replaces does not: every word was later."""
    former = ConsentRecord([(100, LIVE), (200, NONE), (300, DAILY)], LimitState(), is_lost=False)

    keep_record(backup, former)

    assert read_record(backup) == former


def test_of_two_histories_the_narrower_holds_at_every_time(backup: sqlite3.Connection) -> None:
    """A hub begun anew knows other choices than the backup; neither may widen the other."""
    former = ConsentRecord([(50, NONE), (200, DAILY)], None, is_lost=False)

    keep_record(backup, former)

    assert read_record(backup) == ConsentRecord(
        [(50, NONE), (100, NONE), (200, DAILY)], None, is_lost=False
    )


def test_a_hub_begun_anew_does_not_undo_the_choice_in_the_backup(
    backup: sqlite3.Connection,
) -> None:
    """It has made no choice yet; the backup's stands, and so does the limit in it."""
    limits = LimitState([(150, DAILY)], revision=4)
    backup.execute("INSERT INTO facts VALUES (?, ?)", (LIMIT_FACT, encode_limit_state(limits)))

    keep_record(backup, ConsentRecord([], None, is_lost=False))

    assert read_record(backup) == ConsentRecord([(100, LIVE)], limits, is_lost=False)


def test_a_limit_that_one_of_both_saw_lifted_holds_again(backup: sqlite3.Connection) -> None:
    """Only a state that follows from the other may lift what the other limits."""
    limited = LimitState([(150, DAILY)], revision=4)
    lifted = LimitState([(160, LIVE)], revision=0, lifted=4)
    backup.execute("INSERT INTO facts VALUES (?, ?)", (LIMIT_FACT, encode_limit_state(limited)))

    keep_record(backup, ConsentRecord([(100, LIVE)], lifted, is_lost=False))

    record = read_record(backup)
    assert record is not None
    assert record.limits == LimitState([(150, DAILY), (160, DAILY)], revision=4)


def test_a_choice_that_was_lost_stays_lost(backup: sqlite3.Connection) -> None:
    """The household may have narrowed it since the backup, and nobody knows."""
    keep_record(backup, ConsentRecord([(0, NONE)], None, is_lost=True))

    assert read_record(backup) == ConsentRecord([(0, NONE), (100, NONE)], None, is_lost=True)


def test_a_word_that_rotted_is_no_choice(backup: sqlite3.Connection) -> None:
    """Then none of the record is believed."""
    backup.execute("UPDATE consent SET granularity = 'l?ve'")

    assert read_record(backup) is None
