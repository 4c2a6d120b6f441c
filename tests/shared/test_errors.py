"""Errors: one root, and messages that name the fix."""

import pytest

from shared.errors import (
    BadInputError,
    ConfigError,
    FrameError,
    HearthlinkError,
    LinkError,
    OperatorError,
    RetryableError,
)


@pytest.mark.parametrize(
    ("error", "kinds"),
    [
        (ConfigError("hub.toml", ["a = 1: use 2"]), (OperatorError, HearthlinkError)),
        (LinkError("gone"), (RetryableError, HearthlinkError)),
        (FrameError("bad-time", "1970"), (BadInputError, HearthlinkError)),
    ],
)
def test_an_error_says_who_must_act(
    error: HearthlinkError, kinds: tuple[type[HearthlinkError], ...]
) -> None:
    """The tree is split by operator, loop and input."""
    assert all(isinstance(error, kind) for kind in kinds)


def test_the_hint_follows_the_message() -> None:
    """A log line carries what failed and how to mend it."""
    assert str(OperatorError("port 8080 is taken", hint="use --port")) == (
        "port 8080 is taken (use --port)"
    )
    assert str(OperatorError("port 8080 is taken")) == "port 8080 is taken"


def test_a_config_error_lists_every_fault() -> None:
    """Nobody mends a file one fault at a time."""
    error = ConfigError("hub.toml", ["a = 1: use 2", "b = 3: use 4"])

    assert error.faults == ["a = 1: use 2", "b = 3: use 4"]
    assert str(error).startswith("hub.toml: 2 fault(s): a = 1: use 2; b = 3: use 4")


def test_a_frame_error_carries_its_code() -> None:
    """A receipt names the code, never the text."""
    error = FrameError("conflict", "said otherwise", hint="look at /v1/dead-letters")

    assert (error.code, error.hint) == ("conflict", "look at /v1/dead-letters")
