"""The command: finds its subcommand, and turns errors into words and an exit status."""

import sys
from collections.abc import Callable, Sequence

import pytest

from shared import cli
from shared.errors import ConfigError, HearthlinkError, LinkError, OperatorError

Command = Callable[[Sequence[str]], object]


class FakeEntryPoint:
    """Stands for an installed entry point; `load` hands over the function it was made with."""

    def __init__(self, name: str, command: Command, value: str = "agent.cli:run") -> None:
        self.name = name
        self.value = value
        self._command = command

    def load(self) -> Command:
        """Hand over the function."""
        return self._command


def install(monkeypatch: pytest.MonkeyPatch, *entries: FakeEntryPoint) -> None:
    """Have only these commands installed."""

    def entry_points(*, group: str) -> list[FakeEntryPoint]:
        return list(entries) if group == cli.GROUP else []

    monkeypatch.setattr(cli, "entry_points", entry_points)


def raising(error: BaseException) -> Command:
    """Make a command that ends with an error."""

    def run(arguments: Sequence[str]) -> int:
        raise error

    return run


@pytest.mark.parametrize("words", [[], ["-h"], ["--help"]])
def test_alone_it_lists_the_commands(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asked for nothing, it says what is installed here, in order."""
    install(monkeypatch, FakeEntryPoint("run", list), FakeEntryPoint("demo", list))

    status = cli.main(words)

    assert status == cli.EXIT_OK
    assert "  demo\n  run\n" in capsys.readouterr().out


def test_the_arguments_after_the_command_are_handed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command sees its own arguments only, and its status is the process's."""
    seen: list[Sequence[str]] = []

    def run(arguments: Sequence[str]) -> int:
        seen.append(arguments)
        return 7

    install(monkeypatch, FakeEntryPoint("run", run))

    status = cli.main(["run", "--config", "hub.toml"])

    assert status == 7
    assert seen == [["--config", "hub.toml"]]


def test_it_reads_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments given, the process's own count; returning nothing is success."""
    install(monkeypatch, FakeEntryPoint("run", lambda arguments: None))
    monkeypatch.setattr(sys, "argv", ["hearthlink", "run"])

    assert cli.main() == cli.EXIT_OK


def test_an_unknown_command_is_wrong_use(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the word and says where to look."""
    install(monkeypatch)

    status = cli.main(["brew"])

    assert status == cli.EXIT_USAGE
    assert "no command 'brew'; run 'hearthlink --help'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (OperatorError("port 1 is taken", hint="use --port"), cli.EXIT_USAGE),
        (LinkError("the port is gone"), cli.EXIT_FAILED),
        (HearthlinkError("it failed"), cli.EXIT_FAILED),
    ],
)
def test_an_error_becomes_a_line_and_a_status(
    error: HearthlinkError,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What a person must mend is wrong use; everything else failed. No traceback."""
    install(monkeypatch, FakeEntryPoint("run", raising(error)))

    assert cli.main(["run"]) == status
    assert capsys.readouterr().err == f"hearthlink run: {error}\n"


def test_every_fault_of_a_configuration_has_its_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All faults at once, and exit 2."""
    error = ConfigError("hub.toml", ["a = 1: use 2", "b = 3: use 4"])
    install(monkeypatch, FakeEntryPoint("run", raising(error)))

    status = cli.main(["run"])

    assert status == cli.EXIT_USAGE
    assert capsys.readouterr().err == (
        "hearthlink run: hub.toml:\n  a = 1: use 2\n  b = 3: use 4\n"
    )


@pytest.mark.parametrize(
    ("value", "extra"),
    [
        ("agent.cli:run", "agent"),
        ("cloud.cli:run", "cloud"),
        ("firmware_bridge.simulator.cli:run", "agent"),
    ],
)
def test_a_library_that_is_lacking_names_its_extra(
    value: str,
    extra: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A hub without the cloud's libraries says how to get them, by an extra that exists."""
    error = ModuleNotFoundError("No module named 'serial'", name="serial")
    install(monkeypatch, FakeEntryPoint("run", raising(error), value))

    status = cli.main(["run"])

    assert status == cli.EXIT_USAGE
    assert (
        f"serial is not installed; install hearthlink with the extra that has it ([{extra}])"
        in (capsys.readouterr().err)
    )


def test_a_key_press_to_stop_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is the ordinary way out of a command that runs for ever."""
    install(monkeypatch, FakeEntryPoint("run", raising(KeyboardInterrupt())))

    assert cli.main(["run"]) == cli.EXIT_OK
