"""How the checks are written down, and how errors become checks."""

import json
import sqlite3

import pytest

from agent.doctor.check import Check, Result, worst_of
from agent.doctor.guard import guard
from agent.doctor.report import to_json, to_text
from shared.errors import OperatorError

CHECKS = [
    Check("page", Result.OK, "the hub runs"),
    Check("broker", Result.WARNING, "not reached", "see the cable"),
    Check("meter link", Result.FAULT, "not there", "plug it in"),
    Check("tariff gas", Result.ABSENT, "no gas meter"),
]


def test_json_has_every_check_and_the_worst() -> None:
    """The shape that programs rely on."""
    report = json.loads(to_json(CHECKS))

    assert report["worst"] == "fault"
    assert report["checks"][1] == {
        "name": "broker",
        "result": "warning",
        "finding": "not reached",
        "fix": "see the cable",
    }
    assert [check["result"] for check in report["checks"]] == [
        "ok",
        "warning",
        "fault",
        "not set up",
    ]


def test_text_has_a_word_a_line_and_the_fix_below() -> None:
    """What a person reads, without a colour."""
    lines = to_text(CHECKS, colours=False).splitlines()

    assert lines[0] == "ok          page        the hub runs"
    assert lines[1:3] == ["warning     broker      not reached", "    see the cable"]
    assert lines[-1] == "4 checks: 1 fault, 1 warning"
    assert "\x1b" not in "".join(lines)


def test_colours_change_nothing_but_the_colour() -> None:
    """The word is there for whoever sees no colours."""
    coloured = to_text(CHECKS, colours=True)

    assert "\x1b[31mfault" in coloured
    assert coloured.count("\x1b[0m") == len(CHECKS)


def test_foreign_bytes_do_not_steer_the_terminal() -> None:
    """A meter's or a broker's text may hold anything."""
    text = to_text([Check("x", Result.OK, "a\x1b[2Jb\nc")], colours=False)

    assert "\x1b" not in text
    assert "b\nc" not in text


@pytest.mark.parametrize(
    ("results", "worst"),
    [
        ([], Result.OK),
        ([Result.OK, Result.ABSENT], Result.OK),
        ([Result.WARNING, Result.OK], Result.WARNING),
        ([Result.WARNING, Result.FAULT], Result.FAULT),
    ],
)
def test_the_worst_counts(results: list[Result], worst: Result) -> None:
    """What is not set up is not wrong."""
    assert worst_of(Check("x", result, "") for result in results) is worst


@pytest.mark.parametrize(
    "error",
    [
        OSError(5, "Input/output error"),
        PermissionError(13, "Permission denied"),
        sqlite3.DatabaseError("disk image is malformed"),
        OperatorError("a cable is out", hint="plug it in"),
        ValueError("'weekly' is not a valid Granularity"),
    ],
)
def test_an_error_becomes_a_fault_with_its_text(error: Exception) -> None:
    """No check can end the examination."""

    def fail() -> Check:
        raise error

    check = guard("x", fail)

    assert (check.name, check.result) == ("x", Result.FAULT)
    assert str(error.args[-1]) in check.finding
    assert check.fix
